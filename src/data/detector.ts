/** What must be known of a model to read its outputs: how scores come of its logits, and what its boxes are. */
import { fail } from '../common/errors.ts'
import { checkFlag, checkInteger, checkWord, isRecord, MAX_SIZE, show } from '../common/validate.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { checkScoreKind } from './score-kind.ts'
import type { ScoreKind } from './score-kind.ts'

/** How outputs are read: as a criterion reads them, or as these settings say. */
export interface DetectorOptions {
  /** The criterion that the model was trained with, which knows all of the following; they must then be absent. */
  readonly criterion?: { readonly options: ResolvedOptions } | undefined
  /**
   * How scores come of logits: `'softmax'`, over the classes and no-object; or `'sigmoid'`, each class by itself, for which any of a
   * criterion's sigmoid kinds may stand. One of `criterion` and `kind` must be given.
   */
  readonly kind?: ScoreKind | undefined
  /** With softmax, the column that means no-object: `'last'`, or its number. Default: `'last'`. */
  readonly noObjectIndex?: 'last' | number | undefined
  /** What the boxes are: centre and size, or two corners. Default: `'cxcywh'`. */
  readonly boxFormat?: 'cxcywh' | 'xyxy' | undefined
  /** Whether the boxes are parts of the image's width and height, rather than pixels. Default: true. */
  readonly normalizedBoxes?: boolean | undefined
}

/** A model as far as its outputs are read. */
export interface Detector {
  /** The column of no-object; undefined with a sigmoid kind, which has none. */
  readonly noObjectIndex: number | 'last' | undefined
  readonly boxFormat: 'cxcywh' | 'xyxy'
  readonly normalizedBoxes: boolean
  /** The columns that logits must have; undefined where any number will do. */
  readonly columns: number | undefined
}

const OF_MODEL = ['kind', 'noObjectIndex', 'boxFormat', 'normalizedBoxes'] as const

/** Reads what is known of a model. */
export function readDetector(given: { readonly [Key in keyof DetectorOptions]?: unknown }): Detector {
  const { criterion, ...settings } = given
  if (criterion === undefined) return fromSettings(settings)
  for (const key of OF_MODEL) {
    if (settings[key] === undefined) continue
    fail('OPTION', `options.${key}`, 'must be absent beside options.criterion, which knows it')
  }
  return fromCriterion(criterion)
}

function fromSettings({
  kind,
  noObjectIndex,
  boxFormat,
  normalizedBoxes,
}: { readonly [Key in (typeof OF_MODEL)[number]]?: unknown }): Detector {
  if (kind === undefined) {
    const rule = "one of criterion and kind must be given: { criterion }, { kind: 'softmax' } or { kind: 'sigmoid' }"
    fail('OPTION', 'options', rule)
  }
  const isSoftmax = checkScoreKind(kind, 'options.kind') === 'softmax'
  if (!isSoftmax && noObjectIndex !== undefined) {
    fail('OPTION', 'options.noObjectIndex', 'has no meaning for sigmoid scores, which have no column for no-object')
  }
  const index =
    noObjectIndex === undefined || noObjectIndex === 'last'
      ? 'last'
      : checkInteger(noObjectIndex, 0, MAX_SIZE, 'options.noObjectIndex')
  return {
    noObjectIndex: isSoftmax ? index : undefined,
    boxFormat: checkWord(boxFormat, ['cxcywh', 'xyxy'], 'cxcywh', 'options.boxFormat'),
    normalizedBoxes: checkFlag(normalizedBoxes, true, 'options.normalizedBoxes'),
    columns: undefined,
  }
}

/** Reads the options of a criterion, each of them once. */
function fromCriterion(criterion: unknown): Detector {
  const name = 'options.criterion'
  const options = isRecord(criterion) ? criterion['options'] : undefined
  if (!isRecord(options)) return fail('DTYPE', name, `must be a HungarianLoss, got ${show(criterion)}`)
  const { numClasses, classification, boxFormat, normalizedBoxes } = options
  if (!isRecord(classification)) return fail('DTYPE', name, `must be a HungarianLoss, got ${show(criterion)}`)
  const { kind, noObjectIndex } = classification
  const isSoftmax = checkScoreKind(kind, `${name}.options.classification.kind`) === 'softmax'
  const classes = checkInteger(numClasses, 1, MAX_SIZE, `${name}.options.numClasses`)
  return {
    noObjectIndex: isSoftmax
      ? checkInteger(noObjectIndex, 0, classes, `${name}.options.classification.noObjectIndex`)
      : undefined,
    boxFormat: checkWord(boxFormat, ['cxcywh', 'xyxy'], 'cxcywh', `${name}.options.boxFormat`),
    normalizedBoxes: checkFlag(normalizedBoxes, true, `${name}.options.normalizedBoxes`),
    columns: isSoftmax ? classes + 1 : classes,
  }
}

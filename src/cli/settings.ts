/** The criterion that a batch is looked at with: what the command line says, or else what the logits tell. */
import { HungarianLossError } from '../common/errors.ts'
import { isRecord, show, showKnown } from '../common/validate.ts'
import { lettersOf } from '../common/words.ts'
import { HungarianLoss } from '../criterion/criterion.ts'
import type { HungarianLossOptions } from '../options/options.ts'
import { PRESETS } from '../options/presets.ts'
import type { PresetName } from '../options/presets.ts'
import { isSigmoid } from '../terms/classification.ts'
import type { ResolvedClassification } from '../terms/classification.ts'
import { Fault, systemRule, UsageFault } from './fault.ts'
import type { Batch } from './file/batch.ts'
import { readJson } from './file/read.ts'

/** What the command line says of the criterion. */
export interface CriterionSettings {
  readonly preset: string | undefined
  readonly numClasses: number | undefined
  /** A file of JSON with the criterion's options. */
  readonly options: string | undefined
}

/** The criterion, and what was taken for granted. */
export interface Chosen {
  readonly criterion: HungarianLoss
  readonly preset: PresetName
  /** Whether nobody has named the preset. */
  readonly isPresetGuessed: boolean
  /** Whether the number of classes follows from the logits. */
  readonly isGuessed: boolean
}

/** Makes the criterion. */
export async function chooseCriterion(settings: CriterionSettings, batch: Batch): Promise<Chosen> {
  const preset = presetOf(settings.preset)
  const given = settings.options === undefined ? {} : await readOptions(settings.options)
  const numClasses = settings.numClasses ?? given['numClasses']
  const isGuessed = numClasses === undefined
  const options = { ...given, numClasses: numClasses ?? guessClasses(batch, kindOf(given, preset)) }
  try {
    const criterion = new HungarianLoss(options as unknown as HungarianLossOptions, preset)
    return { criterion, preset, isPresetGuessed: settings.preset === undefined, isGuessed }
  } catch (error) {
    if (error instanceof HungarianLossError) throw new Fault(`${settings.options ?? 'the options'}: ${error.message}`)
    throw error
  }
}

function presetOf(name = 'detr'): PresetName {
  const names = Object.keys(PRESETS) as PresetName[]
  const found = names.find((preset) => lettersOf(preset) === lettersOf(name))
  if (found === undefined) throw new UsageFault(`--preset: there is no preset ${show(name)}; ${showKnown(name, names)}`)
  return found
}

async function readOptions(path: string): Promise<Record<string, unknown>> {
  let options: unknown
  try {
    options = await readJson(path)
  } catch (error) {
    throw new Fault(`${path}: ${error instanceof Fault ? error.message : systemRule(error)}`)
  }
  if (!isRecord(options)) throw new Fault(`${path}: it must hold an object of options, and holds ${show(options)}`)
  return options
}

/** The kind of classification. */
function kindOf({ classification }: Record<string, unknown>, preset: PresetName): string {
  const kind = isRecord(classification) ? classification['kind'] : undefined
  return typeof kind === 'string' ? kind : PRESETS[preset].classification
}

/** The logits' columns, without that of no-object. */
function guessClasses({ outputs }: Batch, kind: string): number {
  const { shape, dims } = Object(outputs.logits) as { readonly shape?: unknown; readonly dims?: unknown }
  const axes = shape ?? dims
  const columns: unknown = Array.isArray(axes) ? axes.at(-1) : undefined
  if (!Number.isSafeInteger(columns)) throw new Fault('the logits have no shape: say --num-classes')
  return Math.max((columns as number) - Number(!isSigmoid(kind as ResolvedClassification['kind'])), 1)
}

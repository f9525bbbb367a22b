/** Which of the library's names is meant by a name in a file: ours, or those of PyTorch's code. */
import { lettersOf } from '../../common/words.ts'
import { FIELDS, FOREIGN_FIELDS, TARGET_FIELDS } from '../../terms/index.ts'

/** Foreign names that are no more than a guess: scores are probabilities as often as logits. */
const UNSURE: ReadonlySet<string> = new Set(['scores'])

const QUERY_FIELDS = new Map(FIELDS.map(({ name }) => [lettersOf(name), name as string]))
const PART_FIELDS = new Map(['queryWeights', 'layerWeights'].map((name) => [lettersOf(name), name]))
const TARGET_NAMES = new Map([
  ...[
    'labels',
    'positives',
    'ignore',
    'columns',
    'weights',
    'exhaustive',
    ...TARGET_FIELDS.map(({ name }) => name),
  ].map((name) => [lettersOf(name), name] as const),
  // Grounding DINO's and MDETR's words, and SAM 3's
  ['positivemap', 'positives'],
  ['textmask', 'columns'],
  ['isexhaustive', 'exhaustive'],
])
const CROWDS: ReadonlySet<string> = new Set(['iscrowd', 'crowd'])
const SIZES: ReadonlySet<string> = new Set(['size', 'origsize', 'origsizes', 'imagesize', 'imagesizes'])

/** The field of the queries that a name stands for: `logits` for `pred_logits`. */
export function queryField(name: string): string | undefined {
  const letters = lettersOf(name)
  const own = QUERY_FIELDS.get(letters.replace(/^pred/, ''))
  if (own !== undefined || UNSURE.has(letters) || !Object.hasOwn(FOREIGN_FIELDS.queries, letters)) return own
  return FOREIGN_FIELDS.queries[letters]
}

/** What of a part, and of none of its layers, a name stands for: `queryWeights` for `query_weights`. */
export const partField = (name: string): string | undefined => PART_FIELDS.get(lettersOf(name))

/** Whether a name says that it is of predictions: `pred_boxes`, `masks_queries_logits`. */
export function isPredicted(name: string): boolean {
  const letters = lettersOf(name)
  const { queries, targets } = FOREIGN_FIELDS
  return letters.startsWith('pred') || (Object.hasOwn(queries, letters) && !Object.hasOwn(targets, letters))
}

/** What of a target a name stands for: `labels` for `class_labels`, `ignore` for `iscrowd`. */
export function targetField(name: string): string | undefined {
  const letters = lettersOf(name)
  if (CROWDS.has(letters)) return 'ignore'
  const own = TARGET_NAMES.get(letters)
  if (own !== undefined || !Object.hasOwn(FOREIGN_FIELDS.targets, letters)) return own
  return FOREIGN_FIELDS.targets[letters]
}

/** Whether a name is that of an image's height and width. */
export const isSize = (name: string): boolean => SIZES.has(lettersOf(name))

/** Whether a name stands for the earlier layers: `aux_outputs`. */
export const isAuxiliary = (name: string): boolean => /^aux(iliary)?(outputs|layers)?$/.test(lettersOf(name))

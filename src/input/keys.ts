/** Where the keys of outputs and targets belong, and what is meant by keys that others have. */
import { ASYNC_CALL, CALL } from '../options/settings.ts'
import { DESCRIPTION } from '../binding/description.ts'
import { PART_KEYS } from '../binding/plan.ts'
import type { PartKey } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import type { ErrorPlace } from '../common/errors.ts'
import { OPTIONS } from '../options/options.ts'
import { FIELDS, FOREIGN_FIELDS, TARGET_FIELDS } from '../terms/index.ts'
import { shorten, showKnown } from '../common/validate.ts'
import { lettersOf, nearestName } from '../common/words.ts'

/** What the outputs, their parts and layers, and the targets are made of: where a key may stand. */
export type KeyPlace = OutputPlace | 'target' | RulePlace

/** Where a key of the outputs may stand. */
export type OutputPlace = 'outputs' | PartKey | 'layer'

/** The parts of a layer's matching. */
type RulePlace = 'pairs' | 'source' | 'fixed' | 'score'

const LAYER = [...FIELDS.map(({ name }) => name), 'matching', 'cost']
const PART_ONLY = ['auxiliary', 'queryWeights', 'layerWeights'] as const
const PART_WEIGHTS = ['weight', 'weights'] as const
const RULES: ReadonlySet<KeyPlace> = new Set<RulePlace>(['pairs', 'source', 'fixed', 'score'])

const KNOWN: { readonly [Key in KeyPlace]: readonly string[] } = {
  outputs: [...LAYER, ...PART_ONLY, 'groups', ...PART_KEYS],
  encoder: [...LAYER, ...PART_ONLY, 'groups', 'classAgnostic', ...PART_WEIGHTS],
  denoising: [...LAYER, ...PART_ONLY, 'queries', 'groups', 'contrastive', 'padding', ...PART_WEIGHTS],
  oneToMany: [...LAYER, ...PART_ONLY, 'queries', 'repeat', 'adaptive', ...PART_WEIGHTS],
  layer: LAYER,
  target: [
    'labels',
    'positives',
    ...TARGET_FIELDS.map(({ name }) => name),
    'valid',
    'ignore',
    'columns',
    'weights',
    'exhaustive',
  ],
  // those of a result's matches, which hold more than is needed
  pairs: ['queryIndices', 'targetIndices', 'ignoredQueries', 'unmatchedTargets'],
  source: ['from'],
  fixed: ['fixed', 'excluded', 'excludedAs', 'rest'],
  score: ['by', ...DESCRIPTION.score.map(({ name }) => name)],
}

const SETS = Object.fromEntries(Object.entries(KNOWN).map(([place, keys]) => [place, new Set(keys)])) as unknown as {
  readonly [Key in KeyPlace]: ReadonlySet<string>
}

/** The second field of queries and the first of targets, which most have beside logits or labels: boxes. */
const SECOND = LAYER[1]

/** Names that other code and data sets have for the keys of outputs: for fields, as the families say, and for the others. */
const OUTPUT_NAMES: { readonly [name: string]: string } = {
  ...FOREIGN_FIELDS.queries,
  auxoutputs: 'auxiliary',
  auxiliaryoutputs: 'auxiliary',
  aux: 'auxiliary',
  auxlayers: 'auxiliary',
  intermediate: 'auxiliary',
  preoutputs: 'auxiliary',
  encoutputs: 'encoder',
  encauxoutputs: 'encoder',
  intermoutputs: 'encoder',
  encoderoutputs: 'encoder',
  dn: 'denoising',
  dnoutputs: 'denoising',
  dnauxoutputs: 'denoising',
  dnauxiliaryoutputs: 'denoising',
  dnmeta: 'denoising',
  denoisingmetavalues: 'denoising',
  one2many: 'oneToMany',
  group: 'groups',
  numgroups: 'groups',
  groupdetr: 'groups',
  k: 'repeat',
  kone2many: 'repeat',
}

/** Likewise, for the keys of a target. */
const TARGET_NAMES: { readonly [name: string]: string } = {
  ...FOREIGN_FIELDS.targets,
  positivemap: 'positives',
  positivemaps: 'positives',
  tokenspositive: 'positives',
  textmask: 'columns',
  crowd: 'ignore',
  iscrowd: 'ignore',
  isexhaustive: 'exhaustive',
  segmentation: 'masks',
  segmentations: 'masks',
}

const SYNONYMS: { readonly [Key in KeyPlace]?: typeof OUTPUT_NAMES } = {
  outputs: OUTPUT_NAMES,
  encoder: OUTPUT_NAMES,
  denoising: OUTPUT_NAMES,
  oneToMany: OUTPUT_NAMES,
  layer: OUTPUT_NAMES,
  target: TARGET_NAMES,
}

/** What data sets have of an image or its objects, and the loss does not take; without case and underscores. */
const NEEDLESS: ReadonlySet<string> = new Set(
  ['id', 'imageid', 'idx', 'index', 'area', 'areas', 'origsize', 'size', 'sizes', 'width', 'height']
    .concat(['filename', 'imagepath', 'path', 'imageurl', 'url', 'caption', 'segmentation', 'segmentations'])
    .concat(['numkeypoints', 'names', 'attributes', 'difficult', 'truncated']),
)

/** Whether a key is one that data sets have of an image or its objects, and the loss does not take. */
export const isNeedless = (key: string): boolean => NEEDLESS.has(lettersOf(key))

/** Settings of the criterion and of a call, which are no fields of any input. */
const OF_OPTIONS: ReadonlySet<string> = new Set(OPTIONS)
const OF_CALL: ReadonlySet<string> = new Set([...CALL, ...ASYNC_CALL])

/**
 * The first key of an object that does not belong where it stands, if there is one. Only keys of the object's own count,
 * and a key without a value counts as absent.
 */
export function strayKey(value: object, place: Exclude<KeyPlace, RulePlace>): string | undefined {
  const known = SETS[place]
  const first = place === 'target' ? 'labels' : 'logits'
  for (const key in value) {
    // these two are all that most have, and are compared sooner than looked up
    if (key === first || key === SECOND) continue
    if (known.has(key) || !Object.hasOwn(value, key)) continue
    if ((value as { readonly [key: string]: unknown })[key] !== undefined) return key
  }
  return undefined
}

/** Refuses an object with a key that does not belong where it stands. */
export function checkKeys(value: object, place: Exclude<KeyPlace, RulePlace>, argument: string): void {
  const key = strayKey(value, place)
  if (key !== undefined) failKey(key, place, argument)
}

/** Likewise, for what a layer's matching is made of. */
export function checkRuleKeys(value: object, place: RulePlace, argument: string): void {
  for (const key in value) {
    if (SETS[place].has(key) || !Object.hasOwn(value, key)) continue
    if ((value as { readonly [key: string]: unknown })[key] !== undefined) failKey(key, place, argument)
  }
}

/** Refuses a key, and says what is meant by it or where it belongs. */
export function failKey(key: string, place: KeyPlace, argument: string, at?: ErrorPlace): never {
  const name = shorten(key)
  if (key === 'auxiliary' && place === 'layer') {
    fail('SHAPE', `${argument}.${name}`, 'an auxiliary layer has no auxiliary layers of its own')
  }
  return fail('OPTION', `${argument}.${name}`, ruleFor(key, place, argument), at)
}

function ruleFor(key: string, place: KeyPlace, argument: string): string {
  const home = homeOf(key, place, argument)
  if (home !== undefined) return home
  const letters = lettersOf(key)
  const names = SYNONYMS[place]
  const synonym = names !== undefined && Object.hasOwn(names, letters) ? names[letters] : undefined
  const known = KNOWN[place]
  // of what belongs to the step alone, a layer is told where that is
  const elsewhere = synonym !== undefined && !known.includes(synonym) ? homeOf(synonym, place, argument) : undefined
  if (elsewhere !== undefined) return `there is no such key; ${synonym} ${elsewhere}`
  if (place === 'target' && NEEDLESS.has(letters)) {
    if (synonym !== undefined) return `there is no such key; ${showKnown(key, known, synonym)}; or leave it out`
    return `there is no such key; known are ${known.join(', ')} (leave it out)`
  }
  return `there is no such key; ${showKnown(key, known, synonym ?? nearestName(key, known))}`
}

/** Where a key belongs that is known in another place. */
function homeOf(key: string, place: KeyPlace, argument: string): string | undefined {
  if (RULES.has(place)) return undefined
  const isTarget = place === 'target'
  if (!isTarget && (PART_KEYS as readonly string[]).includes(key))
    return `belongs to the main outputs, as outputs.${key}`
  if (!isTarget && place === 'layer') {
    const part = argument.replace(/\.auxiliary\[\d+\]$/, '')
    const owner = part === 'outputs' ? 'outputs' : (part.slice('outputs.'.length) as KeyPlace)
    if (KNOWN[owner]?.includes(key)) return `belongs to all layers, as ${part}.${key}`
  }
  const parts = isTarget ? [] : PART_KEYS.filter((part) => KNOWN[part].includes(key))
  if (parts.length > 0) {
    const list = parts.map((part) => `outputs.${part}`).join(' or ')
    const also = key === 'weight' || key === 'weights' ? ', and what the main outputs weigh to options.weights' : ''
    return `belongs to ${list}${also}`
  }
  if (!isTarget && KNOWN.target.includes(key)) return 'belongs to the targets, the second argument'
  if (isTarget && KNOWN.outputs.includes(key)) return 'belongs to the outputs, the first argument'
  if (OF_OPTIONS.has(key)) return 'belongs to the options of the criterion'
  return OF_CALL.has(key) ? 'belongs to the settings of the call, the third argument' : undefined
}

/** The layers of one part: their tensors, stacked or listed, every shape checked. */
import { DESCRIPTION } from '../binding/description.ts'
import type { LayerRange, Stack } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { float32, lengthOf, listOf, shapeHint, shapeOf, showShape, sizeOf } from '../common/tensors.ts'
import type { TensorLike } from '../common/tensors.ts'
import { isObject, isRecord, show, showKeys } from '../common/validate.ts'
import { showLayer, showNeed } from '../options/needed.ts'
import type { Needed } from '../options/needed.ts'
import type { ResolvedOptions } from '../options/options.ts'
import { isSigmoid } from '../terms/classification.ts'
import { FIELDS, TERMS } from '../terms/index.ts'
import type { Field, LayerFields } from '../terms/index.ts'
import { checkKeys } from './keys.ts'
import type { OutputPlace } from './keys.ts'

/**
 * Predictions of one layer. Of these objects, of parts and of targets, every field is read once; own enumerable keys
 * that are unknown or belong elsewhere are refused (`OPTION`), unless their value is undefined.
 */
export interface LayerOutputs extends LayerFields {
  /**
   * Where the layer's matching comes from; stacked layers share it. Default: `'optimal'`.
   */
  readonly matching?: LayerMatching | undefined
  /**
   * Added to the matching cost, and no part of the loss: for each image a block `[Q, n]` of numbers from −1e12 to 1e12,
   * with a column for every target of the image. So keypoints, text or anything else can join the matching. Stacked
   * layers share it. Must be absent where `matching` is anything but `'optimal'` or {@link FixedMatching}, since nothing is
   * solved then.
   */
  readonly cost?: readonly TensorLike[] | undefined
}

/**
 * `'optimal'`: the assignment with the least total cost. `{ from }`: that of another layer of the same part, which has
 * one of its own; layers count as in the result. Or pairs for each image, such as {@link Matches} of another result:
 * then a target may have several queries. Or {@link FixedMatching}, or {@link ScoreMatching}.
 */
export type LayerMatching = 'optimal' | { readonly from: number } | readonly Pairs[] | FixedMatching | ScoreMatching

/**
 * Some pairs as they are given, and of what these leave the assignment with the least total cost: queries that follow
 * their target from frame to frame (Meinhardt et al. 2022, TrackFormer; Zeng et al. 2022, MOTR). Earlier layers may have the
 * same pairs, each with a rest of its own. {@link LayerOutputs.cost} joins the cost of the rest.
 *
 * Source: timmeinhardt/trackformer, `models/matcher.py`; megvii-research/MOTR, `models/motr.py`.
 */
export interface FixedMatching {
  /**
   * Pairs for each image. A target may be among them once in each group of queries, or as often as it is repeated. With an
   * ignored target a query has no part in the loss. Nor have `ignoredQueries`, which are as if they were not there.
   */
  readonly fixed: readonly Pairs[]
  /** For each image, further queries that no target may find. Default: none. */
  readonly excluded?: ReadonlyArray<ArrayLike<number>> | undefined
  /**
   * What the excluded queries are: `'background'`, whose loss counts, as of TrackFormer's false positives; then it is an
   * error (`INFEASIBLE`) if some target has no query but these. Or `'ignore'`, without a part in the loss and as if they
   * were not there, as padding, so that a target may find none. Default: `'background'`.
   */
  readonly excludedAs?: 'background' | 'ignore' | undefined
  /** How the rest is matched. Default: `'optimal'`, the only way. */
  readonly rest?: 'optimal' | undefined
}

/**
 * Several queries for each target, by a score of every query and target: s = `class` · p + `overlap` · q, where p is the
 * probability of the target's class (of several labels their mean) and q how well the two agree: the IoU of
 * boxes, or without these that of spans, or the object keypoint similarity of points.
 * Nothing is solved. Among equal scores the first query, or target, is the better. Of groups each is by itself; `repeat` then
 * multiplies N alone.
 *
 * It goes with the sigmoid kinds of classification. A query may find several targets: every pair counts in the geometric
 * terms and in the matches, and of a class that several of them have, the one that agrees best.
 *
 * | `quantile` | pairs |
 * | --- | --- |
 * | true | of each target the queries with s above `threshold` and above the (1 − `topK`/Q) quantile of its scores, between two of them linearly: SAM 3 (facebookresearch/sam3, `BinaryOneToManyMatcher`) |
 * | false | each query with its best target, where s is at least `threshold`, and of each target the best `topK` of these: Mr. DETR (Visual-AI/Mr.DETR, `one2manyMatcherDAC.py`), DETA (jozhang97/DETA, `assigner.py`, with `class: 0`), whose code takes the best of all queries, as many as these |
 */
export interface ScoreMatching {
  /** Says that pairs are chosen by score. */
  readonly by: 'score'
  /** What the probability is multiplied by, 0 to 1e12. Default: 0.3. */
  readonly class?: number | undefined
  /** What the overlap is multiplied by, 0 to 1e12. Default: 0.7. */
  readonly overlap?: number | undefined
  /** The most queries of a target, at least 1. Default: any number. */
  readonly topK?: number | undefined
  /** Which of the two ways it is. Default: false. */
  readonly quantile?: boolean | undefined
  /** The least score of a pair, 0 to 1e12. Default: 0.4. */
  readonly threshold?: number | undefined
  /**
   * Whether each target has its best query in any case, whatever the score, and also if that query suits another target
   * better, in which case the published code leaves the target without. Default: false.
   */
  readonly atLeastOne?: boolean | undefined
}

/** Pairs of one image. Queries that are not named are background. */
export interface Pairs {
  /** Queries, each at most once. */
  readonly queryIndices: ArrayLike<number>
  /** The target of each of them. */
  readonly targetIndices: ArrayLike<number>
  /** Queries without a part in the loss. Default: none. */
  readonly ignoredQueries?: ArrayLike<number> | undefined
}

/**
 * Predictions of several layers. They either lie stacked in tensors of rank 4, `[L, B, Q, C]` and `[L, B, Q, 4]`, the
 * last layer being the final one, or `auxiliary` lists the earlier ones. Both give the same bits. All parts together may
 * have up to 1,048,576 layers, and 4,194,304 layers times images.
 */
export interface PartOutputs extends LayerOutputs {
  /** Earlier layers, first to last, each of the final layer's shape. */
  readonly auxiliary?: readonly LayerOutputs[] | undefined
  /**
   * `[B, Q]`: what the class term of each query as background is multiplied by in all layers, 0 to 1e12: with softmax that of
   * queries without a target, in the sum of the weights that divides it, too; in sigmoid classification the cells of all classes
   * but the target's. A track query that follows nothing has 1 / `noObjectWeight` in TrackFormer. Default: all 1.
   */
  readonly queryWeights?: TensorLike | undefined
  /**
   * What each layer's loss is multiplied by, 0 to 1e12, one number for each, the final one last; a part's `weight` multiplies
   * them. Default: all 1.
   */
  readonly layerWeights?: ArrayLike<number> | undefined
}

/** The most layers of all parts, and the most layers times images: each takes memory, even without any queries. */
export const MAX_LAYERS = 2 ** 20
export const MAX_JOBS = 2 ** 22

/** The tensors of one layer, or of several that are stacked. */
export interface LayerTensors extends Stack {
  /** Where they were given, for messages: `outputs`, `outputs.auxiliary[0]`. */
  readonly name: string
  /** What was given there. */
  readonly given: GivenLayer
  /** The values of each field in the core's order, as far as there are any. */
  readonly values: ReadonlyArray<Float32Array | undefined>
}

/** Layers that lie together: those of one part, or of the parts that share its queries. */
export interface Layers extends LayerRange {
  /** The tensors of each layer, or of all where they are stacked, and the place of the first among those of all parts. */
  readonly tensors: readonly LayerTensors[]
  readonly firstTensors: number
}

/** The tensors that hold a layer. */
export function tensorsOf({ tensors }: Layers, layer: number): LayerTensors {
  return tensors[Math.min(layer, tensors.length - 1)] as LayerTensors
}

/** What has been read so far. */
export interface Reader {
  readonly options: ResolvedOptions
  readonly needed: Needed
  /** Images, once they are known. */
  images: number | undefined
  readonly targets: unknown
  readonly tensors: LayerTensors[]
  /** Layers that the tensors hold. */
  layers: number
  /** Columns of the fields in the core's order, once they are known: all layers have the same, since targets do. */
  readonly widths: (number | undefined)[]
}

/** What a layer was given, every property read once, and none of them checked. */
export interface GivenLayer {
  /** The fields in the core's order. */
  readonly fields: readonly unknown[]
  readonly matching: unknown
  readonly cost: unknown
}

/** The place of the logits among the fields. */
const LOGITS = 0

/** The place of a field among all. */
const PLACES: ReadonlyMap<string, number> = new Map(FIELDS.map(({ name }, place) => [name, place]))

/** The place of a field, by its name. */
export const placeOf = (field: keyof LayerFields): number => PLACES.get(field) as number

/** Reads the fields that a layer was given. */
export function readFields(layer: object): unknown[] {
  const fields = listOf<unknown>(FIELDS.length)
  for (let i = 0; i < FIELDS.length; i++) fields[i] = (FIELDS[i] as Field).of(layer)
  return fields
}

/** The first field that a layer was given, if any. */
export function fieldIn({ fields }: GivenLayer): string | undefined {
  return FIELDS.find((_, i) => fields[i] !== undefined)?.name
}

/** Whether a part was given tensors of its own: any that its layers need. */
export function isOwn({ fields }: GivenLayer, { queries }: Needed): boolean {
  return fields.some((value, i) => queries[i] === true && value !== undefined)
}

/** Refuses what is no layer, and keys that would be dropped. */
export function checkRecordAt(
  value: unknown,
  place: OutputPlace,
  argument: string,
  needed: Needed,
): asserts value is Record<string, unknown> {
  if (!isObject(value)) fail('DTYPE', argument, `must be ${showLayer(needed)}, got ${show(value)}`)
  checkKeys(value, place, argument)
}

/** Refuses a cost that would be dropped. */
export function checkCost(matching: unknown, cost: unknown, argument: string): void {
  if (cost === undefined || matching === undefined || matching === 'optimal') return
  if (isRecord(matching) && 'fixed' in matching) return
  fail(
    'OPTION',
    `${argument}.cost`,
    'must be absent beside a matching that is given, taken over or by score: nothing is solved',
  )
}

/**
 * Reads the layers of one part: stacked, or the auxiliary ones and then the final one. `outputs`: what `given` was read
 * from. `agnostic`: whether the part is class-agnostic, where it may be.
 */
export function readLayers(
  reader: Reader,
  outputs: unknown,
  given: GivenLayer & { readonly auxiliary: unknown },
  name: string,
  agnostic?: boolean,
): Layers {
  checkGiven(reader, outputs, given, name)
  const shape = shapeOf(given.fields[LOGITS], `${name}.logits`)
  checkLogitShape(shape, reader, name, agnostic)
  const rank = shape.length
  const layers = rank === 4 ? (shape[0] as number) : 1
  const rows = shape[rank - 2] as number
  const classes = shape[rank - 1] as number
  reader.images = shape[rank - 3] as number
  if (reader.layers + layers > MAX_LAYERS) failLayers(`${name}.logits`, reader.layers + layers)
  const final = readTensors(reader, given, shape, name, layers)
  const { auxiliary } = given
  if (auxiliary !== undefined && !Array.isArray(auxiliary)) {
    fail('DTYPE', `${name}.auxiliary`, `must be an array of ${showLayer(reader.needed)}, got ${show(auxiliary)}`)
  }
  const [firstTensors, firstLayer] = [reader.tensors.length, reader.layers]
  const earlier = auxiliary === undefined ? 0 : lengthOf(auxiliary, `${name}.auxiliary`)
  if (auxiliary === undefined || earlier === 0) {
    reader.tensors.push(final)
    reader.layers += layers
    return { tensors: [final], firstTensors, firstLayer, layers, rows, classes }
  }
  if (rank === 4) fail('SHAPE', `${name}.auxiliary`, 'must be empty where the layers are stacked in tensors of rank 4')
  if (reader.layers + earlier + 1 > MAX_LAYERS) failLayers(`${name}.auxiliary`, reader.layers + earlier + 1)
  const tensors: LayerTensors[] = []
  for (let i = 0; i < earlier; i++) tensors.push(readAuxiliary(reader, auxiliary[i], shape, `${name}.auxiliary[${i}]`))
  checkLike(tensors, final)
  tensors.push(final)
  for (const layer of tensors) reader.tensors.push(layer)
  reader.layers += tensors.length
  return { tensors, firstTensors, firstLayer, layers: tensors.length, rows, classes }
}

function failLayers(argument: string, layers: number): never {
  return fail('SHAPE', argument, `there may be at most ${MAX_LAYERS} layers, got ${layers}`)
}

/** Reads the fields of an auxiliary layer. */
function readLayer(layer: unknown, argument: string, needed: Needed): GivenLayer {
  try {
    checkRecordAt(layer, 'layer', argument, needed)
    const { matching, cost } = layer
    checkCost(matching, cost, argument)
    return { fields: readFields(layer), matching, cost }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

function readAuxiliary(reader: Reader, layer: unknown, shape: readonly number[], name: string): LayerTensors {
  const given = readLayer(layer, name, reader.needed)
  checkGiven(reader, layer, given, name)
  const logitShape = shapeOf(given.fields[LOGITS], `${name}.logits`)
  checkShape(logitShape, shape, [shape[2] as number], `${name}.logits`)
  return readTensors(reader, given, shape, name, 1)
}

/** Refuses a layer without the tensors that the criterion needs, saying what there is instead. */
function checkGiven({ needed, options }: Reader, layer: unknown, given: GivenLayer, name: string): void {
  for (let i = 0; i < FIELDS.length; i++) {
    if (given.fields[i] !== undefined || needed.queries[i] !== true) continue
    const { name: field } = FIELDS[i] as Field
    const rule = 'must be { data, shape } or { data, dims }, got undefined'
    fail('DTYPE', `${name}.${field}`, `${rule}; ${name} is an object ${showKeys(layer)}${showNeed(options, field)}`)
  }
}

/** Refuses earlier layers that have other fields than the final one, but for what layers may lack. */
function checkLike(earlier: readonly LayerTensors[], final: LayerTensors): void {
  for (const [place, { name: field, owner }] of FIELDS.entries()) {
    if (owner !== field) continue
    const { comparesLayers, mayLack } = natureOf(field)
    const isLacking = final.values[place] === undefined
    for (const layer of earlier) {
      if ((layer.values[place] === undefined) === isLacking) continue
      if (comparesLayers && isLacking) {
        const rule = `must be given where an earlier layer has ${field}, since the last one teaches it`
        fail('SHAPE', `${final.name}.${field}`, rule)
      }
      if (!mayLack) fail('SHAPE', `${layer.name}.${field}`, `must be in all layers of a part, or in none`)
    }
  }
}

/** What is known of a field's terms. */
function natureOf(field: keyof LayerFields): { readonly comparesLayers: boolean; readonly mayLack: boolean } {
  return {
    comparesLayers: TERMS.some((term) => term.field === field && term.comparesLayers),
    mayLack: DESCRIPTION.families.some(
      ({ demand, queryFields }) => demand !== 'everywhere' && queryFields.includes(field),
    ),
  }
}

/** Reads tensors whose sizes follow from those of the logits. */
function readTensors(
  { options, widths: known }: Reader,
  given: GivenLayer,
  shape: readonly number[],
  name: string,
  layers: number,
): LayerTensors {
  const rows = shape[shape.length - 2] as number
  const widths = listOf(FIELDS.length)
  const values = listOf<Float32Array | undefined>(FIELDS.length)
  let freeAxes: (readonly number[])[] | undefined
  widths[LOGITS] = shape[shape.length - 1] as number
  values[LOGITS] = float32(given.fields[LOGITS], shape, `${name}.logits`)
  for (let i = 1; i < FIELDS.length; i++) {
    const tensor = given.fields[i]
    const owner = OWNERS[i] as number
    const hasOwner = given.fields[owner] !== undefined
    if (!hasOwner && tensor !== undefined) failOwner(i, name)
    if (tensor === undefined) {
      if (hasOwner && !(FIELDS[i] as Field).isOptional) failLacking(FIELDS[i] as Field, name)
      widths[i] = 0
      values[i] = undefined
      continue
    }
    const { name: field, columns, axes, hint, sizes } = FIELDS[i] as Field
    if (sizes !== undefined) {
      const { inPlaceOf } = FIELDS[i] as Field
      if (inPlaceOf !== undefined && given.fields[placeOf(inPlaceOf)] !== undefined) {
        fail('SHAPE', `${name}.${field}`, `must be absent beside ${inPlaceOf}, whose place it takes`)
      }
      const read = readFree(FIELDS[i] as Field, sizes, tensor, shape, `${name}.${field}`)
      widths[i] = sizeOf(read.row)
      // of no pair there are no points either
      values[i] = widths[i] === 0 ? undefined : read.values
      freeAxes ??= FIELDS.map(() => [])
      if ((FIELDS[i] as Field).hasAxes) freeAxes[i] = read.row
      continue
    }
    const argument = `${name}.${field}`
    const own = shapeOf(tensor, argument)
    const isApart = axes !== undefined && own.length > shape.length
    const size = isApart ? sizeOf(own.slice(shape.length - 1)) : (own[own.length - 1] as number)
    const width = known[i] ?? columns(options, size)
    known[i] = width
    checkShape(own, shape, isApart ? axes(options, width) : [width], argument, (row) => hint?.(options, row))
    values[i] = float32(tensor, own, argument)
    widths[i] = width
  }
  return { name, given, layers, rows, widths, axes: freeAxes, values }
}

/** Reads a tensor whose rows may have any sizes along some axes, or belong to others than queries. `logits`: their shape. */
function readFree(
  { heldBy, mayBeShared, shownAs = [] }: Field,
  sizes: ReadonlyArray<number | undefined>,
  tensor: unknown,
  logits: readonly number[],
  argument: string,
): { readonly values: Float32Array; readonly row: readonly number[] } {
  const given = shapeOf(tensor, argument)
  const rank = logits.length
  const lead = logits.slice(0, heldBy === 'query' ? rank - 1 : heldBy === 'image' ? rank - 2 : rank - 3)
  // one number of an image may go without an axis of its own
  const isBare = heldBy === 'image' && sizes.length === 1 && sizes[0] === 1 && given.length === lead.length
  const own = isBare ? [...given, 1] : given
  const isForAll = mayBeShared === true && own.length === lead.length - 1 + sizes.length
  const before = isForAll ? lead.slice(0, -1) : lead
  const row = own.slice(before.length)
  const fits =
    own.length === before.length + sizes.length &&
    before.every((size, i) => size === own[i]) &&
    sizes.every((size, k) => (size === undefined ? row[k] !== 0 || heldBy === 'pair' : size === row[k]))
  if (!fits) {
    const shown = sizes.map((size, k) => size ?? shownAs[k] ?? 'any')
    const or = mayBeShared === true ? ` or [${[...lead.slice(0, -1), ...shown].join(', ')}]` : ''
    const hint = freeHint(given, lead, heldBy, shownAs)
    fail('SHAPE', argument, `expected shape [${[...lead, ...shown].join(', ')}]${or}, got ${showShape(given)}${hint}`)
  }
  const values = float32(tensor, given, argument)
  return { values: isForAll ? repeatRows(values, sizeOf(row), lead.at(-1) as number) : values, row }
}

/** What is likely behind a wrong shape whose rows may be of any sizes: an axis is missing, or queries come last. */
function freeHint(
  given: readonly number[],
  lead: readonly number[],
  heldBy: Field['heldBy'],
  axes: readonly string[],
): string {
  const begins = (first: number) => lead.slice(first).every((size, axis) => size === given[axis])
  const rank = lead.length + axes.length
  if (given.length === rank - 1 && lead.length > 1 && lead[0] === 1 && begins(1)) {
    return `; the batch axis is missing: a single image has the shape ${showShape([1, ...given])}`
  }
  if (given.length === rank - 1 && axes.includes('height') && begins(0))
    return '; one axis for all pixels? give height and width apart'
  const queries = lead.at(-1)
  const isLast =
    heldBy === 'query' && given.length === rank && given.at(-1) === queries && given[lead.length - 1] !== queries
  return isLast ? '; are the queries in the last axis? transpose it to their place' : ''
}

/** Each row as often as there are images. */
function repeatRows(values: Float32Array, width: number, images: number): Float32Array {
  const all = new Float32Array(values.length * images)
  for (let start = 0; start < values.length; start += width) {
    for (let k = 0; k < images; k++) all.set(values.subarray(start, start + width), start * images + k * width)
  }
  return all
}

/** Refuses a field whose owner is absent. */
function failOwner(field: number, layer: string): never {
  const { name, owner } = FIELDS[field] as Field
  return fail('SHAPE', `${layer}.${name}`, `must be absent where there are no ${owner}`)
}

/** Refuses the absence of a field whose owner is there. */
function failLacking({ name, owner }: Field, layer: string): never {
  return fail(
    'DTYPE',
    `${layer}.${name}`,
    `must be { data, shape } or { data, dims }, as ${owner} needs it, got undefined`,
  )
}

/** For each field, the place of its owner. */
const OWNERS = FIELDS.map(({ owner = 'logits' }) => placeOf(owner))

/** Checks the shape of a part's logits; the images must be those of the parts before. */
function checkLogitShape(
  shape: readonly number[],
  { options, images, targets }: Reader,
  name: string,
  agnostic: boolean | undefined,
): void {
  const rank = shape.length
  if (rank !== 3 && rank !== 4) {
    const hint = rank === 2 ? batchHint(shape as readonly [number, number], targets) : ''
    fail('SHAPE', `${name}.logits`, `must be of shape [B, Q, C] or [L, B, Q, C], got ${showShape(shape)}${hint}`)
  }
  if (rank === 4 && shape[0] === 0) {
    fail('SHAPE', `${name}.logits`, `must have at least one layer, got ${showShape(shape)}`)
  }
  checkClasses(shape[rank - 1] as number, shape, options, name, agnostic)
  if (images !== undefined && shape[rank - 3] !== images) {
    fail('SHAPE', `${name}.logits`, `expected B = ${images} images, as in outputs.logits, got ${showShape(shape)}`)
  }
}

/** What the shape of logits without a batch axis may be meant for: the images of all targets, one after the other, or one. */
function batchHint([rows, classes]: readonly [number, number], targets: unknown): string {
  const images = Array.isArray(targets) ? lengthOf(targets, 'targets') : 1
  const [count, whose] =
    images > 1 && rows % images === 0 ? [images, `${images} images have`] : [1, 'a single image has']
  return `; the batch axis is missing: ${whose} the shape ${showShape([count, rows / count, classes])}`
}

/**
 * Compares the columns of the logits with the number of classes; class-agnostic logits may have those of the first class
 * alone.
 */
function checkClasses(
  classes: number,
  shape: readonly number[],
  options: ResolvedOptions,
  name: string,
  agnostic: boolean | undefined,
): void {
  const { numClasses, classification } = options
  const extra = isSigmoid(classification.kind) ? 0 : 1
  const expected = numClasses + extra
  if (classes === expected || (agnostic === true && classes === 1 + extra)) return
  const formula = `numClasses${extra === 1 ? ' + 1' : ''} = ${expected}`
  const also = agnostic === true ? `, or ${1 + extra} for the first class alone` : ''
  const axis = shape.length - 2
  const swapped =
    shape[axis] === expected ? `; axis ${axis} has ${expected}: are they [B, C, Q]? transpose them to [B, Q, C]` : ''
  const hint = agnostic === false && classes === 1 + extra ? AGNOSTIC_HINT : kindHint(classes, options) || swapped
  fail('SHAPE', `${name}.logits`, `expected C = ${formula}${also}, got ${classes} in ${showShape(shape)}${hint}`)
}

const AGNOSTIC_HINT = '; logits of the first class alone need classAgnostic: true'

/** What may be behind one column too few or too many. */
function kindHint(classes: number, { numClasses, classification: { kind } }: ResolvedOptions): string {
  if (!isSigmoid(kind) && classes === numClasses) {
    return '; softmax classification has one column more, for no-object (a model without one is of a sigmoid kind)'
  }
  if (isSigmoid(kind) && classes === numClasses + 1) {
    const rule = `; ${kind} classification is of the sigmoid kind, without a column for no-object`
    return `${rule} (a model with one is of kind 'softmax', or numClasses is one too small)`
  }
  return ''
}

/** Compares a shape with that of the final layer's logits, but for the last size, in whose place a row has its own. */
function checkShape(
  shape: readonly number[],
  logits: readonly number[],
  row: readonly number[],
  argument: string,
  hintFor?: (row: readonly number[]) => string | undefined,
): void {
  const final = logits.length - 1
  let same = shape.length === final + row.length
  for (let i = 0; i < shape.length; i++) same &&= shape[i] === (i < final ? logits[i] : row[i - final])
  if (same) return
  const expected = [...logits.slice(0, final), ...row]
  const given = shape.slice(final)
  const differs = given.length !== row.length || given.some((size, axis) => size !== row[axis])
  const hint = (differs ? hintFor?.(given) : undefined) ?? shapeHint(shape, expected)
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}${hint}`)
}

/** The targets of a batch: every field read once, types and shapes checked. */
import { fail } from '../common/errors.ts'
import { checkMemory, isUsable, kindOf } from '../common/memory.ts'
import { toReadError } from '../common/reading.ts'
import {
  checkHalves,
  dataIn,
  failType,
  isNumeric,
  lengthOf,
  listOf,
  numbersOf,
  shapeHint,
  shapeOf,
  showShape,
} from '../common/tensors.ts'
import type { Numbers, OnnxTensor, Shaped } from '../common/tensors.ts'
import { checkInteger, isObject, isRecord, show } from '../common/validate.ts'
import { showNeed, showTarget } from '../options/needed.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { OtherTargetField, OtherTargets, SomeOf, WithoutBoxes } from '../terms/geometry.ts'
import { isSigmoid } from '../terms/classification.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { LayerFields, TargetField, TargetFields } from '../terms/index.ts'
import { readExhaustive } from './exhaustive.ts'
import { readColumns, readPositives, readWeights } from './extras.ts'
import type { Positives } from './extras.ts'
import { failKey, strayKey } from './keys.ts'
import { placeOf } from './layers.ts'
import type { Predictions } from './outputs.ts'
import { checkSizes, readPlanes } from './planes.ts'
import type { ReadField, ReadTarget } from './read-target.ts'

/** The ground truth of one image: `n` objects, `n ≥ 0`. Where none counts, nothing is needed but the labels. */
export interface Target extends TargetFields {
  /** How many leading entries count, 0 to n; the rest is padding and never looked at. Default: all. */
  readonly valid?: number | undefined
  /**
   * `[n]`: which targets are to be ignored, as crowds are: true or 1, otherwise false or 0. An ignored target is not
   * matched and not counted, and its label has no meaning; unmatched queries that lie on it have no part in the loss (see
   * {@link HungarianLossOptions.ignore}). Default: none.
   */
  readonly ignore?: ArrayLike<boolean | number> | undefined
  /** Absent beside labels: see {@link MappedTarget}. */
  readonly positives?: undefined
  /**
   * `[C]`: which columns of the logits the image has: true or 1, otherwise false or 0. An image's caption may have fewer tokens
   * than the model has columns, as in Grounding DINO, and of a federated data set such as LVIS only some classes are known.
   * Absent columns may hold anything, −∞ and NaN, too, and are never read: no loss, no cost, a gradient of 0, no part in
   * metrics and in `nonFinite`. Those of the targets' labels, and with softmax that of no-object, must be there. Of
   * class-agnostic logits with fewer columns none is absent. Default: all.
   */
  readonly columns?: Numbers | ReadonlyArray<boolean> | Shaped<Numbers> | OnnxTensor | undefined
  /**
   * `[n]`: what the terms of each target's pairs are multiplied by, 0 to 1e12: those of geometry, and of the class term the cells
   * of its labels, or with softmax the row of the matched query. Cost, matching, metrics and what terms are divided by do not
   * depend on it. Default: all 1.
   */
  readonly weights?: Numbers | Shaped<Numbers> | OnnxTensor | undefined
  /**
   * Whether the targets are all of the image's objects. If not, the class term has only what they say: queries as background,
   * and the cells of other classes than a target's, have no part in it, as if `queryWeights` were 0. The matching, the other
   * terms and all divisors but the sum of weights of softmax classification stay as they are. Default: true.
   */
  readonly exhaustive?: boolean | 0 | 1 | undefined
}

/**
 * Targets that say how much they have of each column of the logits, instead of naming classes: the tokens of a phrase, as in
 * Grounding DINO and MDETR, soft labels, or several classes, as in OWL-ViT. `T` is the type with labels.
 */
export type MappedTarget<T = Target> = Omit<T, 'labels' | 'positives'> & {
  /** None. */
  readonly labels?: undefined
  /**
   * `[n, C]`: for each target and column of the logits a number from 0 to 1, at least one of a row above 0. In sigmoid
   * classification it is what the cell's probability should be where nothing else counts: t of focal loss, and a factor of t in the
   * kinds that ask how well pairs agree; a row of ones is the same as these labels. In softmax classification a row sums to at
   * most 1, has nothing of no-object, and the class term of its query is −Σ value · log p. The class' part of the cost is
   * combined as `cost.labels` says.
   */
  readonly positives: Positives
}

/** {@link Target} of which no term reads boxes: it has another geometry in their place. */
export type TargetWithoutBoxes = WithoutBoxes<Target> & OtherTargets

/** The ground truth of an image without objects, which needs no field but the labels. */
export interface EmptyTarget extends Omit<Target, keyof TargetFields>, NoTargetFields {
  /** Empty. */
  readonly labels: readonly never[]
}

/** None of the fields but the labels. */
type NoTargetFields = { readonly [Field in Exclude<keyof TargetFields, 'labels'>]?: undefined }

/** The targets that go with outputs of a type: their images have the same geometry, or no object. */
export type TargetsOf<O> = ReadonlyArray<EmptyTarget | LabelledTarget<O> | MappedTarget<LabelledTarget<O>>>

/** A target with labels that goes with outputs of a type. */
type LabelledTarget<O> = O extends { readonly boxes: object }
  ? Target
  : WithoutBoxes<Target> & SomeOf<TargetFields, OtherTargetField<keyof O>>

/** The labels and all fields, by name. */
const KEYS = ['labels', ...TARGET_FIELDS.map(({ name }) => name)]

/** What targets are to have. */
export interface TargetShape {
  /** Images of the batch. */
  readonly images: number
  /** Whether every target must have each field, in the core's order. */
  readonly needed: readonly boolean[]
  /** What a row of a field is. */
  readonly rowOf: (field: number) => TargetRow
  /** What of the options needs a field, as messages say it. */
  readonly needOf: (field: number) => string
  /** Columns of the logits. */
  readonly columns: number
}

/** What a row of a field of targets is. */
interface TargetRow {
  /** How many numbers it has; 0 where the outputs have none. */
  readonly size: number
  /** Its axes, where it may be given axis by axis. */
  readonly axes: Axes | undefined
}

/** Sizes of a row's two axes. */
type Axes = readonly [number, number]

/** What the targets of a batch are to have, by what its outputs have. */
export function targetShape({ images, tensors, needed }: Predictions, options: ResolvedOptions): TargetShape {
  const widthOf = (field: string): number => {
    const place = placeOf(field as keyof LayerFields)
    return tensors.find(({ widths }) => (widths[place] ?? 0) > 0)?.widths[place] ?? 0
  }
  const known = listOf<TargetRow | undefined>(TARGET_FIELDS.length)
  // only of the fields that there are, since most batches lack most of them
  const rowOf = (field: number): TargetRow => (known[field] ??= targetRow(field, options, widthOf))
  const needOf = (field: number): string => showNeed(options, (TARGET_FIELDS[field] as TargetField).name)
  return { images, needed: needed.targets, rowOf, needOf, columns: columnsOf(options) }
}

/** Columns of the logits. */
export function columnsOf({ numClasses, classification }: ResolvedOptions): number {
  return numClasses + (isSigmoid(classification.kind) ? 0 : 1)
}

function targetRow(field: number, options: ResolvedOptions, widthOf: (field: string) => number): TargetRow {
  const { columns, axes } = TARGET_FIELDS[field] as TargetField
  const size = columns(options, widthOf)
  return { size, axes: axes?.(options, size) }
}

/** Reads the targets of a batch. `coreChecks`: whether the bytes of planes are left to the core to look at. */
export function readTargets(targets: readonly Target[], shape: TargetShape, coreChecks = false): readonly ReadTarget[] {
  if (!Array.isArray(targets)) {
    const isTarget = isRecord(targets) && KEYS.some((key) => key in targets)
    const hint = isTarget ? ' (for a single image, [target])' : ''
    fail('DTYPE', 'targets', `must be an array with one entry for each image, got ${show(targets)}${hint}`)
  }
  const { images } = shape
  const length = lengthOf(targets, 'targets')
  if (length !== images) {
    fail('SHAPE', 'targets', `expected one entry for each of ${images} images, got ${length}`)
  }
  const has = [...shape.needed]
  const read = listOf<ReadTarget>(images)
  for (let image = 0; image < images; image++) {
    try {
      read[image] = readTarget(targets[image], image, shape, has, coreChecks)
    } catch (error) {
      throw toReadError(error, `targets[${image}]`)
    }
  }
  checkAlike(read, has, shape.needed)
  return read
}

/** Refuses fields that some images' targets have and others lack, but for images without any target that counts. */
function checkAlike(targets: readonly ReadTarget[], has: readonly boolean[], needed: readonly boolean[]): void {
  for (let field = 0; field < has.length; field++) {
    if (has[field] !== true || needed[field] === true) continue
    const image = targets.findIndex(({ fields, count }) => count > 0 && fields[field] === undefined)
    if (image < 0) continue
    const { name, form } = TARGET_FIELDS[field] as TargetField
    if (form === 'plane') continue
    fail('SHAPE', `targets[${image}].${name}`, `must be given, as other images' targets have ${name}`, { image })
  }
}

const NO_LABELS: readonly unknown[] = []

/** Reads one image's targets. `has`: noted, which fields any of them has. */
function readTarget(
  target: unknown,
  image: number,
  shape: TargetShape,
  has: boolean[],
  coreChecks: boolean,
): ReadTarget {
  if (!isObject(target)) {
    fail('DTYPE', `targets[${image}]`, `must be ${showTarget(shape.needed)}, got ${show(target)}`, { image })
  }
  const stray = strayKey(target, 'target')
  if (stray !== undefined) failKey(stray, 'target', `targets[${image}]`, { image })
  const { labels, positives, valid, ignore, weights, columns, exhaustive } = target as unknown as Target & {
    positives?: unknown
  }
  const isExhaustive = readExhaustive(exhaustive, image)
  if (positives !== undefined && labels !== undefined) {
    const rule = 'must be absent beside positives, which say the classes of each target'
    fail('OPTION', `targets[${image}].labels`, rule, { image })
  }
  const map =
    positives === undefined ? undefined : readPositives(positives, shape.columns, `targets[${image}].positives`, image)
  const labelData = isObject(labels) ? dataIn(labels, `targets[${image}].labels`) : labels
  const given = map?.rows ?? countLabels(labelData, labels, target, image)
  const count = valid === undefined ? given : checkInteger(valid, 0, given, `targets[${image}].valid`, 'RANGE')
  const fields = listOf<ReadField | undefined>(TARGET_FIELDS.length)
  for (let field = 0; field < TARGET_FIELDS.length; field++) {
    const value = (TARGET_FIELDS[field] as TargetField).of(target)
    if (value === undefined && (shape.needed[field] !== true || count === 0)) {
      fields[field] = undefined
      continue
    }
    const { form, noun } = TARGET_FIELDS[field] as TargetField
    if (form !== 'row' && value !== undefined) {
      has[field] = true
      const own = form === 'planes' ? given : undefined
      fields[field] = readPlanes(value, noun, own, count, nameOf(field, image), image, coreChecks)
      continue
    }
    const { size, axes } = shape.rowOf(field)
    if (value === undefined) {
      if (form !== 'row') {
        const forms = `${noun}, as { data, shape: [n, h, w] } or in another form`
        failType(value, forms, nameOf(field, image), target, shape.needOf(field))
      }
      failType(value, rowsOf(field, size), nameOf(field, image), target, shape.needOf(field))
    }
    has[field] = true
    fields[field] = readField(value, target, field, { image, given, counted: count, size, axes })
  }
  checkSizes(fields, image)
  if (ignore !== undefined) checkIgnores(ignore, image, given)
  return {
    count,
    labels: (labelData ?? NO_LABELS) as ArrayLike<unknown>,
    positives: map,
    weights: weights === undefined ? undefined : readWeights(weights, given, `targets[${image}].weights`, image),
    columns:
      columns === undefined ? undefined : readColumns(columns, shape.columns, `targets[${image}].columns`, image),
    isExhaustive,
    fields,
    ignore: ignore as ArrayLike<unknown> | undefined,
  }
}

/** Checks the type and shape of one image's labels; gives their number. */
function countLabels(data: unknown, labels: unknown, target: object, image: number): number {
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : kind.startsWith('Float')) {
    failData(data, labels, 'an array of integers', target, `targets[${image}].labels`)
  }
  if (kind !== undefined && !isUsable(data as Int32Array)) checkMemory(data as Int32Array, `targets[${image}].labels`)
  const length = lengthOf(data as ArrayLike<unknown>, 'targets')
  if (data !== labels) checkLabelTensor(labels, kind, length, `targets[${image}].labels`)
  return length
}

/** Refuses labels whose tensor says that they are something else. */
function checkLabelTensor(tensor: unknown, kind: string | undefined, length: number, argument: string): void {
  if (kind === 'Uint16Array') checkHalves(tensor, argument)
  const shape = shapeOf(tensor, argument)
  if (shape.length === 1 && shape[0] === length) return
  const [rows, columns] = shape as readonly [number, number]
  if (shape.length !== 2 || columns === 1)
    fail('SHAPE', argument, `expected shape [${length}], got ${showShape(shape)}`)
  const axis = rows === 1 ? '; a batch axis? drop it' : ''
  fail('SHAPE', argument, `expected [n] class ids, got ${showShape(shape)} (one-hot? take argMax${axis})`)
}

/** Refuses what is no data, saying which keys there are where they are missing. */
function failData(data: unknown, given: unknown, expected: string, target: object, argument: string): never {
  return failType(data, expected, argument, data === given ? target : given)
}

/** What is known of an image's targets when a field is read: how many there are, how many count, and numbers of a row. */
interface RowCounts extends TargetRow {
  readonly image: number
  readonly given: number
  readonly counted: number
}

/** What a field of targets is, whose rows have so many numbers. */
function rowsOf(field: number, size: number): string {
  const { takesFlags, noun } = TARGET_FIELDS[field] as TargetField
  return takesFlags === true && size === 1 ? `an array of ${noun}` : `an array of numbers or of rows of ${size}`
}

/** Checks the type and shape of a field of one image's targets. */
function readField(given: unknown, target: object, field: number, counts: RowCounts): ReadField {
  const { image, size } = counts
  if (size === 0) fail('SHAPE', nameOf(field, image), 'must be absent, since the outputs have none', { image })
  const data = isObject(given) ? dataIn(given, nameOf(field, image)) : given
  const kind = kindOf(data)
  if (kind === undefined ? !Array.isArray(data) : !isNumeric(kind)) {
    failData(data, given, rowsOf(field, size), target, nameOf(field, image))
  }
  if (kind === 'Uint16Array') checkHalves(given, nameOf(field, image))
  const values = data as ArrayLike<unknown>
  const nested = kind === undefined && isNested(values)
  if (kind !== undefined && !isUsable(data as Float32Array)) checkMemory(data as Float32Array, nameOf(field, image))
  if (data !== given) checkTensorShape(given, counts, nameOf(field, image))
  const length = lengthOf(values, 'targets')
  if (length !== (nested ? counts.given : size * counts.given)) {
    const got = nested ? `${length} rows` : `${length} numbers`
    const { noun, takesFlags } = TARGET_FIELDS[field] as TargetField
    const of = takesFlags === true && size === 1 ? noun : `${noun} of ${size} numbers`
    const rule = `expected ${counts.given} ${of}, one for each label, got ${got}${rowsHint(values, nested, length, counts)}`
    fail('SHAPE', nameOf(field, image), rule, { image })
  }
  return { values, rows: nested ? readRows(values, field, counts) : undefined }
}

/** What messages call a field of an image's targets. Made where it is wanted, since it takes its time. */
function nameOf(field: number, image: number): string {
  return `targets[${image}].${(TARGET_FIELDS[field] as TargetField).name}`
}

/** The rows that count. */
function readRows(values: ArrayLike<unknown>, field: number, { image, counted, size, axes }: RowCounts) {
  const rows: ArrayLike<unknown>[] = []
  for (let target = 0; target < counted; target++) {
    const value = values[target]
    if (axes !== undefined && Array.isArray(value) && isNested(value)) {
      rows.push(readNested(value, axes, nameOf(field, image), { image, target }))
      continue
    }
    if (Array.isArray(value) && value.length === size) {
      rows.push(value)
      continue
    }
    const row = numbersOf(value)
    const length = row === undefined ? undefined : lengthOf(row, 'targets')
    if (row === undefined || length !== size) {
      const got = row === undefined ? show(value) : `${length}`
      fail('SHAPE', nameOf(field, image), `expected ${size} numbers for target ${target}, got ${got}`, {
        image,
        target,
      })
    }
    if (ArrayBuffer.isView(row) && !isUsable(row)) checkMemory(row, `${nameOf(field, image)}[${target}]`)
    rows.push(row)
  }
  return rows
}

/** A row whose axes are given one by one. */
function readNested(
  values: readonly unknown[],
  [outer, inner]: Axes,
  argument: string,
  place: { readonly image: number; readonly target: number },
): ArrayLike<unknown> {
  const length = lengthOf(values, 'targets')
  const rule = `expected ${outer} rows of ${inner} numbers for target ${place.target}`
  if (length !== outer) fail('SHAPE', argument, `${rule}, got ${length} rows`, place)
  const row: unknown[] = []
  for (let i = 0; i < outer; i++) {
    const numbers = numbersOf(values[i])
    if (numbers === undefined) fail('SHAPE', argument, `${rule}, got ${show(values[i])} at row ${i}`, place)
    if (ArrayBuffer.isView(numbers)) checkMemory(numbers, argument)
    const count = lengthOf(numbers, 'targets')
    if (count !== inner) fail('SHAPE', argument, `${rule}, got ${count} numbers at row ${i}`, place)
    for (let k = 0; k < inner; k++) row.push(numbers[k])
  }
  return row
}

/** What is likely where there are as many rows as a row has numbers. */
function rowsHint(values: ArrayLike<unknown>, nested: boolean, length: number, { given, size }: RowCounts): string {
  const first = nested && length === size ? numbersOf(values[0]) : undefined
  return first?.length === given ? `; they are of shape [${size}, n]: transpose them to [n, ${size}]` : ''
}

/** Checks the type and length of one image's flags. */
function checkIgnores(ignore: unknown, image: number, given: number): void {
  const name = `targets[${image}].ignore`
  if (!Array.isArray(ignore) && kindOf(ignore) === undefined) failType(ignore, 'an array of flags', name)
  if (!Array.isArray(ignore)) checkMemory(ignore as Uint8Array, name)
  const length = lengthOf(ignore as ArrayLike<unknown>, name)
  if (length !== given) fail('SHAPE', name, `expected ${given} flags, one for each label, got ${length}`, { image })
}

/** Whether an array holds rows. */
function isNested(values: ArrayLike<unknown>): boolean {
  return typeof values[0] === 'object' && values[0] !== null
}

/** Compares the shape that a tensor states with the one it must have. */
function checkTensorShape(tensor: unknown, { given, size, axes }: RowCounts, argument: string): void {
  const shape = shapeOf(tensor, argument)
  const expected = axes !== undefined && shape.length > 2 ? [given, ...axes] : [given, size]
  if (shape.length === expected.length && shape.every((size, i) => size === expected[i])) return
  // one number for each, such as flags, needs no axis of its own
  if (size === 1 && shape.length === 1 && shape[0] === given) return
  // targets have no axis of images, but one of themselves
  const isRow = shape.length === 1 && given === 1 && shape[0] === size
  const hint = isRow ? `; a row for each target: give it the shape ${showShape(expected)}` : shapeHint(shape, expected)
  fail('SHAPE', argument, `expected shape ${showShape(expected)}, got ${showShape(shape)}${hint}`)
}

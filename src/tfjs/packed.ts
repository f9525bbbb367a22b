/**
 * Outputs and targets in one tensor each, as the loss of a LayersModel is given them: what lies where.
 *
 * Outputs are `[B, Q, L · W]`: of each query the layers one after the other, the final one last, and of each layer the logits and
 * then the geometry, W numbers in all. Targets are, for each image, rows one after the other: the label, the geometry,
 * and 1 for a target to be ignored, else 0. What is left of the image's numbers is -1, which no label is.
 *
 * Where targets have more, an image begins with -2 less a sum of powers of two, which says what: flags of columns follow, and rows have
 * several labels after their number, how much a target has of each, further fields, and a weight before the flag.
 */
import { DESCRIPTION } from '../binding/description.ts'
import { fail } from '../common/errors.ts'
import { showShape, sizeOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'
import type { HungarianLoss } from '../criterion/criterion.ts'
import type { PackedTargets } from '../input/packing.ts'
import type { ReadTarget } from '../input/read-target.ts'
import { columnsOf } from '../input/targets.ts'
import type { Target, TargetShape } from '../input/targets.ts'
import { neededFields, showNeed } from '../options/needed.ts'
import { resolveOptions } from '../options/options.ts'
import { isSigmoid } from '../terms/classification.ts'
import { MAX_CLASSES } from '../terms/classes.ts'
import { FIELDS, TARGET_FIELDS } from '../terms/index.ts'
import type { LayerFields, LayerGradients } from '../terms/index.ts'

/** A field, and how many numbers its rows have. */
interface PackedField {
  readonly name: string
  readonly width: number
  /** Whether targets may lack it. */
  readonly isOptional?: boolean | undefined
}

/** What is packed for a criterion. */
export interface PackedLayout {
  /** The fields of a layer, the logits first. */
  readonly outputs: ReadonlyArray<PackedField & { readonly name: keyof LayerGradients }>
  /** Numbers of a query of a layer, W. */
  readonly outputWidth: number
  /** The fields of targets in the core's order, of width 0 where the criterion has no need of one. */
  readonly targets: readonly PackedField[]
  /** Numbers of a target that has no more: its label, its fields, its flag. */
  readonly targetWidth: number
  /** What targets are to have, but for their number. */
  readonly shape: Omit<TargetShape, 'images'>
}

/** What stands where an image has no more targets. */
const END = -1

/** What stands before the targets of an image that have more, less a sum of powers of two. */
const MORE = -2

/** What targets of an image may have more, each the power of two of its place; then the fields that they may lack, in the core's order. */
const EXTRAS = ['columns', 'lists', 'values', 'weights', 'isPartial'] as const

/** Whether targets of an image have each of {@link EXTRAS}, and which fields. */
type Has = { readonly [Extra in (typeof EXTRAS)[number]]: boolean } & { readonly fields: readonly boolean[] }

/** The number of what an image's targets have more. */
function codeOf(has: Has, { targets }: PackedLayout): number {
  const flags = [...EXTRAS.map((extra) => has[extra]), ...has.fields.filter((_, i) => targets[i]?.isOptional === true)]
  return flags.reduce((code, flag, place) => code + (flag ? 2 ** place : 0), 0)
}

/** What an image's targets have by that number; undefined where it is none. */
function hasOf(code: number, { targets }: PackedLayout): Has | undefined {
  const optional = targets.filter(({ isOptional }) => isOptional === true)
  if (!(Number.isInteger(code) && code >= 0 && code < 2 ** (EXTRAS.length + optional.length))) return undefined
  const isSet = (place: number) => Math.floor(code / 2 ** place) % 2 === 1
  const extras = Object.fromEntries(EXTRAS.map((extra, place) => [extra, isSet(place)])) as unknown as Has
  const fields = targets.map((field) => {
    return field.isOptional === true ? isSet(EXTRAS.length + optional.indexOf(field)) : field.width > 0
  })
  return { ...extras, fields }
}

/** What is packed for a criterion: the fields that it needs. Those of several axes, as points, may be of any number, and are refused. */
export function layoutOf(criterion: HungarianLoss): PackedLayout {
  // resolved once more, since a stranger's criterion may have any
  const options = resolveOptions(criterion.options, 'detr')
  const needed = neededFields(options)
  const { numClasses, classification } = options
  const outputs = FIELDS.flatMap(({ name, owner, columns, axes }, i) => {
    if (needed.queries[i] !== true) return []
    if (axes !== undefined) fail('OPTION', 'criterion', `${name} cannot be packed; hungarianLoss takes them`)
    const width = owner === undefined ? numClasses + (isSigmoid(classification.kind) ? 0 : 1) : columns(options, 0)
    return [{ name: name as keyof LayerGradients, width }]
  })
  const widthOf = (field: string): number => outputs.find(({ name }) => name === field)?.width ?? 0
  const plane = TARGET_FIELDS.find(({ form }, i) => form !== 'row' && needed.targets[i] === true)
  if (plane !== undefined) fail('OPTION', 'criterion', `${plane.name} cannot be packed; hungarianLoss takes them`)
  const isOfNeeded = (name: string) =>
    DESCRIPTION.families.some(({ targetFields }) => {
      return (
        targetFields.includes(name) &&
        TARGET_FIELDS.some((field, i) => needed.targets[i] === true && targetFields.includes(field.name))
      )
    })
  const targets = TARGET_FIELDS.map(({ name, columns, form, isOptional: mayLack }, i) => {
    const isOptional = mayLack && form === 'row' && isOfNeeded(name)
    return { name, width: needed.targets[i] === true || isOptional ? columns(options, widthOf) : 0, isOptional }
  })
  return {
    outputs,
    outputWidth: sumOf(outputs),
    targets,
    targetWidth: 2 + sumOf(targets.filter(({ isOptional }) => !isOptional)),
    shape: {
      needed: needed.targets,
      rowOf: (field) => ({ size: targets[field]?.width ?? 0, axes: undefined }),
      needOf: (field) => showNeed(options, targets[field]?.name ?? ''),
      columns: columnsOf(options),
    },
  }
}

const sumOf = (fields: readonly PackedField[]): number => fields.reduce((sum, { width }) => sum + width, 0)

/** Writes the targets of all images, of the shape `[B, …]`. `read`: what they were packed from. */
export function writeTargets(
  layout: PackedLayout,
  read: readonly ReadTarget[],
  packed: PackedTargets,
  shape: readonly number[],
): Float32Array {
  const [images = 0, ...rest] = shape
  const size = sizeOf(rest)
  const values = new Float32Array(images * size).fill(END)
  const { labelOffsets, columns, weights, has } = packed
  for (let image = 0; image < images; image++) {
    const own: Has = {
      columns: columns !== undefined,
      lists: labelOffsets !== undefined,
      values: packed.values !== undefined,
      weights: weights !== undefined,
      isPartial: read[image]?.isExhaustive === false,
      fields: has,
    }
    const numbers = writeImage(layout, packed, own, image)
    if (numbers.length > size) failRoom(image, packed, numbers.length, layout, rest)
    values.set(numbers, image * size)
  }
  return values
}

/** The numbers of an image. */
function writeImage(layout: PackedLayout, packed: PackedTargets, has: Has, image: number): number[] {
  const { targets, shape } = layout
  const { labels, labelOffsets, fields, offsets, ignores, values, columns, weights } = packed
  const code = codeOf(has, layout)
  const out = code === 0 ? [] : [MORE - code]
  for (const flag of columns?.subarray(image * shape.columns, (image + 1) * shape.columns) ?? []) out.push(flag)
  const [first, end] = [offsets[image] as number, offsets[image + 1] as number]
  for (let target = first; target < end; target++) {
    const ignored = ignores?.[target] === 1
    const [from, to] = [labelOffsets?.[target] ?? target, labelOffsets?.[target + 1] ?? target + 1]
    if (has.lists) out.push(to - from)
    // of an ignored target the label has no meaning
    for (let i = from; i < to; i++) out.push(ignored ? 0 : checkLabel(labels[i] as number, image, target - first))
    for (const value of values?.subarray(from, to) ?? []) out.push(value)
    for (const [field, { width }] of targets.entries()) {
      if (has.fields[field] !== true) continue
      for (let i = 0; i < width; i++) out.push(fields[field]?.[width * target + i] as number)
    }
    if (weights !== undefined) out.push(weights[target] as number)
    out.push(Number(ignored))
  }
  return out
}

function failRoom(
  image: number,
  { offsets }: PackedTargets,
  numbers: number,
  { targetWidth }: PackedLayout,
  rest: readonly number[],
) {
  const count = (offsets[image + 1] as number) - (offsets[image] as number)
  const room = Math.floor(sizeOf(rest) / targetWidth)
  const isPlain = numbers === count * targetWidth
  const has = isPlain
    ? `room for ${room}, of ${targetWidth} numbers each`
    : `${sizeOf(rest)} numbers, and they take ${numbers}`
  if (count === 0) {
    const rule = `what the image has beside targets takes ${numbers} numbers, and ${showShape(rest)} has ${sizeOf(rest)}`
    return fail('SHAPE', `targets[${image}]`, rule, { image })
  }
  const rule = `an image may not be of ${count} targets, since ${showShape(rest)} has ${has}`
  return fail('SHAPE', `targets[${image}].labels`, rule, { image })
}

function checkLabel(label: number, image: number, target: number): number {
  if (label >= 0 && label <= MAX_CLASSES) return label
  const rule = `must be from 0 to ${MAX_CLASSES}, got ${label} at target ${target}`
  return fail('RANGE', `targets[${image}].labels`, rule, { image, target })
}

/** The targets that {@link writeTargets} has written. */
export function readPacked(layout: PackedLayout, values: Float32Array, images: number): Target[] {
  const size = values.length / images
  return Array.from({ length: images }, (_, image) => {
    return readImage(layout, values.subarray(image * size, (image + 1) * size), image)
  })
}

/** The targets of an image. */
function readImage(layout: PackedLayout, numbers: Float32Array, image: number): Target {
  const { targets, shape } = layout
  const code = (numbers[0] ?? END) <= MORE ? MORE - (numbers[0] as number) : 0
  const has = hasOf(code, layout) ?? failPacked(numbers[0] as number, 'what targets have', image)
  let at = code === 0 ? 0 : 1
  /** The next numbers, which packed targets have for certain. */
  const take = (count: number): Float32Array => {
    if (at + count > numbers.length) failPacked(numbers.length - at, `the last ${count} numbers`, image)
    at += count
    return numbers.subarray(at - count, at)
  }
  const columns = has.columns
    ? Uint8Array.from(take(shape.columns), (flag) => readWhole(flag, 1, 'flag', image))
    : undefined
  const own = targets.map(({ width }, field) => (has.fields[field] === true ? width : 0))
  const after = own.reduce((sum, width) => sum + width, 0) + Number(has.weights) + 1
  const [labels, positives, ignore, weights] = [
    [] as (number | number[])[],
    [] as number[],
    [] as number[],
    [] as number[],
  ]
  const fields = targets.map((): number[] => [])
  let count = 0
  while (at + after + Number(!has.lists) <= numbers.length && numbers[at] !== END) {
    const several = has.lists ? readWhole(take(1)[0] as number, shape.columns, 'number of labels', image) : 1
    const ids = Array.from(take(several), (label) => readWhole(label, MAX_CLASSES, 'label', image))
    labels.push(has.lists ? ids : (ids[0] as number))
    if (has.values) {
      const row = Array.from({ length: shape.columns }, () => 0)
      for (const [i, value] of take(several).entries())
        row[readWhole(ids[i] as number, shape.columns - 1, 'label', image)] = value
      for (const value of row) positives.push(value)
    }
    for (const [field, width] of own.entries()) fields[field]?.push(...take(width))
    if (has.weights) weights.push(take(1)[0] as number)
    ignore.push(readWhole(take(1)[0] as number, 1, 'flag', image))
    count++
  }
  checkEnd(numbers.subarray(at), image)
  const given = targets.flatMap(({ name }, i) =>
    has.fields[i] === true ? [[name, Float32Array.from(fields[i] ?? [])] as const] : [],
  )
  return {
    ...(has.values ? { positives: { data: Float32Array.from(positives), shape: [count, shape.columns] } } : { labels }),
    ...Object.fromEntries(given),
    ...(ignore.includes(1) ? { ignore } : {}),
    ...(has.weights ? { weights } : {}),
    ...(columns === undefined ? {} : { columns }),
    ...(has.isPartial ? { exhaustive: false } : {}),
  } as unknown as Target
}

/** Refuses numbers after an image's last target, which no layout of this criterion leaves there. */
function checkEnd(rest: Float32Array, image: number): void {
  const wrong = rest.findIndex((value) => value !== END)
  if (wrong < 0) return
  const rule = `must be of packTargets for this criterion, got ${rest[wrong]} after the last target of image ${image}`
  fail('RANGE', 'packed', rule, { image })
}

function readWhole(value: number, most: number, noun: string, image: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  return failPacked(value, `a ${noun}`, image)
}

function failPacked(value: number, noun: string, image: number): never {
  return fail('RANGE', 'packed', `must be of packTargets, got ${show(value)} as ${noun} of image ${image}`, { image })
}

/** The layers in `[B, Q, L · W]`, stacked. */
export function splitOutputs(layout: PackedLayout, values: Float32Array, shape: readonly number[]): LayerFields {
  const [images = 0, queries = 0, columns = 0] = shape
  const layers = columns / layout.outputWidth
  const entries = layout.outputs.map(({ name, width }, field) => {
    const data = new Float32Array(images * queries * layers * width)
    eachRow(layout, shape, field, (joined, stacked) => data.set(values.subarray(joined, joined + width), stacked))
    return [name, { data, shape: [layers, images, queries, width] }]
  })
  return Object.fromEntries(entries) as unknown as LayerFields
}

/** The gradients of stacked layers as those of `[B, Q, L · W]`. */
export function joinGradients(layout: PackedLayout, gradients: LayerGradients, shape: readonly number[]): Float32Array {
  const values = new Float32Array(sizeOf(shape))
  layout.outputs.forEach(({ name, width }, field) => {
    const data = gradients[name] as Float32Array
    eachRow(layout, shape, field, (joined, stacked) => values.set(data.subarray(stacked, stacked + width), joined))
  })
  return values
}

/** Visits every row of a field: where it begins among the joined values, and where among the stacked ones. */
function eachRow(
  { outputs, outputWidth }: PackedLayout,
  [images = 0, queries = 0, columns = 0]: readonly number[],
  field: number,
  visit: (joined: number, stacked: number) => void,
): void {
  const { width } = outputs[field] as PackedField
  const first = sumOf(outputs.slice(0, field))
  const rows = images * queries
  for (let start = first, layer = 0; start < columns; start += outputWidth, layer++) {
    for (let row = 0; row < rows; row++) visit(row * columns + start, (layer * rows + row) * width)
  }
}

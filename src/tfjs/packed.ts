/**
 * Outputs and targets in one tensor each, as the loss of a LayersModel is given them: what lies where.
 *
 * Outputs are `[B, Q, L · W]`: of each query the layers one after the other, the final one last, and of each layer the logits and
 * then the geometry, W numbers in all. Targets are, for each image, rows one after the other: the label, the geometry,
 * and 1 for a target to be ignored, else 0. What is left of the image's numbers is -1, which no label is.
 */
import { fail } from '../common/errors.ts'
import { showShape, sizeOf } from '../common/tensors.ts'
import { show } from '../common/validate.ts'
import type { HungarianLoss } from '../criterion/criterion.ts'
import type { PackedTargets } from '../input/packing.ts'
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
}

/** What is packed for a criterion. */
export interface PackedLayout {
  /** The fields of a layer, the logits first. */
  readonly outputs: ReadonlyArray<PackedField & { readonly name: keyof LayerGradients }>
  /** Numbers of a query of a layer, W. */
  readonly outputWidth: number
  /** The fields of targets in the core's order, of width 0 where the criterion has no need of one. */
  readonly targets: readonly PackedField[]
  /** Numbers of a target: its label, its fields, its flag. */
  readonly targetWidth: number
  /** What targets are to have, but for their number. */
  readonly shape: Omit<TargetShape, 'images'>
}

/** What stands where an image has no more targets. */
const END = -1

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
  const targets = TARGET_FIELDS.map(({ name, columns }, i) => {
    return { name, width: needed.targets[i] === true ? columns(options, widthOf) : 0 }
  })
  return {
    outputs,
    outputWidth: sumOf(outputs),
    targets,
    targetWidth: 2 + sumOf(targets),
    shape: {
      needed: needed.targets,
      rowOf: (field) => ({ size: targets[field]?.width ?? 0, axes: undefined }),
      needOf: (field) => showNeed(options, targets[field]?.name ?? ''),
      columns: columnsOf(options),
    },
  }
}

const sumOf = (fields: readonly PackedField[]): number => fields.reduce((sum, { width }) => sum + width, 0)

/** Writes the targets of all images, of the shape `[B, …]`. */
export function writeTargets(layout: PackedLayout, packed: PackedTargets, shape: readonly number[]): Float32Array {
  const { targets, targetWidth } = layout
  const { labels, fields, offsets, ignores } = packed
  const [images = 0, ...rest] = shape
  const size = sizeOf(rest)
  const room = Math.floor(size / targetWidth)
  const values = new Float32Array(images * size).fill(END)
  for (let image = 0; image < images; image++) {
    const [first, end] = [offsets[image] as number, offsets[image + 1] as number]
    if (end - first > room) failRoom(image, end - first, room, layout, rest)
    for (let target = first; target < end; target++) {
      let place = image * size + (target - first) * targetWidth
      const ignored = ignores?.[target] === 1
      // of an ignored target the label has no meaning
      values[place++] = ignored ? 0 : checkLabel(labels[target] as number, image, target - first)
      for (let field = 0; field < targets.length; field++) {
        const { width } = targets[field] as PackedField
        const rows = fields[field]
        for (let i = 0; i < width; i++) values[place++] = rows?.[width * target + i] as number
      }
      values[place] = Number(ignored)
    }
  }
  return values
}

function failRoom(image: number, count: number, room: number, { targetWidth }: PackedLayout, rest: readonly number[]) {
  const rule = `of ${count} targets, since ${showShape(rest)} has room for ${room}, of ${targetWidth} numbers each`
  return fail('SHAPE', `targets[${image}].labels`, `an image may not be ${rule}`, { image })
}

function checkLabel(label: number, image: number, target: number): number {
  if (label >= 0 && label <= MAX_CLASSES) return label
  const rule = `must be from 0 to ${MAX_CLASSES}, got ${label} at target ${target}`
  return fail('RANGE', `targets[${image}].labels`, rule, { image, target })
}

/** The targets that {@link writeTargets} has written. */
export function readPacked(layout: PackedLayout, values: Float32Array, images: number): Target[] {
  const { targets, targetWidth } = layout
  const size = values.length / images
  return Array.from({ length: images }, (_, image) => {
    const start = image * size
    let count = 0
    while ((count + 1) * targetWidth <= size && values[start + count * targetWidth] !== END) count++
    checkEnd(values.subarray(start + count * targetWidth, start + size), image)
    const labels: number[] = []
    const ignore: number[] = []
    const fields = targets.map(({ width }) => new Float32Array(count * width))
    for (let target = 0; target < count; target++) {
      let place = start + target * targetWidth
      labels.push(readWhole(values[place++] as number, MAX_CLASSES, 'label', image))
      for (let field = 0; field < fields.length; field++) {
        const { width } = targets[field] as PackedField
        for (let i = 0; i < width; i++) (fields[field] as Float32Array)[target * width + i] = values[place++] as number
      }
      ignore.push(readWhole(values[place] as number, 1, 'flag', image))
    }
    const given = targets.flatMap(({ name, width }, i) => (width > 0 ? [[name, fields[i]] as const] : []))
    const flags = ignore.includes(1) ? { ignore } : {}
    return { labels, ...Object.fromEntries(given), ...flags } as unknown as Target
  })
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
  return fail('RANGE', 'packed', `must be of packTargets, got ${show(value)} as a ${noun} of image ${image}`, { image })
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

/** What is suspicious of predictions, alone and beside their targets. */
import { PART_KEYS } from '../../binding/plan.ts'
import { placeOf } from '../../input/layers.ts'
import type { Predictions } from '../../input/outputs.ts'
import type { Part } from '../../input/part.ts'
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { BOX_SIZE } from '../../terms/boxes.ts'
import { isSigmoid } from '../../terms/classification.ts'
import { FIELDS } from '../../terms/index.ts'
import { atHolder, atQuery, listBlocks, valuesOf } from './blocks.ts'
import type { Block } from './blocks.ts'
import { cornersOf, cureFor, isInside, READINGS } from './boxes.ts'
import type { BoxReading } from './boxes.ts'
import { targetValues } from './entries.ts'
import { hasColumn } from './extras.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import { inspectMaskLogits } from './mask-logits.ts'
import { inspectMaskOutputs } from './masks.ts'
import { inspectWeights } from './weights.ts'

/** How far a softmax row's sum may be from 1. */
const SUM_SLACK = 1e-3
/** Components that no sigmoid gives, and that no converted box is likely to have. */
const FAR = [-1, 2] as const
/** So many boxes do not fit into a wrong reading by chance. */
const MANY = 8
/** How many standard deviations set a no-object column apart. */
const APART = 2

/** Everything suspicious of a batch's predictions. */
export function inspectPredictions(
  predictions: Predictions,
  targets: PackedTargets,
  options: ResolvedOptions,
): Finding[] {
  const blocks = listBlocks(predictions)
  return [
    ...inspectFinite(blocks, targets, options),
    ...inspectLogits(blocks, targets, options),
    ...inspectMaskLogits(blocks, targets),
    ...inspectRange(blocks, targets, 'boxes', options.normalizedBoxes),
    ...(options.normalizedBoxes ? inspectFormat(blocks, options) : []),
    ...inspectRange(blocks, targets, 'points', options.normalizedPoints),
    ...inspectWeights(predictions),
    ...inspectMaskOutputs(predictions, targets, options),
    ...inspectRoom(predictions, targets),
  ]
}

function inspectFinite(blocks: readonly Block[], targets: PackedTargets, { nonFinite }: ResolvedOptions): Finding[] {
  const tally = new Tally()
  for (const block of blocks) {
    for (const { name: field, heldBy } of FIELDS) {
      const data = valuesOf(block, field)
      const isMasked = field === 'logits' && targets.columns !== undefined
      for (let i = 0; i < data.length; i++) {
        const value = data[i] as number
        if (isMasked && !isThere(block, targets, i)) continue
        tally.add(!Number.isFinite(value), () => atHolder(block, field, heldBy, i, value))
      }
    }
  }
  const what =
    nonFinite === 'throw' ? "are refused; nonFinite: 'worst' leaves such queries out" : 'leave such queries out'
  return tally.finding(
    'non-finite',
    nonFinite === 'throw' ? 'error' : 'warning',
    `NaN or infinities among the predictions ${what}. Look for a learning rate that is too high, or for a logarithm or quotient of 0 in the model.`,
  )
}

/** Whether the image of a logit has its column. */
function isThere({ rows, classes, images }: Block, targets: PackedTargets, i: number): boolean {
  return hasColumn(targets, Math.floor(i / (rows * classes)) % Math.max(images, 1), i % classes)
}

function inspectLogits(blocks: readonly Block[], targets: PackedTargets, options: ResolvedOptions): Finding[] {
  const isSoftmax = !isSigmoid(options.classification.kind)
  const [constant, transposed, probabilities] = [new Tally(), new Tally(), new Tally()]
  for (const block of blocks) {
    const logits = valuesOf(block, 'logits')
    if (logits.length === 0) continue
    const there = targets.columns === undefined ? logits : logits.filter((_, i) => isThere(block, targets, i))
    const isConstant = there.length > 1 && there.every((value) => value === there[0])
    constant.add(isConstant, () => atQuery(block, 'logits', 0, there[0] as number))
    if (isConstant) continue
    const isNormal = isSoftmax
      ? areSoftmax(block)
      : there.length > 0 && there.every((value) => value >= 0 && value <= 1)
    probabilities.add(isNormal, () => atQuery(block, 'logits', 0, [...logits.subarray(0, Math.min(block.classes, 8))]))
    transposed.add(isSoftmax && looksTransposed(block, options), () =>
      atQuery(block, 'logits', 0, [block.images, block.rows, block.classes]),
    )
  }
  return [
    ...constant.finding(
      'constant-logits',
      'warning',
      'All logits of a layer are the same number, so that nothing tells queries or classes apart. Is the class head connected, and its weights other than 0?',
    ),
    ...probabilities.finding(
      'probabilities',
      'warning',
      `The logits look like probabilities: ${isSoftmax ? 'rows within [0, 1] that sum to 1' : 'all lie within [0, 1]'}. The criterion applies ${isSoftmax ? 'softmax' : 'the sigmoid'} itself: pass the scores before it.`,
    ),
    ...transposed.finding(
      'transposed-logits',
      'warning',
      'The no-object scores lie where they would in [B, C, Q], one class after the other. Transpose the logits to [B, Q, C].',
    ),
  ]
}

function areSoftmax(block: Block): boolean {
  const { classes } = block
  const logits = valuesOf(block, 'logits')
  for (let start = 0; start < logits.length; start += classes) {
    let sum = 0
    for (let i = start; i < start + classes; i++) {
      const value = logits[i] as number
      if (!(value >= 0 && value <= 1)) return false
      sum += value
    }
    if (Math.abs(sum - 1) > SUM_SLACK) return false
  }
  return true
}

/** Whether no-object stands apart from the other classes if the axes of queries and classes are exchanged, and only then. */
function looksTransposed(block: Block, options: ResolvedOptions): boolean {
  const { images, rows, classes } = block
  const { layers } = block.tensors
  const logits = valuesOf(block, 'logits')
  const { classification, numClasses } = options
  if (!('noObjectIndex' in classification) || rows < 4 || classes < 4 || classes !== numClasses + 1) return false
  const size = rows * classes
  const standsApart = (classOf: (within: number) => number): boolean => {
    for (let image = 0; image < layers * images; image++) {
      const means = new Float64Array(classes)
      for (let i = 0; i < size; i++) {
        const label = classOf(i)
        means[label] = (means[label] as number) + (logits[image * size + i] as number) / rows
      }
      if (!standsOut(means, classification.noObjectIndex)) return false
    }
    return layers * images > 0
  }
  return !standsApart((i) => i % classes) && standsApart((i) => Math.floor(i / rows))
}

/** Whether one mean lies above all others by far. */
function standsOut(means: Float64Array, index: number): boolean {
  const others = Array.from(means).filter((_, label) => label !== index)
  const mean = others.reduce((sum, value) => sum + value, 0) / others.length
  const deviation = Math.sqrt(others.reduce((sum, value) => sum + (value - mean) ** 2, 0) / others.length)
  return (means[index] as number) > Math.max(...others) + APART * deviation
}

/** Boxes or points in pixels where the targets are normalised, and the other way about. */
function inspectRange(
  blocks: readonly Block[],
  packed: PackedTargets,
  field: 'boxes' | 'points',
  areTargetsNormalized: boolean,
): Finding[] {
  const [far, normal] = [new Tally(), new Tally()]
  for (const block of blocks) {
    const values = valuesOf(block, field)
    const width = block.tensors.widths[placeOf(field)] as number
    for (let start = 0; start < values.length; start += width) {
      const row = values.subarray(start, start + width)
      const describe = () => atQuery(block, field, start / width, [...row])
      const isFar = row.some((value) => Number.isFinite(value) && (value < FAR[0] || value > FAR[1]))
      const isNormal = row.every((value) => value >= 0 && value <= 1)
      far.add(isFar, describe)
      normal.add(isNormal, describe)
    }
  }
  if (areTargetsNormalized) {
    const message =
      `Predicted ${field} lie far outside [0, 1], where the targets are normalised. Apply the sigmoid to them, or divide ` +
      'pixels by the width and height of the image.'
    return far.finding('pixel-predictions', 'warning', message)
  }
  const areTargetsPixels = targetValues(packed, field).some((value) => value > FAR[1])
  if (!areTargetsPixels || normal.count < normal.total) return []
  return normal.finding(
    'normalized-predictions',
    'warning',
    `All predicted ${field} lie within [0, 1], and the targets are in pixels. Multiply the predictions by the width and ` +
      'height of the image, or normalise the targets.',
  )
}

/** Predictions of which many leave the image as they are read, and none in another reading: chance does not do that. */
function inspectFormat(blocks: readonly Block[], { boxFormat }: ResolvedOptions): Finding[] {
  const tally = new Tally()
  const fits = new Set(READINGS.filter((reading) => reading !== boxFormat))
  for (const block of blocks) {
    const boxes = valuesOf(block, 'boxes')
    for (let start = 0; start < boxes.length; start += BOX_SIZE) {
      const isFitting = (reading: BoxReading) => isInside(cornersOf(boxes, start, reading), true)
      tally.add(!isFitting(boxFormat), () =>
        atQuery(block, 'boxes', start / BOX_SIZE, [...boxes.subarray(start, start + BOX_SIZE)]),
      )
      for (const reading of fits) if (!isFitting(reading)) fits.delete(reading)
    }
  }
  const [reading] = fits
  if (reading === undefined || tally.total < MANY || 2 * tally.count < tally.total) return []
  const found = `Read as boxFormat '${boxFormat}', predicted boxes leave the image or have sides below 0.`
  return tally.finding('box-outside-image', 'warning', `${found} ${cureFor(reading, boxFormat)}`)
}

/** Images with more targets than queries to match them. */
function inspectRoom({ parts }: Predictions, { offsets, ignores }: PackedTargets): Finding[] {
  const tally = new Tally()
  for (const part of parts.filter(({ denoising }) => denoising === undefined)) {
    const room = Math.floor((part.end - part.first) / (part.groups * part.repeat))
    for (let image = 0; image + 1 < offsets.length; image++) {
      const [first, end] = [offsets[image] as number, offsets[image + 1] as number]
      let count = end - first
      for (let target = first; target < end; target++) count -= ignores?.[target] ?? 0
      tally.add(count > room, () => ({ argument: `targets[${image}]`, place: { image }, example: [count, room] }))
    }
  }
  return tally.finding(
    'more-targets-than-queries',
    'warning',
    `Images have more targets than ${describeRoom(parts)}, so that some targets learn nothing. Use more queries, or leave targets out.`,
  )
}

function describeRoom(parts: readonly Part[]): string {
  const others = PART_KEYS.filter((key) => parts.some((part) => part.key === key && part.denoising === undefined))
  return ['queries', ...others.map((key) => `those of outputs.${key}`)].join(' or ')
}

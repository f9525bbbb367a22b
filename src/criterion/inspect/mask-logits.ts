/** What is suspicious of the numbers that predicted masks are. */
import type { PackedTargets } from '../../input/packing.ts'
import { FIELDS } from '../../terms/index.ts'
import { atHolder, atQuery, valuesOf } from './blocks.ts'
import type { Block } from './blocks.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'
import { planesOf } from './planes.ts'

/** So many logits of a layer are not on one side of 0 by chance, where its targets have both objects and background. */
const MANY = 64

/**
 * Logits may all be negative, as where the bias of a head starts low. Those of log-probabilities end at 0 abruptly: this share of them
 * is less than `NEAR` below it, as of probabilities above 0.78, and as many are more than `FAR` below it, as of those under 0.37.
 * Logits that spread so far, and of which so many come so near, do not all stop short of 0.
 */
const SHARE = 0.05
const [NEAR, FAR] = [0.25, 1]

/** How far the sum of the probabilities of a pixel's queries may be from 1. */
const SUM_SLACK = 1e-3

/** The factors of masks, each of which may be the same number throughout. */
const FACTORS = FIELDS.filter(({ name }) => name === 'maskFeatures' || name === 'maskQueries')

/** Masks that are one number throughout, probabilities or their logarithms, or what an activation has left of logits. */
export function inspectMaskLogits(blocks: readonly Block[], targets: PackedTargets): Finding[] {
  const [constant, probabilities] = [new Tally(), new Tally()]
  for (const block of blocks) {
    const masks = valuesOf(block, 'masks')
    if (masks.length < 2) continue
    const isConstant = isOneNumber(masks)
    constant.add(isConstant, () => atQuery(block, 'masks', 0, masks[0] as number))
    const isNormal = !isConstant && masks.every((value) => value >= 0 && value <= 1)
    probabilities.add(isNormal, () => atQuery(block, 'masks', 0, [...masks.subarray(0, 8)]))
  }
  return [
    ...constant.finding(
      'constant-masks',
      'warning',
      'All logits of the masks of a layer are the same number, so that nothing tells queries or pixels apart. Is the mask head connected, and its weights other than 0?',
    ),
    ...inspectFactors(blocks),
    ...probabilities.finding(
      'mask-probabilities',
      'warning',
      'The masks look like probabilities: all of a layer lie within [0, 1]. The criterion applies the sigmoid itself: pass the logits before it.',
    ),
    ...(haveBoth(targets) ? inspectSides(blocks) : []),
  ]
}

const isOneNumber = (values: Float32Array): boolean => values.every((value) => value === values[0])

/** Features or queries that are one number throughout, so that logits do not depend on pixels, or on queries. */
function inspectFactors(blocks: readonly Block[]): Finding[] {
  const tally = new Tally()
  for (const block of blocks) {
    for (const { name, heldBy } of FACTORS) {
      const values = valuesOf(block, name)
      if (values.length < 2) continue
      tally.add(isOneNumber(values), () => atHolder(block, name, heldBy, 0, values[0] as number))
    }
  }
  return tally.finding(
    'constant-masks',
    'warning',
    'All numbers of a factor of the masks, maskFeatures or maskQueries, are the same in a layer, so that nothing tells its pixels or its queries apart. Is the head that makes it connected, and its weights other than 0?',
  )
}

/** Whether the targets of any image have pixels of objects as well as of background: then right logits have both signs. */
function haveBoth(targets: PackedTargets): boolean {
  return planesOf(targets, 'masks').some(({ data }) => data.includes(0) && data.includes(1))
}

/** What masks on one side of 0 look like. */
const SIDES = {
  bytes: 'Those of a layer are whole numbers from 0 to 255, as of masks × 255',
  relu: 'Those of a layer are 0 or above, as behind a ReLU',
  logarithms: 'Those of a layer are 0 or below, as logarithms of probabilities are',
} as const

function inspectSides(blocks: readonly Block[]): Finding[] {
  const tally = new Tally()
  const sides: (keyof typeof SIDES)[] = []
  for (const block of blocks) {
    const masks = valuesOf(block, 'masks')
    if (masks.length < MANY) continue
    const side = sideOf(masks, block)
    if (side !== undefined) sides.push(side)
    tally.add(side !== undefined, () => atQuery(block, 'masks', 0, [...masks.subarray(0, 8)]))
  }
  const found = [...new Set(sides)].map((side) => SIDES[side]).join('. ')
  return tally.finding(
    'one-sided-masks',
    'warning',
    `Logits of masks have both signs, above 0 within the object and below 0 beside it. ${found}. Is an activation between? Pass what the last layer of the mask head gives.`,
  )
}

/** On which side of 0 all numbers of a layer are, if it is one that logits are not on; values within [0, 1] have their own finding. */
function sideOf(masks: Float32Array, block: Block): keyof typeof SIDES | undefined {
  if (isOneNumber(masks)) return undefined
  if (masks.every((value) => value >= 0)) {
    if (masks.every((value) => value <= 1)) return undefined
    if (masks.every((value) => value <= 255 && Number.isInteger(value))) return 'bytes'
    return masks.includes(0) ? 'relu' : undefined
  }
  const areLogarithms = masks.every((value) => value <= 0) && (endAtZero(masks) || areLogSoftmax(masks, block))
  return areLogarithms ? 'logarithms' : undefined
}

/** Whether numbers that are not above 0 crowd just below it, as logarithms of the sigmoid do. */
function endAtZero(masks: Float32Array): boolean {
  let [near, far] = [0, 0]
  for (const value of masks) {
    if (value > -NEAR) near++
    if (value < -FAR) far++
  }
  return Math.min(near, far) >= SHARE * masks.length
}

/** Whether the queries' probabilities of each pixel, of which these are the logarithms, sum to 1. */
function areLogSoftmax(masks: Float32Array, { rows, images, tensors: { layers } }: Block): boolean {
  const pixels = masks.length / (layers * images * rows)
  for (let first = 0; first < masks.length; first += rows * pixels) {
    for (let pixel = first; pixel < first + pixels; pixel++) {
      let sum = 0
      for (let query = 0; query < rows; query++) sum += Math.exp(masks[pixel + query * pixels] as number)
      if (Math.abs(sum - 1) > SUM_SLACK) return false
    }
  }
  return true
}

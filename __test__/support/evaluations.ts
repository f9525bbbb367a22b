/** Random sets of images, the same for the same seed here and in `tools/evaluate/sets.py`: change both or none. */
import { createHash } from 'node:crypto'
import type { EvaluatorOptions, ImageDetections, ImageGroundTruth } from '../../src/evaluate.ts'
import { randomNumbers } from './helpers.ts'

/** One set: the options of its evaluation, and its images. */
export interface EvaluationSet {
  readonly options: EvaluatorOptions
  readonly ids: readonly number[]
  readonly detections: readonly ImageDetections[]
  readonly groundTruth: readonly ImageGroundTruth[]
}

type Box = [number, number, number, number]

/** `seed`: from 0. */
export function makeSet(seed: number): EvaluationSet {
  const random = randomNumbers(1000 + seed)
  const below = (count: number): number => Math.floor(random() * count)
  const kind = seed % 10
  const isGrid = seed % 2 === 0
  const numClasses = [1, 3, 5, 12][below(4)] as number
  const images = kind === 9 ? 40 : 1 + below(8)
  const options: EvaluatorOptions = { numClasses, boxFormat: 'xywh', ...OPTIONS[kind] }
  const box = (): Box =>
    isGrid
      ? [below(12), below(12), below(8), below(8)]
      : [random() * 300, random() * 300, 4 + random() * 180, 4 + random() * 180]
  const score = (): number => (isGrid ? below(5) / 4 - 0.25 : random())
  const ids = Array.from(
    { length: images },
    (_, i) => 7 * ((11 * i + 5) % (images % 11 === 0 ? images + 1 : images)) + below(7),
  )
  const detections: ImageDetections[] = []
  const groundTruth: ImageGroundTruth[] = []
  for (let image = 0; image < images; image++) {
    const targets: { box: Box; label: number; area: number; ignore: number }[] = []
    const count = random() < 0.15 ? 0 : below(9)
    for (let i = 0; i < count; i++) {
      const its = box()
      let label = below(numClasses)
      if (numClasses > 1 && label === 1) label = 0
      let area = its[2] * its[3]
      const which = below(6)
      if (which === 0) area = area * 0.75
      if (which === 1) area = 1024
      if (which === 2) area = [9216, 400, 99.5][below(3)] as number
      targets.push({ box: its, label, area, ignore: random() < 0.12 ? 1 : 0 })
    }
    let found: { box: Box; label: number; score: number }[] = []
    for (const target of targets) {
      const copies = below(4)
      for (let i = 0; i < copies; i++) {
        const [x, y, w, h] = target.box
        let its: Box = [x, y, w, h]
        const how = below(4)
        if (how === 1) its = [x + 1, y, w, h]
        if (how === 2) its = [x, y, w * 2, h]
        if (how === 3) its = [x + random(), y + random(), w * (0.5 + random()), h * (0.5 + random())]
        const label = random() < 0.85 ? target.label : below(numClasses)
        found.push({ box: its, label, score: score() })
      }
    }
    const others = kind === 8 && image < 3 ? 130 : below(8)
    for (let i = 0; i < others; i++) {
      const its = box()
      found.push({ box: its, label: kind === 8 ? 0 : below(numClasses), score: score() })
    }
    if (random() < 0.1) found = []
    detections.push({
      boxes: Float64Array.from(found.flatMap(({ box: its }) => its)),
      scores: Float64Array.from(found, ({ score: its }) => its),
      labels: Int32Array.from(found, ({ label }) => label),
    })
    groundTruth.push({
      id: ids[image],
      boxes: targets.map(({ box: its }) => its),
      labels: targets.map(({ label }) => label),
      areas: targets.map(({ area }) => area),
      ignore: targets.map(({ ignore }) => ignore),
    })
  }
  return { options, ids, detections, groundTruth }
}

const OPTIONS: { readonly [kind: number]: Partial<EvaluatorOptions> } = {
  3: { iouThresholds: [0.3, 0.5, 0.75, 1], areas: { all: [0, 400], narrow: [100, 100], small: [0, 99.5] } },
  4: { recallThresholds: [0, 0.5, 1], maxDetections: [2] },
  5: { iouThresholds: Array.from({ length: 70 }, (_, i) => (i + 1) / 70), maxDetections: [1, 3, 5, 7] },
  6: { classAgnostic: true },
  7: { iouThresholds: [0.55], recallThresholds: [0.015625, 0.25, 0.75] },
}

/** A digest of all bits. */
export function digestOfNumbers(numbers: Float64Array): string {
  const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}

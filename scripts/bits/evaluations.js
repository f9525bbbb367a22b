/** Detections and targets of images of every kind that the evaluation takes. */
import { DetectionEvaluator } from '../../dist/evaluate.js'
import { makeRandom } from './random.js'

/** Images, and the most targets and detections of one. */
const SIZES = [
  [3, 5, 10],
  [40, 8, 30],
  [4, 60, 300],
]

const OPTIONS = {
  usual: {},
  'of one class': { classAgnostic: true },
  'ranges and thresholds': {
    areas: { small: [0, 400], rest: [400, 1e6] },
    iouThresholds: [0.3, 0.75, 1],
    maxDetections: [2, 50],
  },
}

/** @returns {{ name: string, evaluate: (threads: number) => DetectionEvaluator }[]} */
export function makeEvaluations() {
  return SIZES.flatMap((size, i) =>
    Object.entries(OPTIONS).flatMap(([kind, options], j) =>
      [false, true].map((isTied) => {
        const seed = 300 + 10 * i + 2 * j + Number(isTied)
        const evaluate = (threads) => {
          const evaluator = new DetectionEvaluator({ numClasses: 6, boxFormat: 'xywh', ...options, threads })
          return evaluator.add(...makeImages(makeRandom(seed), size, isTied))
        }
        return { name: `evaluation, ${kind}, ${size.join(' × ')}${isTied ? ', tied' : ''}`, evaluate }
      }),
    ),
  )
}

/** Where `isTied`, boxes lie on a grid and scores are few. */
function makeImages(random, [images, most, mostFound], isTied) {
  const side = (low, high) => (isTied ? low + random.integer(8) : random.uniform(low, high))
  const box = () => [side(0, 200), side(0, 200), side(4, 90), side(4, 90)]
  const [detections, groundTruth] = [[], []]
  for (let image = 0; image < images; image++) {
    const target = { id: (image * 7) % images, boxes: [], labels: [], areas: [], ignore: [] }
    for (let k = random.integer(most + 1); k > 0; k--) {
      const its = box()
      target.boxes.push(its)
      target.labels.push(random.integer(5))
      target.areas.push(its[2] * its[3] * (random.chance(0.5) ? 1 : 0.75))
      target.ignore.push(random.chance(0.1))
    }
    const detection = { boxes: [], scores: [], labels: [] }
    for (let k = random.integer(mostFound + 1); k > 0; k--) {
      const near = target.boxes[random.integer(2 * most)]
      detection.boxes.push(near === undefined ? box() : near.map((value) => value + (isTied ? 0 : random.uniform())))
      detection.scores.push(isTied ? random.integer(5) : random.uniform())
      detection.labels.push(random.integer(6))
    }
    detections.push(detection)
    groundTruth.push(target)
  }
  return [detections, groundTruth]
}

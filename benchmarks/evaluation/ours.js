/** Ours, from COCO's JSON objects to its twelve numbers. */
import { DetectionEvaluator } from 'hungarian-loss/evaluate'

/** The twelve numbers in COCO's order. */
const NAMES = 'ap ap50 ap75 apSmall apMedium apLarge ar1 ar10 ar100 arSmall arMedium arLarge'.split(' ')

/**
 * @param {import('./inputs.js').Inputs} inputs
 * @param {number} [threads] as many as the process may use unless given
 * @returns {number[]}
 */
export function evaluateOurs({ dataset, results }, threads) {
  const ids = dataset.categories.map(({ id }) => id).toSorted((a, b) => a - b)
  const classes = new Map(ids.map((id, index) => [id, index]))
  const entries = new Map(
    dataset.images.map(({ id }) => {
      const target = { id, boxes: [], labels: [], areas: [], ignore: [] }
      return [id, { target, detection: { boxes: [], labels: [], scores: [] } }]
    }),
  )
  for (const { image_id, category_id, bbox, area, iscrowd } of dataset.annotations) {
    const { target } = entries.get(image_id)
    target.boxes.push(bbox)
    target.labels.push(classes.get(category_id))
    target.areas.push(area)
    target.ignore.push(iscrowd)
  }
  for (const { image_id, category_id, bbox, score } of results) {
    const { detection } = entries.get(image_id)
    detection.boxes.push(bbox)
    detection.labels.push(classes.get(category_id))
    detection.scores.push(score)
  }
  const all = [...entries.values()]
  const evaluator = new DetectionEvaluator({ numClasses: ids.length, boxFormat: 'xywh', threads })
  evaluator.add(
    all.map(({ detection }) => detection),
    all.map(({ target }) => target),
  )
  const result = evaluator.result()
  return NAMES.map((name) => result[name])
}

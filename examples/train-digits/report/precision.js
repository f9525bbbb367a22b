/** What the evaluation tells: precision by recall, and average precision by digit. */
import { mean } from '../metrics.js'
import { barTable } from './bars.js'
import { lineChart } from './chart.js'

/** The thresholds of IoU that are drawn, each with its average precision. */
const THRESHOLDS = [
  { iou: 0.5, key: 'ap50', name: 'AP50', color: '--blue' },
  { iou: 0.75, key: 'ap75', name: 'AP75', color: '--violet' },
]

/** @param {import('hungarian-loss/evaluate').EvaluationResult} result @returns {string} a figure */
export function precisionByRecall(result) {
  return lineChart({
    title: 'Precision by recall',
    xLabel: 'recall',
    last: 1,
    top: 1,
    series: THRESHOLDS.map(({ iou, key, name, color }) => ({
      name,
      color,
      points: curve(result, iou),
      value: result[key],
    })),
  })
}

/** @param {import('hungarian-loss/evaluate').EvaluationResult} result @returns {string} a figure */
export function precisionByDigit({ perClass }) {
  return barTable({
    title: 'Average precision by digit',
    label: 'digit',
    count: 'number',
    columns: THRESHOLDS,
    rows: perClass.map((digit) => ({
      label: `${digit.class}`,
      count: digit.targets,
      values: THRESHOLDS.map(({ key }) => digit[key]),
    })),
  })
}

/**
 * Recall and precision, the mean of the classes that have targets.
 * @param {import('hungarian-loss/evaluate').EvaluationResult} result
 * @param {number} iou the threshold
 * @returns {[number, number][]}
 */
export function curve({ precision: { data, shape }, iouThresholds, recallThresholds, perClass }, iou) {
  const [, recalls, classes, areas] = shape
  const threshold = iouThresholds.indexOf(iou)
  const known = perClass.filter(({ targets }) => targets > 0)
  return recallThresholds.map((recall, i) => {
    const row = (threshold * recalls + i) * classes
    return [recall, mean(known.map((of) => data[(row + of.class) * areas]))] // the first range of areas has all
  })
}

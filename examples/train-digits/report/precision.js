/** What the evaluation tells: precision by recall, and average precision by digit. */
import { precisionRecall } from 'hungarian-loss/evaluate'
import { barTable } from './bars.js'
import { lineChart } from './chart.js'

/** The thresholds of IoU that are drawn, each with its average precision. */
const THRESHOLDS = [
  { iouThreshold: 0.5, key: 'ap50', name: 'AP50', color: '--blue' },
  { iouThreshold: 0.75, key: 'ap75', name: 'AP75', color: '--violet' },
]

/** @param {import('hungarian-loss/evaluate').EvaluationResult} result @returns {string} a figure */
export function precisionByRecall(result) {
  return lineChart({
    title: 'Precision by recall',
    xLabel: 'recall',
    last: 1,
    top: 1,
    series: THRESHOLDS.map(({ iouThreshold, key, name, color }) => {
      const { recall, precision } = precisionRecall(result, { iouThreshold })
      return { name, color, points: Array.from(recall, (at, i) => [at, precision[i]]), value: result[key] }
    }),
  })
}

/** @param {import('hungarian-loss/evaluate').EvaluationResult} result @returns {string} a figure */
export function precisionByDigit({ perClass }) {
  return barTable({
    title: 'Average precision by digit',
    label: 'digit',
    count: 'boxes',
    columns: THRESHOLDS,
    rows: perClass.map((digit) => ({
      label: `${digit.class}`,
      count: digit.targets,
      values: THRESHOLDS.map(({ key }) => digit[key]),
    })),
  })
}

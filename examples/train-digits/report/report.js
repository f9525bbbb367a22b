/** The report of a training run, as one page that needs nothing else. */
import { CANVAS } from '../data.js'
import { SURE } from '../evaluate.js'
import { SETTINGS as MODEL } from '../model.js'
import { clock } from '../progress.js'
import { SETTINGS } from '../train.js'
import { lineChart } from './chart.js'
import { averaged, CURVE_POINTS, machineRows, page, table } from './page.js'
import { precisionByDigit, precisionByRecall } from './precision.js'
import { KINDS, scenePicture } from './scene.js'
import { STYLE } from './style.js'

const SCENES = 12

/**
 * @param {{
 *   settings: { steps: number, seed: number, denoising: number, heldOutScenes: number },
 *   model: import('../model.js').Detr,
 *   history: import('../train.js').Step[],
 *   evaluations: { step: number, scores: import('../evaluate.js').Scores, milliseconds: number }[],
 *   evaluation: import('../evaluate.js').Evaluation,
 *   images: Float32Array,
 * }} run evaluation: the last one; images: the held-out scenes, `[scenes, CANVAS, CANVAS, 1]`
 * @returns {string} HTML
 */
export function report({ settings, model, history, evaluations, evaluation, images }) {
  const { scores, step, milliseconds } = evaluations.at(-1)
  const facts = {
    AP: scores.ap.toFixed(3),
    AP50: scores.ap50.toFixed(3),
    AP75: scores.ap75.toFixed(3),
    'mean IoU': scores.meanIou.toFixed(3),
    time: clock(milliseconds),
  }
  const lead = `A small DETR saw ${(step * SETTINGS.batchSize).toLocaleString('en')} scenes of handwritten digits, with the Hungarian loss as its only teacher. All scores and
  pictures below are of scenes made from digits that it never saw.`
  const body = `
<section>
  <h2>What it finds</h2>
  <p>Left, the true boxes; right, the predicted ones with digit and certainty. Lines join what the Hungarian matching
  pairs: every true box gets a query of its own. A prediction without a line that is at least ${SURE * 100} % sure is a mistake.</p>
  <p class="legend">${Object.entries(KINDS)
    .map(([kind, name]) => `<span><i style="background: var(--${kind})"></i>${name}</span>`)
    .join('')}</p>
  <div class="scenes">${scenePictures(evaluation, images).join('')}</div>
</section>

<section>
  <h2>How well it finds them</h2>
  <p>Average precision as COCO counts it. For AP50, a prediction is right where it names the digit and its intersection with the
  true box is at least 50 % of their union, for AP75 at least 75 %; AP is the mean of ten such thresholds, 50 % to 95 %. The curves
  are means of the ten digits.</p>
  <div class="columns">${precisionByRecall(evaluation.result)}${precisionByDigit(evaluation.result)}</div>
</section>

<section>
  <h2>How it got there</h2>
  <div class="columns">${curves(history, evaluations).join('')}</div>
</section>

<section>
  <h2>How it was made</h2>
  <div class="columns">${table('Training', trainingRows(settings, step, model))}${table('Machine', machineRows())}</div>
</section>
`
  return page({ title: 'Learning to find digits', lead, facts, style: STYLE, body })
}

/** Training loss and held-out scores. */
function curves(history, evaluations) {
  const steps = { xLabel: 'step', last: history.length, whole: true }
  const length = Math.ceil(history.length / CURVE_POINTS)
  const name = length > 1 ? `mean of ${length} steps` : 'each step'
  const term = (title, color, value) =>
    lineChart({ title, ...steps, series: [{ name, color, points: averaged(history, length, value) }] })
  const score = (name, color, key) => ({
    name,
    color,
    points: evaluations.map(({ step, scores }) => [step, scores[key]]),
  })
  return [
    lineChart({
      title: 'Held-out scores',
      ...steps,
      top: 1,
      wide: true,
      series: [
        score('AP50', '--blue', 'ap50'),
        score('AP75', '--violet', 'ap75'),
        score('AP', '--orange', 'ap'),
        score('mean IoU', '--green', 'meanIou'),
      ],
    }),
    term('Total loss, proposals and layers', '--blue', ({ loss }) => loss),
    term('Class term', '--violet', ({ terms }) => terms.class),
    term('L1 term', '--green', ({ terms }) => terms.l1),
    term('GIoU term', '--orange', ({ terms }) => terms.giou),
  ]
}

/** The first scenes that show anything, as the truth beside the predictions. */
function scenePictures({ truths, detections, matches }, images) {
  return Array.from(truths.keys())
    .filter((scene) => truths[scene].labels.length > 0)
    .slice(0, SCENES)
    .map((scene) => {
      const pixels = images.subarray(scene * CANVAS ** 2, (scene + 1) * CANVAS ** 2)
      return scenePicture(pixels, truths[scene], detections[scene], matches[scene], SURE)
    })
}

function trainingRows({ steps, seed, denoising, heldOutScenes }, step, model) {
  return {
    Steps: step < steps ? `${step} of ${steps}` : steps,
    'Scenes per step': SETTINGS.batchSize,
    Seed: seed,
    Optimiser: `Adam, at most ${SETTINGS.learningRate}, ${SETTINGS.warmUp} steps of warm-up, cosine decay`,
    Model: `${MODEL.convolutions.length} convolutions, ${MODEL.decoderLayers} decoder layers of width ${MODEL.width}`,
    Queries: `${model.queries}, chosen from ${model.tokens} proposals`,
    'Denoising groups': denoising,
    Parameters: model.variables.reduce((sum, { size }) => sum + size, 0).toLocaleString('en'),
    'Measured on': `${heldOutScenes} held-out scenes`,
  }
}

/** The report of a training run, as one page that needs nothing else. */
import { CANVAS } from '../train-digits/data.js'
import { clock } from '../train-digits/progress.js'
import { barTable } from '../train-digits/report/bars.js'
import { lineChart } from '../train-digits/report/chart.js'
import { averaged, CURVE_POINTS, machineRows, page, table } from '../train-digits/report/page.js'
import { STYLE } from '../train-digits/report/style.js'
import { SETTINGS } from '../train-digits/train.js'
import { SURE } from './evaluate.js'
import { MASK_SIDE, SETTINGS as MODEL } from './model.js'
import { COLOURS, css, scenePicture } from './scene.js'

const SCENES = 12

/**
 * @param {{
 *   settings: { steps: number, seed: number, heldOutScenes: number },
 *   model: import('./model.js').MaskFormer,
 *   history: import('./train.js').Step[],
 *   evaluations: { step: number, scores: import('./evaluate.js').Scores, milliseconds: number }[],
 *   scenes: { images: Float32Array, targets: import('./data.js').Target[] },
 *   segments: import('./evaluate.js').Segment[][],
 * }} run scenes: the held-out ones; segments: what was found in them at the end
 * @returns {string} HTML
 */
export function report({ settings, model, history, evaluations, scenes, segments }) {
  const { scores, step, milliseconds } = evaluations.at(-1)
  const facts = {
    PQ: scores.pq.toFixed(3),
    SQ: scores.sq.toFixed(3),
    RQ: scores.rq.toFixed(3),
    'mean IoU': scores.meanIou.toFixed(3),
    time: clock(milliseconds),
  }
  const lead = `A small MaskFormer saw ${(step * SETTINGS.batchSize).toLocaleString('en')} scenes of handwritten digits, with the Hungarian loss of masks as its only teacher.
  All scores and pictures below are of scenes made from digits that it never saw.`
  const body = `
<section>
  <h2>What it finds</h2>
  <p>Left, the true masks; right, the segments with digit and certainty, those that are at least ${SURE * 100} % sure. What has no colour belongs to
  none of them.</p>
  <p class="legend">${COLOURS.map((colour, digit) => `<span><i style="background: ${css(colour)}"></i>${digit}</span>`).join('')}</p>
  <div class="scenes">${scenePictures(scenes, segments).join('')}</div>
</section>

<section>
  <h2>How well it finds them</h2>
  <p>Panoptic quality: a segment is right where it names the digit and has more than half of their union in common with the true mask. RQ, the
  quality of recognition, counts the right ones among the found and the missed; SQ, that of segmentation, is their mean intersection
  over union; PQ is the product of both. The numbers are means of the ten digits. Mean IoU is that of each true mask with the best segment,
  whatever its digit.</p>
  <div class="columns">${curve(history, evaluations)}${byDigit(scores)}</div>
</section>

<section>
  <h2>How it got there</h2>
  <div class="columns">${terms(history).join('')}</div>
</section>

<section>
  <h2>How it was made</h2>
  <div class="columns">${table('Training', trainingRows(settings, step, model))}${table('Machine', machineRows())}</div>
</section>
`
  return page({ title: 'Learning to segment digits', lead, facts, style: STYLE, body })
}

/** Held-out scores by step. */
function curve(history, evaluations) {
  const score = (name, color, key) => ({
    name,
    color,
    points: evaluations.map(({ step, scores }) => [step, scores[key]]),
  })
  return lineChart({
    title: 'Held-out scores',
    xLabel: 'step',
    last: history.length,
    whole: true,
    top: 1,
    series: [
      score('PQ', '--blue', 'pq'),
      score('SQ', '--violet', 'sq'),
      score('RQ', '--orange', 'rq'),
      score('mean IoU', '--green', 'meanIou'),
    ],
  })
}

/** Panoptic quality of each digit. */
function byDigit({ perClass }) {
  return barTable({
    title: 'Quality by digit',
    label: 'digit',
    count: 'masks',
    columns: [
      { name: 'PQ', color: '--blue' },
      { name: 'RQ', color: '--orange' },
    ],
    rows: perClass.map(({ pq, rq, targets }, digit) => ({ label: `${digit}`, count: targets, values: [pq, rq] })),
  })
}

/** The loss and its terms by step. */
function terms(history) {
  const length = Math.ceil(history.length / CURVE_POINTS)
  const name = length > 1 ? `mean of ${length} steps` : 'each step'
  const term = (title, color, value) => {
    const series = [{ name, color, points: averaged(history, length, value) }]
    return lineChart({ title, xLabel: 'step', last: history.length, whole: true, series })
  }
  return [
    term('Total loss, proposals and layers', '--blue', ({ loss }) => loss),
    term('Class term', '--violet', ({ terms }) => terms.class),
    term('Focal loss of masks', '--green', ({ terms }) => terms.maskFocal),
    term('Dice of masks', '--orange', ({ terms }) => terms.maskDice),
  ]
}

/** The first scenes that show anything. */
function scenePictures({ images, targets }, segments) {
  return Array.from(targets.keys())
    .filter((scene) => targets[scene].labels.length > 0)
    .slice(0, SCENES)
    .map((scene) => {
      const image = images.subarray(scene * CANVAS ** 2, (scene + 1) * CANVAS ** 2)
      return scenePicture(image, targets[scene], segments[scene])
    })
}

function trainingRows({ steps, seed, heldOutScenes }, step, model) {
  return {
    Steps: step < steps ? `${step} of ${steps}` : steps,
    'Scenes per step': SETTINGS.batchSize,
    Seed: seed,
    Optimiser: `Adam, at most ${SETTINGS.learningRate}, ${SETTINGS.warmUp} steps of warm-up, cosine decay`,
    Model: `pixels of width ${MODEL.pixelWidth} on a grid of ${MASK_SIDE} × ${MASK_SIDE}, ${MODEL.decoderLayers} decoder layers of width ${MODEL.width}`,
    Queries: `${model.queries}, chosen from ${model.tokens} proposals`,
    Parameters: model.variables.reduce((sum, { size }) => sum + size, 0).toLocaleString('en'),
    'Measured on': `${heldOutScenes} held-out scenes`,
  }
}

/** The report of a training run, as one page that needs nothing else. */
import { cpus } from 'node:os'
import { lineChart } from './chart.js'
import { CANVAS } from './data.js'
import { detections, truths } from './evaluate.js'
import { mean } from './metrics.js'
import { pngDataUri } from './png.js'
import { clock } from './progress.js'
import { SETTINGS as MODEL } from './model.js'
import { SETTINGS } from './train.js'

const CURVE_POINTS = 80
const SCENES = 12
const GAP = 14
const SURE = 0.5

/** What is drawn in a picture, each in its colour. */
const KINDS = {
  truth: 'true box',
  right: 'matched, right digit',
  wrong: 'matched, wrong digit',
  extra: 'not matched, yet sure',
}

/**
 * @param {{
 *   settings: { steps: number, seed: number, denoising: number, heldOutScenes: number },
 *   model: import('./model.js').Detr,
 *   history: import('./train.js').Step[],
 *   evaluations: { step: number, scores: import('./evaluate.js').Scores, milliseconds: number }[],
 *   scenes: import('./data.js').Batch,
 *   outputs: import('./evaluate.js').Outputs,
 *   matches: { queryIndices: Int32Array, targetIndices: Int32Array }[],
 * }} run
 * @returns {string} HTML
 */
export function report({ settings, model, history, evaluations, scenes, outputs, matches }) {
  const { scores, step, milliseconds } = evaluations.at(-1)
  const facts = {
    AP50: scores.ap50.toFixed(3),
    AP75: scores.ap75.toFixed(3),
    'mean IoU': scores.meanIou.toFixed(3),
    time: clock(milliseconds),
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Learning to find digits</title>
<style>${STYLE}</style>
</head>
<body>
<header>
  <h1>Learning to find digits</h1>
  <p>A small DETR saw ${(step * SETTINGS.batchSize).toLocaleString('en')} scenes of handwritten digits, with the Hungarian loss as its only teacher. All scores and
  pictures below are of scenes made from digits that it never saw.</p>
  <dl class="facts">${Object.entries(facts)
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
    .join('')}</dl>
</header>

<section>
  <h2>What it finds</h2>
  <p>Left, the true boxes; right, the predicted ones with digit and certainty. Lines join what the Hungarian matching
  pairs: every true box gets a query of its own. A prediction without a line that is at least ${SURE * 100} % sure is a mistake.</p>
  <p class="legend">${Object.entries(KINDS)
    .map(([kind, name]) => `<span><i style="background: var(--${kind})"></i>${name}</span>`)
    .join('')}</p>
  <div class="scenes">${scenePictures(scenes, outputs, matches).join('')}</div>
</section>

<section>
  <h2>How it got there</h2>
  <div class="charts">${curves(history, evaluations).join('')}</div>
</section>

<section>
  <h2>How it was made</h2>
  <div class="tables">${table('Training', trainingRows(settings, step, model))}${table('Machine', machineRows())}</div>
</section>
</body>
</html>
`
}

/** Training loss and held-out scores. */
function curves(history, evaluations) {
  const term = (title, color, value) =>
    lineChart({
      title,
      xLabel: 'step',
      series: [{ name: 'training', color, points: averaged(history, value) }],
    })
  const score = (name, color, key) => ({
    name,
    color,
    points: evaluations.map(({ step, scores }) => [step, scores[key]]),
  })
  return [
    lineChart({
      title: 'Held-out scores',
      xLabel: 'step',
      highest: 1,
      wide: true,
      series: [
        score('AP50', '--blue', 'ap50'),
        score('AP75', '--violet', 'ap75'),
        score('mean IoU', '--green', 'meanIou'),
      ],
    }),
    term('Total loss, proposals and layers', '--blue', ({ loss }) => loss),
    term('Class term', '--violet', ({ terms }) => terms.class),
    term('L1 term', '--green', ({ terms }) => terms.l1),
    term('GIoU term', '--orange', ({ terms }) => terms.giou),
  ]
}

/** The history cut into equal stretches, each as its middle and its mean. */
function averaged(history, value) {
  const length = Math.ceil(history.length / CURVE_POINTS)
  return Array.from({ length: Math.ceil(history.length / length) }, (_, i) => {
    const stretch = history.slice(i * length, (i + 1) * length)
    return [mean(stretch.map(({ step }) => step)), mean(stretch.map(value))]
  })
}

/** The first scenes that show anything, as the truth beside the predictions. */
function scenePictures(scenes, outputs, matches) {
  const queries = outputs.logits.shape[1]
  const found = detections(outputs)
  return scenes.targets
    .map((target, image) => ({ target, image }))
    .filter(({ target }) => target.labels.length > 0)
    .slice(0, SCENES)
    .map(({ target, image }) => {
      const pixels = scenes.images.subarray(image * CANVAS ** 2, (image + 1) * CANVAS ** 2)
      return picture(pixels, truths([target]), found.slice(image * queries, (image + 1) * queries), matches[image])
    })
}

/** One scene twice, with the true boxes at the left, predictions at the right, and a line for each match. */
function picture(pixels, real, found, { queryIndices, targetIndices }) {
  const shift = CANVAS + GAP
  const canvas = (x) => `<image href="${pngDataUri(pixels, CANVAS)}" x="${x}" width="${CANVAS}" height="${CANVAS}"/>`
  const pairs = Array.from(queryIndices, (query, i) => ({
    query,
    truth: real[targetIndices[i]],
    prediction: found[query],
  }))
  const matched = new Set(queryIndices)
  const extras = found.filter(({ score }, query) => score >= SURE && !matched.has(query))

  const marks = [
    ...pairs.map(({ query, truth, prediction }) => {
      const kind = truth.label === prediction.label ? 'right' : 'wrong'
      const [fromX, fromY] = edge(truth.box, 0.5)
      const [toX, toY] = edge(prediction.box, -0.5)
      return `<g class="${kind}"><title>true ${truth.label}, matched with query ${query}: ${prediction.label}, ${percent(prediction)}</title>
        <line x1="${fromX}" y1="${fromY}" x2="${toX + shift}" y2="${toY}"/>${frame(prediction.box, shift, `${prediction.label} · ${percent(prediction)}`)}</g>`
    }),
    ...extras.map(
      (extra) => `<g class="extra">${frame(extra.box, shift, `${extra.label} · ${percent(extra)}`, true)}</g>`,
    ),
    ...real.map((truth) => `<g class="truth">${frame(truth.box, 0, truth.label)}</g>`),
  ]
  return `
    <svg class="card scene" viewBox="-2 -2 ${2 * CANVAS + GAP + 4} ${CANVAS + 4}">${canvas(0)}${canvas(shift)}${marks.join('')}</svg>`
}

/** A box with a label above or below it, as asked where there is room. */
function frame([cx, cy, w, h], shift, label, below = false) {
  const [x, y, width, height] = [cx - w / 2, cy - h / 2, w, h].map((value) => round(value * CANVAS))
  const roomAbove = y > 6
  const roomBelow = y + height < CANVAS - 4
  const labelY = roomAbove && !(below && roomBelow) ? y - 1.2 : y + height + 4.6
  const textX = Math.min(x, CANVAS - 2.9 * String(label).length)
  return `<rect x="${round(x + shift)}" y="${y}" width="${width}" height="${height}"/><text x="${round(textX + shift)}" y="${round(labelY)}">${label}</text>`
}

/** The middle of a box's right (0.5) or left (-0.5) edge. */
const edge = ([cx, cy, w], side) => [round((cx + side * w) * CANVAS), round(cy * CANVAS)]
const percent = ({ score }) => `${Math.round(100 * score)} %`
const round = (value) => Math.round(value * 100) / 100

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

function machineRows() {
  return {
    Processor: cpus()[0]?.model ?? 'unknown',
    Cores: `${cpus().length}, one of them used`,
    'Node.js': process.version,
    System: `${process.platform} ${process.arch}`,
    Backend: 'TensorFlow.js, WebAssembly',
    Finished: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
  }
}

function table(title, rows) {
  const lines = Object.entries(rows).map(
    ([name, value]) => `<tr><th scope="row">${name}</th><td>${escape(value)}</td></tr>`,
  )
  return `<div class="card"><h3>${title}</h3><table>${lines.join('')}</table></div>`
}

const escape = (value) => String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

const STYLE = `
:root {
  --page: #f6f6f3; --card: #ffffff; --text: #1c1f23; --muted: #666c75; --line: #e3e3de;
  --blue: #2f63d6; --violet: #8a3ffc; --green: #16864a; --orange: #c2570c;
  --truth: #35c2f0; --right: #3ddc84; --wrong: #ff6b5e; --extra: #ffb020;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1d2026; --text: #e8e9ec; --muted: #9aa1ac; --line: #30343c;
    --blue: #7ea6ff; --violet: #bd93ff; --green: #58d28c; --orange: #ff9c55;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 48px 24px 72px; max-width: 1120px; background: var(--page); color: var(--text);
  font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
h1 { margin: 0 0 8px; font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; }
h2 { margin: 52px 0 6px; font-size: 22px; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 15px; }
p { margin: 0 0 14px; max-width: 68ch; color: var(--muted); }
.card { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 44px; margin: 22px 0 0; }
.facts dt { color: var(--muted); font-size: 14px; }
.facts dd { margin: 0; font-size: 30px; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.legend { max-width: none; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; color: var(--muted); }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; }
.legend b { color: var(--text); font-variant-numeric: tabular-nums; }
.scenes { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 14px; }
.scene { width: 100%; display: block; padding: 6px; overflow: hidden; }
.scene image { image-rendering: pixelated; }
.scene rect { fill: none; stroke-width: 0.7; }
.scene line { stroke-width: 0.5; stroke-dasharray: 1.6 1; }
.scene text { font-size: 4.6px; font-weight: 600; paint-order: stroke; stroke: #000; stroke-width: 0.9; stroke-linejoin: round; }
${Object.keys(KINDS)
  .map((kind) => `.${kind} rect, .${kind} line { stroke: var(--${kind}); } .${kind} text { fill: var(--${kind}); }`)
  .join('\n')}
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 14px; margin-top: 16px; }
.charts figure { padding: 16px 16px 10px; }
@media (min-width: 1068px) { .charts .wide { grid-column: span 2; } }
.charts figcaption { margin-bottom: 8px; }
.charts svg { display: block; width: 100%; }
.charts text { font-size: 12px; fill: var(--muted); }
.charts .grid { stroke: var(--line); }
.charts polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(330px, 1fr)); gap: 14px; margin-top: 16px; }
.tables .card { padding: 16px 20px; }
table { width: 100%; margin-top: 8px; border-collapse: collapse; font-size: 14px; }
th { width: 34%; padding: 5px 12px 5px 0; text-align: left; font-weight: 400; color: var(--muted); vertical-align: top; }
td { padding: 5px 0; }
`

/** Trains a small MaskFormer to segment handwritten digits, and writes a report of it. Run with --help for the options. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { HungarianLoss } from 'hungarian-loss'
import { hungarianLoss } from 'hungarian-loss/tfjs'
import { CLASSES, readDigits } from '../train-digits/data.js'
import { registerGradients } from '../train-digits/gradients.js'
import { createFolder, READERS, readOptions, UsageError } from '../train-digits/options.js'
import { clock, Progress } from '../train-digits/progress.js'
import { Random } from '../train-digits/random.js'
import { drawMasks } from './data.js'
import { evaluate, segment } from './evaluate.js'
import { MaskFormer } from './model.js'
import { report } from './report.js'
import { train } from './train.js'

const DEFAULTS = { steps: 900, seed: 1, out: 'segment-digits-report', help: false }
const HELP = `Trains a small MaskFormer to segment handwritten digits, with the loss of this package, in two minutes.

Usage: node examples/segment-digits/main.js [options]

  --steps N  training steps (default ${DEFAULTS.steps}); fewer steps end sooner and find less
  --seed S   whole number that fixes the scenes and the initial weights (default ${DEFAULTS.seed})
  --out DIR  folder for report.html (default ${DEFAULTS.out})
  --help     shows this text

Ctrl-C ends the training early and still writes the report.`

const HELD_OUT_SCENES = 256
const HELD_OUT_SEED = 2026
const EVALUATIONS = 10

/** @type {import('../train-digits/progress.js').Words} */
const OF_MASKS = {
  terms: (terms) =>
    `class ${terms.class.toFixed(2)} focal ${terms.maskFocal.toFixed(4)} dice ${terms.maskDice.toFixed(2)}`,
  score: ({ pq }) => `PQ ${pq.toFixed(3)}`,
  scores: ({ pq, meanIou }) => `PQ ${pq.toFixed(3)}, mean IoU ${meanIou.toFixed(3)}`,
}

try {
  const { steps, seed, out } = READERS
  const options = { ...DEFAULTS, ...readOptions(process.argv.slice(2), { steps, seed, out }) }
  if (options.help) console.log(HELP)
  else await run(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message} Try --help.`)
  process.exitCode = 2
}

/** @param {{ steps: number, seed: number, out: string }} options */
async function run({ steps, seed, out }) {
  createFolder(out)
  registerGradients()
  await tf.setBackend('wasm')

  const file = new URL('../train-digits/data/digits.bin.gz', import.meta.url)
  const { training, heldOut } = readDigits(gunzipSync(readFileSync(file)))
  const scenes = drawMasks(new Random(HELD_OUT_SEED), heldOut, HELD_OUT_SCENES)
  const random = new Random(seed)
  const model = new MaskFormer(random)
  // several queries find the pixels of a digit: that which reads it best gets it, and so learns to
  const criterion = HungarianLoss.maskFormer({ numClasses: CLASSES, cost: { class: 10 } })
  const loss = hungarianLoss(tf, criterion)
  console.log(
    `Training on scenes of ${training.length} digits; measuring on ${HELD_OUT_SCENES} scenes of ${heldOut.length} others.`,
  )

  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const progress = new Progress(process.stdout, steps, 0, OF_MASKS)
  const history = []
  const evaluations = []
  let segments
  for await (const record of train(model, loss, training, { steps, seed: random.integer(2 ** 32) })) {
    history.push(record)
    progress.step(record)
    const last = record.step === steps || stop.signal.aborted
    if (last || record.step % Math.ceil(steps / EVALUATIONS) === 0) {
      segments = segment(model, scenes.images)
      const scores = evaluate(segments, scenes.targets)
      evaluations.push({ step: record.step, scores, milliseconds: progress.elapsed })
      progress.evaluation(evaluations.at(-1))
    }
    if (last) break
  }
  progress.end()

  const name = join(out, 'report.html')
  const settings = { steps, seed, heldOutScenes: HELD_OUT_SCENES }
  writeFileSync(name, report({ settings, model, history, evaluations, scenes, segments }))

  const { scores, step, milliseconds } = evaluations.at(-1)
  console.log(`${step < steps ? `Stopped after step ${step}` : 'Done'} in ${clock(milliseconds)}.`)
  const [pq, sq, rq, iou] = [scores.pq, scores.sq, scores.rq, scores.meanIou].map((score) => score.toFixed(3))
  console.log(`Held-out PQ ${pq} (SQ ${sq}, RQ ${rq}), mean IoU ${iou}.`)
  console.log(`Report: ${resolve(name)}`)
}

/** Trains a small DETR to find handwritten digits, and writes a report of it. Run with --help for the options. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { HungarianLoss } from 'hungarian-loss'
import { hungarianLoss } from 'hungarian-loss/tfjs'
import { CLASSES, drawBatch, readDigits } from './data.js'
import { evaluate, predict } from './evaluate.js'
import { registerGradients } from './gradients.js'
import { Detr } from './model.js'
import { createFolder, HELP, parseOptions, UsageError } from './options.js'
import { clock, Progress } from './progress.js'
import { Random } from './random.js'
import { report } from './report/report.js'
import { train } from './train.js'

const DEFAULTS = { steps: 2000, seed: 1, denoising: 0, out: 'train-digits-report', help: false }
const HELD_OUT_SCENES = 256
const HELD_OUT_SEED = 2026
const EVALUATIONS = 10

try {
  const options = parseOptions(process.argv.slice(2), DEFAULTS)
  if (options.help) console.log(HELP.replace(/{(\w+)}/g, (_, name) => DEFAULTS[name]))
  else await run(options)
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message} Try --help.`)
  process.exitCode = 2
}

/** @param {import('./options.js').Options} options */
async function run({ steps, seed, denoising, out }) {
  createFolder(out)
  registerGradients()
  await tf.setBackend('wasm')

  const { training, heldOut } = readDigits(gunzipSync(readFileSync(new URL('data/digits.bin.gz', import.meta.url))))
  const scenes = drawBatch(new Random(HELD_OUT_SEED), heldOut, HELD_OUT_SCENES)
  const random = new Random(seed)
  const model = new Detr(random, { denoises: denoising > 0 })
  const criterion = HungarianLoss.detr({ numClasses: CLASSES })
  const loss = hungarianLoss(tf, criterion)
  console.log(
    `Training on scenes of ${training.length} digits; measuring on ${HELD_OUT_SCENES} scenes of ${heldOut.length} others.`,
  )

  const stop = new AbortController()
  process.once('SIGINT', () => stop.abort())
  const progress = new Progress(process.stdout, steps)
  const history = []
  const evaluations = []
  let evaluation
  for await (const record of train(model, loss, training, { steps, seed: random.integer(2 ** 32), denoising })) {
    history.push(record)
    progress.step(record)
    const last = record.step === steps || stop.signal.aborted
    if (last || record.step % Math.ceil(steps / EVALUATIONS) === 0) {
      evaluation = evaluate(predict(model, scenes.images), scenes.targets, criterion)
      evaluations.push({ step: record.step, scores: evaluation.scores, milliseconds: progress.elapsed })
      progress.evaluation(evaluations.at(-1))
    }
    if (last) break
  }
  progress.end()

  const file = join(out, 'report.html')
  writeFileSync(
    file,
    report({
      settings: { steps, seed, denoising, heldOutScenes: HELD_OUT_SCENES },
      model,
      history,
      evaluations,
      evaluation,
      images: scenes.images,
    }),
  )

  const { scores, step, milliseconds } = evaluations.at(-1)
  console.log(`${step < steps ? `Stopped after step ${step}` : 'Done'} in ${clock(milliseconds)}.`)
  console.log(
    `Held-out AP ${scores.ap.toFixed(3)}, AP50 ${scores.ap50.toFixed(3)}, AP75 ${scores.ap75.toFixed(3)}, mean IoU ${scores.meanIou.toFixed(3)}.`,
  )
  console.log(`Report: ${resolve(file)}`)
}

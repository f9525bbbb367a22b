/** The process of one rank. `main.js` and `measure.js` start it, with its options as JSON in the first argument. */
import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { drawBatch, readDigits } from '../train-digits/data.js'
import { evaluate, predict } from '../train-digits/evaluate.js'
import { registerGradients } from '../train-digits/gradients.js'
import { clock, Progress } from '../train-digits/progress.js'
import { Random } from '../train-digits/random.js'
import { CheckpointError, decode, encode, read, versionOf, write } from './checkpoint.js'
import { ExchangeError } from './exchange/errors.js'
import { Exchange } from './exchange/exchange.js'
import { Training } from './train.js'

const HELD_OUT_SCENES = 256
const HELD_OUT_SEED = 2026

/**
 * @typedef {object} WorkerOptions
 * @property {import('./train.js').Settings} settings
 * @property {import('./exchange/post.js').Place} place
 * @property {string} [checkpoint] file of the checkpoint, which rank 0 reads and writes; none where nothing is to be kept
 * @property {number} every steps from a checkpoint to the next
 */

/** @type {WorkerOptions} */
const options = JSON.parse(process.argv[2])
const { rank } = options.place

// the first one is for all processes of the terminal, which then agree on the last step
const stop = new AbortController()
process.on('SIGINT', () => stop.abort())
// without the process that started it nobody looks after this one
process.once('disconnect', () => process.exit(1))
process.channel.unref()

let exchange
/** The version of the checkpoint that this process has read or written. */
let version
try {
  await run(options)
} catch (error) {
  const isKnown = error instanceof ExchangeError || error instanceof CheckpointError
  // what another rank has done, all ranks learn from that rank
  await exchange?.leave(error instanceof ExchangeError ? undefined : error.message)
  console.error(`Rank ${rank}: ${isKnown ? error.message : error.stack}`)
  process.exitCode = 1
}

/** @param {WorkerOptions} options */
async function run({ settings, place, checkpoint, every }) {
  registerGradients()
  await tf.setBackend('wasm')
  const { training: digits, heldOut } = readDigits(
    gunzipSync(readFileSync(new URL('../train-digits/data/digits.bin.gz', import.meta.url))),
  )
  const training = new Training(settings, place, digits)
  exchange = await Exchange.join(place)
  start(training, checkpoint)

  const begun = training.step
  if (begun === 0) await keep(training, checkpoint) // a folder that cannot be written to is better known now
  const progress = new Progress(process.stdout, settings.steps, begun)
  if (rank === 0) {
    const from = begun > 0 ? `, from step ${begun} on` : ''
    console.log(`Training on ${settings.batch} scenes a step, in ${place.ranks} processes${from}.`)
  }
  const times = []
  while (training.step < settings.steps) {
    const [start, waited] = [performance.now(), exchange.waited]
    const record = training.next(exchange, stop.signal.aborted)
    times.push({ milliseconds: performance.now() - start, waited: exchange.waited - waited })
    if (rank === 0) progress.step(record)
    const isLast = record.stops || training.step === settings.steps
    if (isLast || training.step % every === 0) {
      training.compare(exchange)
      await keep(training, checkpoint)
    }
    if (isLast) break
    await setImmediate() // lets Ctrl-C be heard, and the end of the process that started this one
  }
  await tell({ times })
  await exchange.leave()
  if (rank > 0) return

  progress.end()
  if (training.step < settings.steps) {
    const further = checkpoint === undefined ? '' : '; start it again to go on'
    console.log(`Stopped after step ${training.step}${further}.`)
    return
  }
  const scenes = drawBatch(new Random(HELD_OUT_SEED), heldOut, HELD_OUT_SCENES)
  const { scores } = evaluate(predict(training.model, scenes.images), scenes.targets, training.criterion)
  console.log(`Done in ${clock(progress.elapsed)}.`)
  console.log(
    `Held-out AP50 ${scores.ap50.toFixed(3)}, AP75 ${scores.ap75.toFixed(3)}, mean IoU ${scores.meanIou.toFixed(3)}.`,
  )
}

/** Brings all ranks to where rank 0 is: at its checkpoint, or at the beginning. */
function start(training, file) {
  const isKeeper = rank === 0 && file !== undefined
  version = isKeeper ? versionOf(file) : undefined
  const kept = isKeeper ? read(file) : undefined
  if (kept !== undefined) {
    try {
      training.state = kept
    } catch (error) {
      if (error instanceof CheckpointError) error.message = `${file} ${error.message}; --out names another folder.`
      throw error
    }
  }
  const bytes = exchange.first(rank === 0 ? encode(training.state) : undefined)
  if (rank > 0) training.state = decode(bytes)
}

async function keep(training, file) {
  if (rank > 0 || file === undefined) return
  version = write(file, encode(training.state), version)
  await tell({ kept: training.step })
}

/** Tells something to the process that started this one. */
function tell(message) {
  return new Promise((resolve) => process.send(message, resolve))
}

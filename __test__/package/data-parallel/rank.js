/**
 * A process of `training.spec.ts`: takes the first steps of a training, and posts what came of them. `place` is that of a rank;
 * without one the training is that of the example train-digits, which knows no other process.
 *
 * Usage: by fork(), with { settings, steps, place } as JSON in the first argument.
 */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-backend-wasm'
import { HungarianLoss } from 'hungarian-loss'
import { hungarianLoss } from 'hungarian-loss/tfjs'
import { Exchange } from '../../../examples/data-parallel/exchange/exchange.js'
import { Training } from '../../../examples/data-parallel/train.js'
import { CANVAS, drawBatch, readDigits } from '../../../examples/train-digits/data.js'
import { drawNoisy } from '../../../examples/train-digits/denoising.js'
import { registerGradients } from '../../../examples/train-digits/gradients.js'
import { Detr } from '../../../examples/train-digits/model.js'
import { Random } from '../../../examples/train-digits/random.js'
import { toOutputs, train } from '../../../examples/train-digits/train.js'

const { settings, steps, place } = JSON.parse(process.argv[2])
const file = new URL('../../../examples/train-digits/data/digits.bin.gz', import.meta.url)
const digits = readDigits(gunzipSync(readFileSync(file))).training

registerGradients()
await tf.setBackend('wasm')
process.send(place === undefined ? await alone() : await together(), () => process.disconnect())

async function together() {
  const training = new Training(settings, place, digits)
  const exchange = await Exchange.join(place)
  const records = []
  while (records.length < steps) records.push(training.next(exchange))
  training.compare(exchange)
  await exchange.leave()
  return resultOf(records[0].gradient, records, training.model)
}

async function alone() {
  const random = new Random(settings.seed)
  const model = new Detr(random, { denoises: settings.denoising > 0 })
  const seed = random.integer(2 ** 32)
  const loss = hungarianLoss(tf, HungarianLoss.detr({ numClasses: 10 }))
  const gradient = gradientOf(model, loss, seed)
  const records = []
  for await (const record of train(model, loss, digits, { ...settings, seed })) {
    records.push(record)
    if (records.length === steps) break
  }
  return resultOf(gradient, records, model)
}

/** The gradient of the first batch, in which no other process and no message has a part. */
function gradientOf(model, loss, seed) {
  return tf.tidy(() => {
    const { images, targets } = drawBatch(new Random(seed), digits, settings.batch)
    const noisy = settings.denoising > 0 ? drawNoisy(new Random(seed + 1), targets, settings.denoising) : undefined
    const input = tf.tensor(images, [settings.batch, CANVAS, CANVAS, 1])
    const { grads } = tf.variableGrads(
      () => loss(toOutputs(model.forward(input, noisy), noisy), targets),
      model.variables,
    )
    return Float32Array.from(model.variables.flatMap(({ name }) => [...grads[name].dataSync()]))
  })
}

function resultOf(gradient, records, model) {
  return {
    gradient,
    records: records.map(({ loss, terms }) => ({ loss, ...terms })),
    sizes: model.variables.map(({ name, size }) => ({ name, size })),
    weights: Float32Array.from(model.variables.flatMap((variable) => [...variable.dataSync()])),
  }
}

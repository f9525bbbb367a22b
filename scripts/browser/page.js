/**
 * A page that computes the loss of the README's first lines, then trains the digits' model for some steps with TensorFlow.js. What
 * it found goes to `globalThis.finish`.
 */
import * as tf from '@tensorflow/tfjs-core'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import {
  binding,
  HungarianLoss,
  HungarianLossError,
  linearSumAssignment,
  linearSumAssignmentAsync,
} from 'hungarian-loss'
import { hungarianLoss } from 'hungarian-loss/tfjs'
import { CLASSES, readDigits } from '../../examples/train-digits/data.js'
import { registerGradients } from '../../examples/train-digits/gradients.js'
import { Detr } from '../../examples/train-digits/model.js'
import { Random } from '../../examples/train-digits/random.js'
import { train } from '../../examples/train-digits/train.js'

const STEPS = 60
const SEED = 1

globalThis.finish(run())

async function run() {
  const info = binding()
  const result = firstLines()
  document.querySelector('#lines').textContent =
    `${JSON.stringify(info)}\nisolated: ${crossOriginIsolated}\nloss ${result.loss}\n${JSON.stringify(result.terms)}`
  return {
    info,
    isIsolated: crossOriginIsolated,
    ...result,
    assignments: await assign(),
    error: refuse(),
    losses: await learn(),
  }
}

/** The README's first lines. */
function firstLines() {
  const criterion = HungarianLoss.detr({ numClasses: 2 })
  const logits = new Float32Array([2, 0, 1, 0, 3, 0, 0, 0, 4])
  const boxes = new Float32Array([0.5, 0.5, 0.4, 0.4, 0.2, 0.3, 0.2, 0.2, 0.8, 0.8, 0.1, 0.1])
  const outputs = { logits: { data: logits, shape: [1, 3, 3] }, boxes: { data: boxes, shape: [1, 3, 4] } }
  const { loss, terms, gradients } = criterion.compute(outputs, [
    {
      labels: [1, 0],
      boxes: [
        [0.25, 0.3, 0.2, 0.2],
        [0.5, 0.5, 0.5, 0.4],
      ],
    },
  ])
  return { loss, terms, gradient: Array.from(gradients.boxes.subarray(0, 4)) }
}

async function assign() {
  const cost = { data: Float64Array.from({ length: 900 }, (_, k) => (k * 7919) % 1000), shape: [30, 30] }
  const controller = new AbortController()
  const stopped = linearSumAssignmentAsync(cost, { signal: controller.signal })
  controller.abort()
  const reason = await stopped.catch((error) => error.name)
  return { now: linearSumAssignment(cost).total, later: (await linearSumAssignmentAsync(cost)).total, reason }
}

function refuse() {
  try {
    return linearSumAssignment([[1, NaN]])
  } catch (error) {
    return error instanceof HungarianLossError && { code: error.code, row: error.row, column: error.column }
  }
}

/** The losses of all steps. */
async function learn() {
  setWasmPaths('./')
  registerGradients()
  await tf.setBackend('wasm')
  const digits = (await fetch('digits.bin.gz')).body.pipeThrough(new DecompressionStream('gzip'))
  const { training } = readDigits(new Uint8Array(await new Response(digits).arrayBuffer()))
  const random = new Random(SEED)
  const model = new Detr(random, { denoises: false })
  const loss = hungarianLoss(tf, HungarianLoss.detr({ numClasses: CLASSES }))
  const losses = []
  for await (const { step, loss: value } of train(model, loss, training, { steps: STEPS, seed: SEED, denoising: 0 })) {
    losses.push(value)
    draw(losses)
    document.querySelector('#progress').textContent = `Step ${step} of ${STEPS}: loss ${value.toFixed(3)}`
  }
  return losses
}

function draw(losses) {
  const canvas = document.querySelector('#chart')
  const pen = canvas.getContext('2d')
  const most = Math.max(...losses)
  pen.clearRect(0, 0, canvas.width, canvas.height)
  pen.beginPath()
  losses.forEach((loss, i) =>
    pen.lineTo((i / (STEPS - 1)) * canvas.width, (1 - loss / most) * (canvas.height - 10) + 5),
  )
  pen.strokeStyle = '#06c'
  pen.lineWidth = 2
  pen.stroke()
}

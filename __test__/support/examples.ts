/** The examples of doc comments, as programs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './documents.ts'
import { ROOT } from './root.ts'

/** A criterion, and a batch of one image with two queries. */
const BATCH = `
const criterion = HungarianLoss.detr({ numClasses: 2 })
const outputs = {
  logits: { data: Float32Array.of(2, 0, 1, 0, 3, 0), shape: [1, 2, 3] },
  boxes: { data: Float32Array.of(0.5, 0.5, 0.4, 0.4, 0.2, 0.3, 0.2, 0.2), shape: [1, 2, 4] },
}
const targets = [{ labels: [0], boxes: [[0.5, 0.5, 0.4, 0.3]] }]
`

const TENSORFLOW = `
import * as tf from '@tensorflow/tfjs'
import { HungarianLoss } from 'hungarian-loss'
import { hungarianLoss, lossGradients } from 'hungarian-loss/tfjs'
const [B, Q, C] = [1, 2, 11]
const criterion = HungarianLoss.detr({ numClasses: 10 })
const optimizer = tf.train.sgd(0.01)
const images = tf.zeros([B, 8])
const [logits, boxes] = [tf.variable<tf.Rank>(tf.zeros([B, Q, C])), tf.variable<tf.Rank>(tf.fill([B, Q, 4], 0.5))]
const model = (_: tf.Tensor) => ({ logits: tf.mul(logits, 1), boxes: tf.mul(boxes, 1) })
const targets = [{ labels: [3], boxes: [[0.5, 0.5, 0.2, 0.3]] }]
`

/** A model whose layers are symbolic, for `fit`. */
const FIT = `
import * as tf from '@tensorflow/tfjs'
import { HungarianLoss } from 'hungarian-loss'
import { fitLoss, packTargets } from 'hungarian-loss/tfjs'
const [Q, C] = [2, 3]
const criterion = HungarianLoss.detr({ numClasses: C - 1 })
const inputs = tf.input({ shape: [8] })
const dense = (width: number) =>
  tf.layers.reshape({ targetShape: [Q, width] }).apply(tf.layers.dense({ units: Q * width }).apply(inputs)) as tf.SymbolicTensor
const [logits, boxes] = [dense(C), tf.layers.activation({ activation: 'sigmoid' }).apply(dense(4)) as tf.SymbolicTensor]
const model = tf.model({ inputs, outputs: tf.layers.concatenate().apply([logits, boxes]) as tf.SymbolicTensor })
const images = tf.zeros([1, 8])
const targets = [{ labels: [0], boxes: [[0.5, 0.5, 0.2, 0.3]] }]
`

const DATA = `
import * as tf from '@tensorflow/tfjs'
import { batchIndices, cocoTargets, convertBoxes, HungarianLoss, padTargets, toCocoResults, toDetections } from 'hungarian-loss'
const dataset = {
  images: [{ id: 7, width: 640, height: 480, file_name: '7.jpg' }],
  annotations: [{ id: 1, image_id: 7, category_id: 18, bbox: [64, 48, 320, 240], area: 76800, iscrowd: 0 }],
  categories: [{ id: 18, name: 'dog' }, { id: 90, name: 'toothbrush' }],
}
const readFile = async (..._: string[]) => JSON.stringify(dataset)
const writeFile = async (..._: string[]) => {}
const { images, classes } = cocoTargets(dataset)
const [epoch, predict] = [1, async (_: readonly number[]) => outputs]
${BATCH}`

const EVALUATION = `
import { DetectionEvaluator, formatSummary, precisionRecall } from 'hungarian-loss/evaluate'
const box = { boxes: [[10, 10, 50, 50]], labels: [3], boxFormat: 'xywh' as const }
const batches = [[[{ ...box, scores: [0.9] }], [box]]] as const
const evaluator = new DetectionEvaluator({ numClasses: 80 })
evaluator.add(...batches[0])
const result = evaluator.result()
`

/** What the examples of a file, or of the files of a folder, take for granted; the first that fits holds. */
const SETUPS: ReadonlyArray<readonly [files: string, setup: string]> = [
  ['src/tfjs/fit.ts', FIT],
  ['src/tfjs', TENSORFLOW],
  ['src/evaluate', EVALUATION],
  ['src/data', DATA],
  ['src/masks', `import { decodeMasks, encodeMask, maskFromPolygons } from 'hungarian-loss'\n`],
  [
    'src/',
    `
import { binding, combineNormalizers, HungarianLoss, HungarianLossError, inspectBatch } from 'hungarian-loss'
import { linearSumAssignment, linearSumAssignmentBatch } from 'hungarian-loss'
const [logits, boxes] = [new Float32Array(2 * 100 * 92), new Float32Array(2 * 100 * 4).fill(0.5)]
${BATCH}const all = [criterion.match(outputs, targets).normalizers]
`,
  ],
]

/** Every example of the doc comments of a folder, with what it takes for granted. */
export function examplesIn(folder: string): Program[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts'))
    .sort()
  return files.flatMap((file) => {
    const code = readFileSync(join(ROOT, file), 'utf8')
    const setup = SETUPS.find(([start]) => file.startsWith(start))?.[1] ?? ''
    return Array.from(code.matchAll(/\/\*\*(?:(?!\*\/)[^])*@example(?:(?!\*\/)[^])*\*\//g)).flatMap(
      ({ 0: comment, index }) => {
        const place = `${file}:${code.slice(0, index).split('\n').length}, an example`
        // in a block, where names of the setup may be declared once more
        return textsOf(comment).map((text) => ({ place, source: `${setup}{\n${text}\n}\n`, printed: undefined }))
      },
    )
  })
}

/** What stands behind each `@example` of a comment, up to the next tag, without stars and fences. */
function textsOf(comment: string): string[] {
  const text = comment.slice(0, -2).replace(/^ *\* ?/gm, '')
  return text
    .split(/^@example\b/m)
    .slice(1)
    .map(
      (part) =>
        part
          .split(/^@\w+/m)[0]
          ?.replace(/^```.*$/gm, '')
          .trim() as string,
    )
}

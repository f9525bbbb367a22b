/** The examples of doc comments, as programs. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Program } from './documents.ts'
import { ROOT } from './root.ts'

const CRITERION = `
import { combineNormalizers, HungarianLoss, HungarianLossError, inspectBatch } from 'hungarian-loss'
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

const SOLVER = "import { linearSumAssignment, linearSumAssignmentBatch } from 'hungarian-loss'\n"

/** An example of a doc comment, and the name of what it documents. */
export interface Example extends Program {
  readonly name: string
}

/** What an example takes for granted, by the name of what it documents. */
const SETUPS: Readonly<Record<string, string>> = {
  binding: "import { binding } from 'hungarian-loss'\n",
  hungarianLoss: TENSORFLOW,
  lossGradients: TENSORFLOW,
  linearSumAssignment: SOLVER,
  linearSumAssignmentBatch: SOLVER,
  HungarianLoss: `
import { HungarianLoss } from 'hungarian-loss'
const [logits, boxes] = [new Float32Array(2 * 100 * 92), new Float32Array(2 * 100 * 4).fill(0.5)]
`,
  HungarianLossError: CRITERION,
  combineNormalizers: `${CRITERION}const all = [criterion.match(outputs, targets).normalizers]\n`,
  inspectBatch: CRITERION,
}

const DECLARED = /^export (?:async )?(?:function|class|interface|type|const) (\w+)/
const MEMBER = /^ +(?:(?:static|readonly|get|async) )*(\w+)/

/** Every example of the doc comments of a folder, with what it takes for granted. */
export function examplesIn(folder: string): Example[] {
  const files = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts'))
    .sort()
  return files.flatMap((file) => {
    const code = readFileSync(join(ROOT, file), 'utf8')
    return [...code.matchAll(/\/\*\*(?:(?!\*\/)[^])*@example(?:(?!\*\/)[^])*\*\/\n(.*)/g)].flatMap((found) => {
      const [comment, declaration] = found as unknown as [string, string]
      const of = DECLARED.exec(declaration) ?? MEMBER.exec(declaration)
      if (of === null) throw new Error(`${file}: an example of what has no name: ${declaration}`)
      const name = of[1] as string
      const line = code.slice(0, found.index).split('\n').length
      return textsOf(comment).map((text) => ({
        name,
        place: `${file}:${line}, example of ${name}`,
        source: `${SETUPS[name] ?? ''}${text}\n`,
        printed: undefined,
      }))
    })
  })
}

/** Names that have a setup. */
export const NAMES_OF_SETUPS: readonly string[] = Object.keys(SETUPS)

/** What stands behind each `@example` of a comment, up to the next tag, without stars and fences. */
function textsOf(comment: string): string[] {
  const text = comment.slice(0, comment.indexOf('*/')).replace(/^ *\* ?/gm, '')
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

/** For how long the loss holds up the event loop: as a call on it, and as one off it. */
import { performance } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { quantile } from '../measure.js'
import { showTime, table } from '../tables.js'
import { findFault } from './agreement.js'
import { inputsOf } from './cases.js'
import { yardstick } from './contenders.js'
import { answerOf, criterionFor } from './ours.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc')

/** Calls of each kind: those that are timed, and those before, while the compiler settles. */
export const FULL = { calls: 50, before: 5 }
export const QUICK = { calls: 5, before: 1 }

/**
 * @typedef {() => () => unknown} Kind makes a call with predictions of its own, which may give a promise
 *
 * @typedef {{ median: number, p95: number, calls: number }} HeldUp seconds in one call, and how many calls there were
 *
 * @typedef {object} Row
 * @property {string} classification
 * @property {string} size
 * @property {number} bytes of predictions
 * @property {Record<'compute' | 'copy' | 'transfer', HeldUp>} heldUp
 */

/**
 * Measures one case, each kind of call by turns. Throws where one of them is wrong.
 * @param {import('./cases.js').Case} of
 * @param {{ effort: typeof FULL, seed: number }} setting
 * @returns {Promise<Row>}
 */
export async function measureCase(of, { effort: { calls, before }, seed }) {
  const inputs = inputsOf(of, seed)
  const kinds = kindsOf(inputs)
  await checkAll(kinds, inputs)
  const small = kindsOf(inputsOf({ ...of, setting: { ...of.setting, images: 1 } }, seed))
  const samples = Object.fromEntries(Object.keys(kinds).map((name) => [name, []]))
  for (let turn = -before; turn < calls; turn++) {
    for (const name of Object.keys(kinds)) {
      const seconds = await sample(kinds[name], small[name])
      if (turn >= 0) samples[name].push(seconds)
    }
  }
  const heldUp = Object.fromEntries(Object.entries(samples).map(([name, seconds]) => [name, summarize(seconds)]))
  const bytes = Object.values(inputs.outputs).reduce((sum, { data }) => sum + data.byteLength, 0)
  return { classification: inputs.classification, size: of.size, bytes, heldUp }
}

/** @returns {Record<'compute' | 'copy' | 'transfer', Kind>} */
function kindsOf(inputs) {
  const criterion = criterionFor(inputs, 1)
  const { outputs, targets } = inputs
  const kind = (run) => () => {
    const own = structuredClone(outputs)
    return () => run(own)
  }
  return {
    compute: kind((own) => criterion.compute(own, targets)),
    copy: kind((own) => criterion.computeAsync(own, targets)),
    transfer: kind((own) => criterion.computeAsync(own, targets, { transfer: true })),
  }
}

async function checkAll(kinds, inputs) {
  const expected = yardstick(inputs)
  for (const [name, prepare] of Object.entries(kinds)) {
    const result = await prepare()()
    const fault = findFault(answerOf(result, inputs.targets), expected, 'float64')
    if (fault !== undefined) throw new Error(`The event loop, ${name} is wrong: ${fault}`)
  }
}

/**
 * One call, after the garbage of those before has been collected. That leaves code and caches cold, as a loop at work
 * never is: a small call warms them up, and leaves little garbage of its own.
 */
async function sample(prepare, prepareSmall) {
  const [call, small] = [prepare(), prepareSmall()]
  collectGarbage()
  await small()
  await nextTurn()
  return heldUp(call)
}

/**
 * For how long a call holds up the event loop: how long this is not idle until the call has returned and, where it
 * gives a promise, until that is settled. Throws what the call throws, or what the promise rejects with.
 * @param {() => unknown} call
 * @returns {Promise<number>} seconds
 */
export async function heldUp(call) {
  const before = performance.eventLoopUtilization()
  await call()
  return performance.eventLoopUtilization(before).active / 1000
}

function summarize(seconds) {
  const sorted = Float64Array.from(seconds).toSorted()
  return { median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), calls: sorted.length }
}

/**
 * The section of the report.
 * @param {Row[]} rows
 */
export function toSection(rows) {
  const head = ['class term', 'size', 'predictions', 'compute', 'computeAsync', '95 %', 'with transfer', '95 %']
  const lines = rows.map(({ classification, size, bytes, heldUp: { compute, copy, transfer } }, i) => {
    const title = classification === rows[i - 1]?.classification ? '' : classification
    const figures = [compute.median, copy.median, copy.p95, transfer.median, transfer.p95]
    return [title, size, `${(bytes / 1e6).toPrecision(2)} MB`, ...figures.map(showTime)]
  })
  return [
    '## The event loop',
    'For how long one call holds it up: medians, and what 95 % of the calls stay below.',
    table(head, lines),
  ].join('\n\n')
}

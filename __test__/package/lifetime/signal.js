/** Starts a thousand calls with one signal, aborts it when some have ended, and prints how they ended, and how many listeners are left. */
import { getEventListeners } from 'node:events'
import { HungarianLoss, linearSumAssignmentAsync } from '../../../dist/index.js'

const controller = new AbortController()
const { signal } = controller
const cost = {
  data: Float64Array.from({ length: 10_000 }, (_, k) => ((k * 7919) % 10_007) + (k % 100)),
  shape: [100, 100],
}
const outputs = {
  logits: { data: new Float32Array(200), shape: [1, 100, 2] },
  boxes: { data: new Float32Array(400).fill(0.5), shape: [1, 100, 4] },
}
const criterion = HungarianLoss.detr({ numClasses: 1 })
const call = (k) =>
  k % 2 === 0
    ? linearSumAssignmentAsync(cost, { signal })
    : criterion.computeAsync(outputs, [{ labels: [0], boxes: [[0.5, 0.5, 0.1, 0.1]] }], { signal })

const calls = Array.from({ length: 1000 }, (_, k) => call(k))
const listeners = getEventListeners(signal, 'abort').length
await Promise.race(calls)
controller.abort()
const ends = { fulfilled: 0, aborted: 0, others: 0 }
for (const { status, reason } of await Promise.allSettled(calls)) {
  if (status === 'fulfilled') ends.fulfilled += 1
  else if (reason === signal.reason) ends.aborted += 1
  else ends.others += 1
}
// what was aborted ends in its thread a little later
while (getEventListeners(signal, 'abort').length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
console.log(JSON.stringify({ listeners, ends }))

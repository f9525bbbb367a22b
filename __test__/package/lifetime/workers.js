/**
 * Has workers load the package, which this thread does not, and prints as JSON what they gave: one after the other
 * (`in-turn COUNT`), at the same time (`at-once COUNT`), or stopped while they work (`stopped COUNT sync|async|abort`).
 */
import { Worker } from 'node:worker_threads'

const [how, count, what = 'all'] = process.argv.slice(2)
const url = new URL('work.js', import.meta.url)

/** What a worker gives, once it has ended by itself. */
function ended() {
  return new Promise((resolve, reject) => {
    let given
    const worker = new Worker(url, { workerData: { what: 'all' } })
    worker.on('message', (message) => (given = message))
    worker.on('error', reject)
    worker.on('exit', (code) => (code === 0 ? resolve(given) : reject(new Error(`the worker ended with ${code}`))))
  })
}

/** With what code a worker ends that is stopped some milliseconds after it has begun to work. */
function stopped(milliseconds) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(url, { workerData: { what } })
    worker.on('error', reject)
    worker.once('message', () => setTimeout(() => worker.terminate().then(resolve, reject), milliseconds))
  })
}

const results = []
if (how === 'at-once') results.push(...(await Promise.all(Array.from({ length: Number(count) }, ended))))
else for (let k = 0; k < Number(count); k++) results.push(await (how === 'stopped' ? stopped(k % 7) : ended()))
console.log(JSON.stringify(results))

/**
 * A process with ours in it, at the SIMD level that its environment forces. It answers the same requests as the host of
 * PyTorch's criteria (python/loss.py), one a line.
 */
import { writeFileSync } from 'node:fs'
import { takeSamples } from '../sample.js'
import { serve } from '../serve.js'
import { ours } from './ours.js'
import { readInputs } from './process.js'

/** @type {import('./contenders.js').LossContender} */
let contender
/** Keeps results alive, so that no call can be optimised away. */
export let last

await serve({
  prepare(description) {
    contender = ours(readInputs(description))
    return {}
  },
  answer(files) {
    const { loss, layers, matches, gradients } = contender.result()
    for (const [name, file] of Object.entries(files)) writeFileSync(file, gradients[name])
    return { loss, layers, matches: matches.map((images) => images.map((queries) => [...queries])) }
  },
  sample: (limits) => ({ samples: takeSamples(() => (last = contender.step()), limits) }),
})

/** The thread that speaks with the server for `exchange.js`, which waits for each answer. */
import { workerData } from 'node:worker_threads'
import { Collectives } from './collectives.js'
import { ExchangeError } from './errors.js'
import { Post } from './post.js'

const { port, signal, place } = workerData

process.on('uncaughtException', answerError) // whoever waits must hear of it

try {
  const post = await Post.join(place)
  const collectives = new Collectives(post, place)
  port.on('message', async ({ call, value }) => {
    try {
      if (call === 'leave') {
        await post.leave(value)
        port.close()
      } else {
        answer({ value: await collectives[call](value) })
      }
    } catch (error) {
      answerError(error)
    }
  })
  port.postMessage({}) // nobody waits for the signal yet
} catch (error) {
  port.postMessage(failure(error))
}

function answer(message) {
  port.postMessage(message)
  Atomics.store(signal, 0, 1)
  Atomics.notify(signal, 0)
}

function answerError(error) {
  answer(failure(error))
}

/** Errors lose their class on the way to another thread. */
function failure({ message, stack, name }) {
  return { error: { message, stack, isExchange: name === ExchangeError.name } }
}

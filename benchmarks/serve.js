/** A contender's process: requests and answers in lines of JSON, as python/host.py has them. */
import { createInterface } from 'node:readline'

/**
 * Answers requests of one key each, by the handler of that name, until the input ends. What a handler throws is the
 * answer `{ error }`.
 * @param {Record<string, (argument: any) => object>} handlers
 */
export async function serve(handlers) {
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(answer(handlers, JSON.parse(line))))
  }
}

function answer(handlers, request) {
  const [[kind, argument]] = Object.entries(request)
  try {
    return handlers[kind](argument)
  } catch (error) {
    return { error: String(error) }
  }
}

/** What a query's logits say, in the way of the criterion's kind of classification. */
import { CLASSES } from './state.ts'

/** Probabilities of the columns: softmax over all of them where there is one for no-object, else a sigmoid of each. */
export function probabilities(logits: readonly number[], columns: number): number[] {
  const used = logits.slice(0, columns)
  if (columns === CLASSES.length) return used.map((logit) => 1 / (1 + Math.exp(-logit)))
  const most = Math.max(...used)
  const powers = used.map((logit) => Math.exp(logit - most))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((power) => power / sum)
}

/** The class that a query speaks for, or undefined where it speaks for none. */
export function classOf(logits: readonly number[], columns: number): number | undefined {
  const found = probabilities(logits, columns)
  const best = found.indexOf(Math.max(...found))
  if (columns === CLASSES.length) return (found[best] as number) > 0.5 ? best : undefined
  return best < CLASSES.length ? best : undefined
}

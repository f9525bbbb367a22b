/** How scores of classes come of logits. */
import { fail } from '../common/errors.ts'
import { show } from '../common/validate.ts'
import { DESCRIPTION } from '../binding/description.ts'
import type { Kind } from '../terms/classification.ts'

/**
 * How scores come of logits: `'softmax'`, over the classes and no-object; or `'sigmoid'`, each class by itself, for which any of a
 * criterion's sigmoid kinds, such as `'focal'`, may stand.
 */
export type ScoreKind = 'sigmoid' | Kind

/** The words for it, and which of the two each means. */
const MEANING: ReadonlyMap<unknown, 'softmax' | 'sigmoid'> = new Map<string, 'softmax' | 'sigmoid'>([
  ['softmax', 'softmax'],
  ['sigmoid', 'sigmoid'],
  ...DESCRIPTION.kinds.map(({ name, isSigmoid }) => [name, isSigmoid ? 'sigmoid' : 'softmax'] as const),
])

/** Which of the two it is. */
export function checkScoreKind(value: unknown, argument: string): 'softmax' | 'sigmoid' {
  const kind = MEANING.get(value)
  if (kind !== undefined) return kind
  return fail('OPTION', argument, `must be 'softmax' or 'sigmoid', got ${show(value)}`)
}

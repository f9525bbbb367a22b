/** Names that are meant by others: what a mistyped or foreign key stands for. */

/** The known name that is closest to a given one, if any is close: the same letters, or one slip in about three. */
export function nearestName(given: string, known: readonly string[]): string | undefined {
  const letters = lettersOf(given)
  let [best, least] = [undefined as string | undefined, Math.floor(Math.min(letters.length, 9) / 3) + 1]
  if (letters.length > LONGEST) return undefined
  for (const name of known) {
    const distance = editDistance(letters, lettersOf(name))
    if (distance < least) [best, least] = [name, distance]
  }
  return best
}

/** What is longer is no slip of any name. */
const LONGEST = 40

/** A name without case and separators, by which `no_object_weight` is `noObjectWeight`. */
export function lettersOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}

/**
 * Names that published code, its ports and other solvers have for options, without case and separators: the first one that
 * there is may be meant. Of a name such as `weights.class`, `weights` is to be known.
 */
export type ForeignNames = ReadonlyMap<string, readonly string[]>

/** The known name that a foreign one stands for, if any. */
export function foreignName(given: string, known: readonly string[], foreign: ForeignNames): string | undefined {
  if (given.length > LONGEST) return undefined
  return foreign.get(lettersOf(given))?.find((name) => known.includes(name.split('.')[0] as string))
}

/** How many letters must be put in, left out, changed or swapped with the next (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (last[j - 1] as number) + Number(a[i - 1] !== b[j - 1])
      row[j] = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, changed)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j] as number, (before[j - 2] as number) + 1)
      }
    }
    ;[before, last] = [last, row]
  }
  return last[b.length] as number
}

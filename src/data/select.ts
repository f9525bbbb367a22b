/** Which queries and classes are detections, the best first. */

/** Scores and classes of queries. */
export interface Chosen {
  readonly queries: readonly number[]
  readonly labels: readonly number[]
  readonly scores: readonly number[]
}

type Floats = Float32Array | Float64Array

/** The logits of an image's queries: rows from `first` to before `end` of those that begin at `start`. */
export interface Rows {
  readonly logits: Floats
  readonly start: number
  readonly columns: number
  readonly first: number
  readonly end: number
}

/**
 * For each query its best class but no-object, and the probability of it by softmax over all columns. Of equal classes the lower is
 * taken, and of equal scores the lower query comes first. Scores are above `threshold`; at most `most`.
 */
export function bestClasses(rows: Rows, noObject: number, threshold: number, most: number): Chosen {
  const { logits, start, columns, first, end } = rows
  const [labels, scores]: [number[], number[]] = [[], []]
  for (let query = first; query < end; query++) {
    const row = start + query * columns
    let [best, label, highest] = [-Infinity, -1, -Infinity]
    for (let column = 0; column < columns; column++) {
      const value = logits[row + column] as number
      if (value > highest) highest = value
      if (column !== noObject && value > best) [best, label] = [value, column]
    }
    let sum = 0
    for (let column = 0; column < columns; column++) sum += Math.exp((logits[row + column] as number) - highest)
    labels.push(label)
    scores.push(Math.exp(best - highest) / sum)
  }
  const places = scores.map((_, i) => i).filter((i) => (scores[i] as number) > threshold)
  // sorting is stable: of equal scores the lower query stays first
  places.sort((a, b) => (scores[b] as number) - (scores[a] as number))
  const taken = places.slice(0, most)
  return {
    queries: taken.map((i) => first + i),
    labels: taken.map((i) => labels[i] as number),
    scores: taken.map((i) => scores[i] as number),
  }
}

/**
 * Of all queries and classes those with the highest logits, at most `most`, with their probabilities by sigmoid, which are above
 * `threshold`. Ordered by logits, which differ where probabilities near 1 no longer do; of equal ones the lower query, then the lower class,
 * is taken, and comes first.
 */
export function bestOfAll(rows: Rows, threshold: number, most: number): Chosen {
  const { logits, start, columns, first, end } = rows
  const all = new Float64Array((end - first) * columns)
  for (let i = 0, from = start + first * columns; i < all.length; i++) all[i] = logits[from + i] as number
  const count = Math.min(most, all.length)
  if (count === 0) return { queries: [], labels: [], scores: [] }
  // the least that is taken, above which all are, and at which as many as there is room for
  const least = all.slice().sort()[all.length - count] as number
  const [above, equal]: [number[], number[]] = [[], []]
  for (let i = 0; i < all.length; i++) {
    if ((all[i] as number) > least) above.push(i)
    else if (all[i] === least && equal.length < count) equal.push(i)
  }
  above.sort((a, b) => (all[b] as number) - (all[a] as number))
  const taken = [...above, ...equal].slice(0, count).filter((i) => sigmoid(all[i] as number) > threshold)
  return {
    queries: taken.map((i) => first + Math.floor(i / columns)),
    labels: taken.map((i) => i % columns),
    scores: taken.map((i) => sigmoid(all[i] as number)),
  }
}

/** 1 / (1 + e^−x), to the last digits on both sides. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x))
  const power = Math.exp(x)
  return power / (1 + power)
}

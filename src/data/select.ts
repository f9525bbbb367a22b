/** Which queries and classes are detections, the best first. */

/** Scores and classes of queries. */
export interface Chosen {
  readonly queries: readonly number[]
  readonly labels: readonly number[]
  readonly scores: readonly number[]
}

type Floats = Float32Array | Float64Array

/** The logits of an image's queries: rows from `first` to before `end` of those that begin at `start`. */
export interface LogitRows {
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
export function bestClasses(rows: LogitRows, noObject: number, threshold: number, most: number): Chosen {
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
export function bestOfAll(rows: LogitRows, threshold: number, most: number): Chosen {
  const { logits, start, columns, first, end } = rows
  const places = placesOfHighest(logits, start + first * columns, start + end * columns, most)
  const taken = places.filter((place) => sigmoid(logits[place] as number) > threshold)
  return {
    queries: taken.map((place) => Math.floor((place - start) / columns)),
    labels: taken.map((place) => (place - start) % columns),
    scores: taken.map((place) => sigmoid(logits[place] as number)),
  }
}

/** The places of the highest values from `start` to before `end`, at most `most`, the highest first, of equal ones the first. */
function placesOfHighest(values: Floats, start: number, end: number, most: number): number[] {
  // a heap of those that are kept, the lowest at its root: few values are above it, once it is full
  const heap: number[] = []
  const isLower = (a: number, b: number): boolean => {
    const [x, y] = [values[a] as number, values[b] as number]
    return x < y || (x === y && a > b)
  }
  for (let place = start; place < end; place++) {
    if (heap.length < most) {
      let at = heap.push(place) - 1
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!isLower(place, heap[parent] as number)) break
        heap[at] = heap[parent] as number
        at = parent
      }
      heap[at] = place
    } else if (isLower(heap[0] as number, place)) {
      sink(heap, place, isLower)
    }
  }
  return heap.sort((a, b) => (values[b] as number) - (values[a] as number) || a - b)
}

/** Puts a place into a heap instead of its root. */
function sink(heap: number[], place: number, isLower: (a: number, b: number) => boolean): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && isLower(heap[child + 1] as number, heap[child] as number)) child++
    if (!isLower(heap[child] as number, place)) break
    heap[at] = heap[child] as number
    at = child
  }
  heap[at] = place
}

/** 1 / (1 + e^−x), to the last digits on both sides. */
function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x))
  const power = Math.exp(x)
  return power / (1 + power)
}

/** All that the page shows of a state, computed by the package. */
import type { HungarianLoss, ResolvedOptions } from 'hungarian-loss'
import { criteriaOf } from './criterion.ts'
import type { Box } from './geometry.ts'
import { TERMS } from './state.ts'
import type { State, Term } from './state.ts'

/** Costs, `[queries][targets]`. */
export type Costs = ReadonlyArray<readonly number[]>

export interface TermValue {
  readonly term: Term
  /** As the loss has it, before its weight. */
  readonly value: number
  readonly weight: number
  readonly weighted: number
}

export interface Study {
  readonly options: ResolvedOptions
  /** How many of a query's scores count: softmax has one for no-object, too. */
  readonly columns: number
  readonly cost: Costs
  /** Each term of the cost by itself, not weighted. */
  readonly parts: Readonly<Record<Term, Costs>>
  /** The target of each query, or undefined. */
  readonly targetOf: ReadonlyArray<number | undefined>
  /** The query of each target, or undefined. */
  readonly queryOf: ReadonlyArray<number | undefined>
  readonly loss: number
  readonly terms: readonly TermValue[]
  readonly gradients: {
    /** `[queries][columns]`. */
    readonly logits: ReadonlyArray<readonly number[]>
    readonly boxes: readonly Box[]
  }
}

/** Studies a state. Throws what the package throws. */
export function study(state: State): Study {
  const { queries, targets } = state
  const { whole, single, columns } = criteriaOf(state)
  const outputs = {
    logits: { data: queries.flatMap(({ logits }) => logits.slice(0, columns)), shape: [1, queries.length, columns] },
    boxes: { data: queries.flatMap(({ box }) => box), shape: [1, queries.length, 4] },
  }
  const batch = [{ labels: targets.map(({ label }) => label), boxes: targets.map(({ box }) => box) }]
  const { loss, terms, matches, gradients } = whole.compute(outputs, batch)
  const costOf = (criterion: HungarianLoss): Costs => {
    const [block] = criterion.cost(outputs, batch).images
    return block === undefined ? [] : rowsOf(block.data, queries.length, targets.length)
  }
  const pairs = matches.flatMap(({ queryIndices, targetIndices }) =>
    Array.from(queryIndices, (query, pair) => ({ query, target: targetIndices[pair] })),
  )
  return {
    options: whole.options,
    columns,
    cost: costOf(whole),
    parts: Object.fromEntries(TERMS.map((term) => [term, costOf(single[term])])) as Study['parts'],
    targetOf: queries.map((_, q) => pairs.find(({ query }) => query === q)?.target),
    queryOf: targets.map((_, t) => pairs.find(({ target }) => target === t)?.query),
    loss,
    terms: TERMS.map((term) => {
      const [value, weight] = [terms[term] ?? 0, whole.options.weights[term]]
      return { term, value, weight, weighted: value * weight }
    }),
    gradients: {
      logits: rowsOf(gradients.logits, queries.length, columns),
      boxes: rowsOf(gradients.boxes, queries.length, 4) as unknown as readonly Box[],
    },
  }
}

/** `rows` lists of `columns` numbers each. */
function rowsOf(data: ArrayLike<number>, rows: number, columns: number): number[][] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (_column, column) => data[row * columns + column] as number),
  )
}

/** The matching cost of one image, whole and by term, and by how much the next best matching costs more. */
import { linearSumAssignment } from '../../assignment/assignment.ts'
import { HungarianLoss } from '../../criterion/criterion.ts'
import type { Outputs } from '../../input/outputs.ts'
import type { Target } from '../../input/targets.ts'
import type { CostBlock, CostResult, LayerCost } from '../../result/costs.ts'
import type { Matches } from '../../result/matches.ts'
import { TERMS } from '../../terms/index.ts'

/** What one term adds to the cost; of all together, `name` is undefined. Costs are `[Q, n]`, weights included. */
export interface CostMap {
  readonly name: string | undefined
  readonly block: CostBlock
}

/** Criteria of one term each, made once for all images. */
export interface CostCriteria {
  readonly whole: HungarianLoss
  readonly terms: ReadonlyArray<{ readonly name: string; readonly criterion: HungarianLoss }>
}

/** The criterion, and for each term of its cost one that has this term alone. */
export function costCriteria(whole: HungarianLoss): CostCriteria {
  const { options } = whole
  const weights = options.cost as unknown as { readonly [term: string]: number }
  const own = TERMS.filter(({ name, inCost }) => inCost && (weights[name] as number) > 0)
  const terms = own.map(({ name }) => {
    const others = Object.fromEntries(own.filter((term) => term.name !== name).map((term) => [term.name, 0]))
    return { name, criterion: new HungarianLoss({ ...options, check: 'off', cost: { ...options.cost, ...others } }) }
  })
  return { whole, terms }
}

/** The cost of an image's layer: the whole, and then each term where there are several. */
export function studyCosts(
  { whole, terms }: CostCriteria,
  outputs: Outputs,
  target: Target,
  layer: number,
): readonly CostMap[] {
  const blockOf = (result: CostResult): CostBlock => (result.layers[layer] as LayerCost).images[0] as CostBlock
  const all = { name: undefined, block: blockOf(whole.cost(outputs, [target])) }
  if (terms.length < 2) return [all]
  const plain = withoutAdded(outputs)
  return [all, ...terms.map(({ name, criterion }) => ({ name, block: blockOf(criterion.cost(plain, [target])) }))]
}

/** Outputs without what the caller adds to the cost, which is no term. */
function withoutAdded(outputs: Outputs): Outputs {
  const plain = { ...outputs, cost: undefined }
  if (outputs.auxiliary === undefined) return plain
  return { ...plain, auxiliary: outputs.auxiliary.map((layer) => Object.assign({}, layer, { cost: undefined })) }
}

/**
 * For each pair, by how much the best matching without it costs more than the best one; undefined where there is no other.
 * `groups`: equal shares of the queries, each matched by itself. `first`: the first query of the block.
 */
export function marginsOf(
  { data, shape: [queries, targets] }: CostBlock,
  { queryIndices, targetIndices }: Matches,
  counted: readonly boolean[],
  groups: number,
  first: number,
): ReadonlyArray<number | undefined> {
  const size = queries / groups
  const columns = counted.flatMap((counts, target) => (counts ? [target] : []))
  const totals: (number | undefined)[] = []
  const blockOf = (group: number): Float64Array => {
    const block = new Float64Array(size * columns.length)
    for (let row = 0; row < size; row++) {
      for (const [i, column] of columns.entries()) {
        block[row * columns.length + i] = data[(group * size + row) * targets + column] as number
      }
    }
    return block
  }
  return Array.from(queryIndices, (query, pair) => {
    const row = query - first
    const group = Math.floor(row / size)
    const block = blockOf(group)
    const shape = [size, columns.length] as const
    const best = (totals[group] ??= linearSumAssignment({ data: block, shape }).total)
    block[(row - group * size) * columns.length + columns.indexOf(targetIndices[pair] as number)] = Infinity
    const other = linearSumAssignment({ data: block, shape }, { partial: true })
    if (other.rowIndices.length < Math.min(size, columns.length)) return undefined
    return Math.max(other.total - best, 0)
  })
}

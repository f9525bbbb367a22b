/** Cost matrices of either form. */
import { toReadError } from '../common/reading.ts'
import { readDense } from './dense.ts'
import type { CostMatrix, Costs } from './dense.ts'
import { isSparse, readSparse } from './sparse.ts'
import type { SparseCostMatrix, SparseCosts } from './sparse.ts'

/** Reads a matrix of any form. */
export function readMatrix(cost: CostMatrix | SparseCostMatrix): Costs | SparseCosts {
  try {
    return isSparse(cost) ? readSparse(cost) : readDense(cost)
  } catch (error) {
    throw toReadError(error, 'cost')
  }
}

/** Whether no row or no column is there: then nothing takes memory but the result, however many of the others are. */
export function hasNoCells(costs: Costs | SparseCosts): boolean {
  if ((costs.rows > 0 && costs.columns > 0) || costs.data.length > 0) return false
  return costs.rowList === undefined || costs.byCells || costs.rowList.every((start) => start === 0)
}

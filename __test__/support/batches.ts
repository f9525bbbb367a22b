/** The batches of `fixtures/batches`, as files, and the golden case that they are made of. */
import { fileURLToPath } from 'node:url'
import { readCases } from './golden.ts'

/** The path of a batch. */
export const batchPath = (name: string): string =>
  fileURLToPath(new URL(`../fixtures/batches/${name}`, import.meta.url))

/** What the golden case has. */
export interface BatchCase {
  readonly targets: ReadonlyArray<{
    readonly labels: readonly number[]
    readonly boxes: readonly (readonly number[])[]
  }>
  readonly layers: ReadonlyArray<{
    readonly shape: readonly [number, number, number]
    readonly logits: readonly number[]
    readonly boxes: readonly number[]
    readonly grad_logits: readonly number[]
    readonly grad_boxes: readonly number[]
    readonly images: ReadonlyArray<{
      readonly cost: readonly number[]
      readonly pred: readonly number[]
      readonly tgt: readonly number[]
      readonly gap: number
    }>
  }>
  readonly losses: { readonly [name: string]: number }
  readonly weighted_total: number
}

/** The case of which `tools/batches/make.py` makes them. */
export const BATCH_CASE = new Map(readCases<BatchCase>('detr-aux')).get('typical') as BatchCase

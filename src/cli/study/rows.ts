/** The rows of one layer of one image: what each query of the decoder predicts. */
import { tensorsOf } from '../../input/layers.ts'
import type { Part } from '../../input/part.ts'
import type { Predictions } from '../../input/outputs.ts'
import { FIELDS } from '../../terms/index.ts'

/** Rows by the place of a query among the decoder's own. */
export interface Rows {
  readonly layer: number
  /** Queries of the decoder, and the first of them among all of its tensors. */
  readonly count: number
  readonly first: number
  readonly groups: number
  /** Where a query's row lies in a field's tensor; undefined where the layer lacks the field. */
  readonly spanOf: (field: string, query: number) => readonly [from: number, to: number] | undefined
  readonly valuesOf: (field: string, query: number) => Float32Array | undefined
  /** All fields of a query as tensors of a layer, an image and a query of its own. */
  readonly tensorsOf: (
    query: number,
  ) => Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>
}

/** The rows of a layer; the predictions are of one image. */
export function rowsOf({ parts }: Predictions, layer: number): Rows {
  const { layers, first, end, groups } = parts[0] as Part
  const tensors = tensorsOf(layers, layer)
  const { rows, values, widths } = tensors
  const before = layers.tensors.length === 1 ? layer * rows : 0
  const places = new Map(FIELDS.flatMap(({ name }, place) => (values[place] === undefined ? [] : [[name, place]])))
  const spanOf: Rows['spanOf'] = (field, query) => {
    const place = places.get(field as (typeof FIELDS)[number]['name'])
    if (place === undefined) return undefined
    const width = widths[place] as number
    const row = before + first + query
    return [row * width, (row + 1) * width]
  }
  const valuesOf: Rows['valuesOf'] = (field, query) => {
    const span = spanOf(field, query)
    return span && values[places.get(field as (typeof FIELDS)[number]['name']) as number]?.subarray(...span)
  }
  return {
    layer,
    count: end - first,
    first,
    groups,
    spanOf,
    valuesOf,
    tensorsOf: (query) =>
      Object.fromEntries(
        Array.from(places.keys(), (field) => {
          const data = valuesOf(field, query) as Float32Array
          return [field, { data, shape: [1, 1, data.length] }]
        }),
      ),
  }
}

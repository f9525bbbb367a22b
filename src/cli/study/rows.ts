/** The rows of one layer of one image: what each query of the decoder predicts. */
import { DESCRIPTION } from '../../binding/description.ts'
import { tensorsOf } from '../../input/layers.ts'
import type { Part } from '../../input/part.ts'
import type { Predictions } from '../../input/outputs.ts'
import { FIELDS } from '../../terms/index.ts'

/** A number for each pixel, row-major. */
export interface Plane {
  readonly data: Float32Array
  readonly height: number
  readonly width: number
}

/** Fields that only pairs look at. */
const OF_PAIRS: ReadonlySet<string> = new Set(
  DESCRIPTION.families.find(({ name }) => name === 'masks')?.queryFields ?? [],
)

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
  /** What a query has of all fields that queries have rows of. */
  readonly fieldsOf: (query: number) => Record<string, Float32Array>
  /**
   * All fields of a query as tensors of a layer, an image and a query of its own. `pair`: its number among the layer's, in the order of the
   * queries; without it, masks are left out, since no term looks at them, but where `isFinal`, since the final layer needs them.
   */
  readonly tensorsOf: (
    query: number,
    pair: number | undefined,
    isFinal: boolean,
  ) => Record<string, { readonly data: Float32Array; readonly shape: readonly number[] }>
  /** The logits of a query's mask; undefined where the layer has none. */
  readonly planeOf: (query: number) => Plane | undefined
  /** Whether the layer has masks. */
  readonly hasMasks: boolean
}

/** The rows of a layer; the predictions are of one image. */
export function rowsOf({ parts }: Predictions, layer: number): Rows {
  const { layers, first, end, groups } = parts[0] as Part
  const tensors = tensorsOf(layers, layer)
  const { rows, values, widths, axes } = tensors
  const step = layers.tensors.length === 1 ? layer : 0
  const before = step * rows
  const places = new Map(FIELDS.flatMap(({ name }, place) => (values[place] === undefined ? [] : [[name, place]])))
  const spanOf: Rows['spanOf'] = (field, query) => {
    const place = places.get(field as (typeof FIELDS)[number]['name'])
    if (place === undefined || FIELDS[place]?.heldBy !== 'query') return undefined
    const width = widths[place] as number
    const row = before + first + query
    return [row * width, (row + 1) * width]
  }
  const valuesOf: Rows['valuesOf'] = (field, query) => {
    const span = spanOf(field, query)
    return span && values[places.get(field as (typeof FIELDS)[number]['name']) as number]?.subarray(...span)
  }
  /** The sizes of the axes of a row, where these may be any. */
  const rowOf = (place: number): readonly number[] => axes?.[place] ?? []
  /** What the layer, its image or its pairs have of a field. */
  const sharedOf = (place: number): Float32Array => {
    const width = widths[place] as number
    return (values[place] as Float32Array).subarray(step * width, (step + 1) * width)
  }
  const tensorOf = (field: string, place: number, query: number, pair: number | undefined) => {
    const { heldBy } = FIELDS[place] as (typeof FIELDS)[number]
    const row = rowOf(place)
    if (heldBy === 'query') {
      const data = valuesOf(field, query) as Float32Array
      return { data, shape: [1, 1, ...(row.length > 0 ? row : [data.length])] }
    }
    const data = sharedOf(place)
    if (heldBy === 'layer') return { data, shape: [data.length] }
    if (heldBy === 'image') return { data, shape: [1, ...row] }
    const each = row.slice(1).reduce((size, axis) => size * axis, 1)
    const own = pair as number
    return { data: data.subarray(own * each, (own + 1) * each), shape: [1, ...row.slice(1)] }
  }
  const isNeeded = (field: string, pair: number | undefined, isFinal: boolean) => {
    if (field === 'maskCostPoints') return false
    return pair !== undefined || !OF_PAIRS.has(field) || (isFinal && field !== 'maskLossPoints')
  }
  return {
    layer,
    count: end - first,
    first,
    groups,
    spanOf,
    valuesOf,
    fieldsOf: (query) =>
      Object.fromEntries(
        Array.from(places.keys(), (field) => [field, valuesOf(field, query)] as const).flatMap(([field, data]) =>
          data === undefined ? [] : [[field, data] as const],
        ),
      ),
    hasMasks: places.has('masks') || places.has('maskFeatures'),
    tensorsOf: (query, pair, isFinal) =>
      Object.fromEntries(
        Array.from(places)
          .filter(([field]) => isNeeded(field, pair, isFinal))
          .map(([field, place]) => [field, tensorOf(field, place, query, pair)]),
      ),
    planeOf: (query) => {
      const [masks, features] = [places.get('masks'), places.get('maskFeatures')]
      if (masks !== undefined) {
        const [height, width] = rowOf(masks) as readonly [number, number]
        return { data: valuesOf('masks', query) as Float32Array, height, width }
      }
      if (features === undefined) return undefined
      const [channels, height, width] = rowOf(features) as readonly [number, number, number]
      const own = valuesOf('maskQueries', query) as Float32Array
      const place = places.get('maskBias')
      const bias = place === undefined ? 0 : (sharedOf(place)[0] as number)
      const all = sharedOf(features)
      const data = new Float32Array(height * width).fill(bias)
      for (let k = 0; k < channels; k++) {
        const from = k * data.length
        for (let i = 0; i < data.length; i++)
          data[i] = (data[i] as number) + (own[k] as number) * (all[from + i] as number)
      }
      return { data, height, width }
    },
  }
}

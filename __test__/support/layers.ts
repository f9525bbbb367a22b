/** Layers cut into rows and put together again. */
import type { LayerGradients } from '../../src/index.ts'
import { bitsOf } from './helpers.ts'
import type { randomLayer } from './helpers.ts'

/** One layer's random predictions. */
export type Layer = ReturnType<typeof randomLayer>

/** Predictions as plain arrays of numbers. */
export type Arrays = Record<'logits' | 'boxes', { data: Float32Array; shape: number[] }>

/** Rows `first` to `end` of every image. */
export function rows({ logits, boxes }: Arrays, first: number, end: number): Layer {
  const cut = ({ data, shape }: Arrays['logits']) => {
    const [images, queries, width] = shape as [number, number, number]
    const parts = Array.from({ length: images }, (_, image) => [
      ...data.subarray((image * queries + first) * width, (image * queries + end) * width),
    ])
    return { data: Float32Array.from(parts.flat()), shape: [images, end - first, width] }
  }
  return { logits: cut(logits), boxes: cut(boxes) }
}

/** The queries of all layers, those of each image one after the other. */
export function join(layers: Layer[]): Layer {
  const glue = (name: 'logits' | 'boxes') => {
    const [images, , width] = layers[0]![name].shape as [number, number, number]
    const data = Array.from({ length: images }, (_, image) =>
      layers.flatMap((layer) => {
        const size = layer[name].data.length / images
        return [...layer[name].data.subarray(image * size, (image + 1) * size)]
      }),
    )
    const queries = layers.reduce((sum, layer) => sum + layer[name].shape[1]!, 0)
    return { data: Float32Array.from(data.flat()), shape: [images, queries, width] }
  }
  return { logits: glue('logits'), boxes: glue('boxes') }
}

/** The bits of a layer's gradients. */
export const gradientsOf = ({ logits, boxes }: LayerGradients) => [bitsOf(logits), bitsOf(boxes)]

/**
 * Direct access to the memory of the WebAssembly backend. `tensor.dataSync()` and `tf.tensor(values)` copy to and from
 * arrays that are allocated anew each time, which costs more than most of what is computed with them.
 */
import * as tf from '@tensorflow/tfjs-core'

/** The values of a tensor, not a copy. To be used at once: allocating another tensor may move the memory. */
export const view = (tensor) => tf.backend().typedArrayFromHeap(tensor)

/** A tensor whose values are yet to be written. */
export const empty = (shape) => tf.engine().makeTensorFromTensorInfo(tf.backend().makeOutput(shape, 'float32'))

/** The transpose of a matrix, or of any tensor taken as a matrix of `columns` columns. */
export function transpose(tensor, columns = tensor.shape[1]) {
  const rows = tensor.size / columns
  const result = empty([columns, rows])
  const to = view(result)
  const from = view(tensor)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column]
  }
  return result
}

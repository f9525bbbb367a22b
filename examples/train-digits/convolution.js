/**
 * A convolution with its gradient. The WebAssembly backend has the convolution, but no gradient of its filter and a slow one
 * of its input; both are matrix products with patches, the values that the filter sees at one position.
 */
import * as tf from '@tensorflow/tfjs-core'
import { empty, transpose, view } from './heap.js'
import { columnSums, rectifierGradient } from './ops.js'

/**
 * Convolution, bias and rectifier, padded so that a stride of 1 keeps the size.
 * x `[batch, height, width, inputs]`, filter `[size, size, inputs, outputs]` → `[batch, height / stride, width / stride, outputs]`
 * @param {boolean} isImage whether x is the image itself, which needs no gradient
 */
export function convolve(x, filter, bias, stride, isImage) {
  return tf.customGrad((x, filter, bias, save) => {
    const value = tf.fused.conv2d({ x, filter, strides: stride, pad: 'same', bias, activation: 'relu' })
    save([x, filter, value])
    const gradFunc = (dy, [x, filter, y]) => {
      const geometry = tf.backend_util.computeConv2DInfo(x.shape, filter.shape, stride, 1, 'same')
      const outputs = geometry.outChannels
      const dz = tf.reshape(rectifierGradient(dy, y), [-1, outputs])
      const dFilter = tf.matMul(patchColumns(x, geometry), dz)
      const dx = isImage ? tf.zeros(x.shape) : addPatches(tf.matMul(dz, transpose(filter, outputs)), geometry)
      return [dx, tf.reshape(dFilter, filter.shape), columnSums(dz, bias.shape)]
    }
    return { value, gradFunc }
  })(x, filter, bias)
}

/** All patches of `x`, each a column: `[filterHeight * filterWidth * inputs, positions]`; zero outside of the image. */
function patchColumns(x, geometry) {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth, padInfo } = geometry
  const { strideHeight, strideWidth } = geometry
  const result = empty([filterHeight * filterWidth * inChannels, batchSize * outHeight * outWidth])
  const columns = view(result)
  const image = view(x)
  let to = 0
  for (let row = 0; row < filterHeight; row++) {
    for (let column = 0; column < filterWidth; column++) {
      for (let channel = 0; channel < inChannels; channel++) {
        for (let line = 0; line < batchSize * outHeight; line++) {
          const y = (line % outHeight) * strideHeight + row - padInfo.top
          const inside = y >= 0 && y < inHeight
          const start = (Math.floor(line / outHeight) * inHeight + y) * inWidth * inChannels + channel
          for (let i = 0, left = column - padInfo.left; i < outWidth; i++, left += strideWidth) {
            columns[to++] = inside && left >= 0 && left < inWidth ? image[start + left * inChannels] : 0
          }
        }
      }
    }
  }
  return result
}

/** Adds patches `[positions, filterHeight * filterWidth * inputs]` up where they come from in the image. */
function addPatches(patches, geometry) {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth, padInfo } = geometry
  const { strideHeight, strideWidth } = geometry
  const result = tf.zeros(geometry.inShape)
  const image = view(result)
  const values = view(patches)
  for (let position = 0; position < patches.shape[0]; position++) {
    const left = (position % outWidth) * strideWidth - padInfo.left
    const top = (Math.floor(position / outWidth) % outHeight) * strideHeight - padInfo.top
    const first = Math.max(0, -left)
    const length = (Math.min(filterWidth, inWidth - left) - first) * inChannels
    for (let row = 0; row < filterHeight; row++) {
      const y = top + row
      if (y < 0 || y >= inHeight) continue
      const from = ((position * filterHeight + row) * filterWidth + first) * inChannels
      const to = ((Math.floor(position / (outWidth * outHeight)) * inHeight + y) * inWidth + left + first) * inChannels
      for (let i = 0; i < length; i++) image[to + i] += values[from + i]
    }
  }
  return result
}

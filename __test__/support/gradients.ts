/**
 * Gradients of operations of TensorFlow.js, which `@tensorflow/tfjs-core` alone does not bring in Node.js: those that a LayersModel
 * of dense layers needs.
 */
import * as tf from '@tensorflow/tfjs-core'

type Saved = readonly tf.Tensor[]

/** Registers them. */
export function registerGradients(): void {
  const register = (kernelName: string, saves: readonly string[], gradFunc: Gradient, more: object = {}) =>
    tf.registerGradient({
      kernelName,
      inputsToSave: [...saves],
      gradFunc: (dy, saved, attributes) => gradFunc(dy as tf.Tensor, saved, attributes),
      ...more,
    })
  register('Identity', ['x'], (dy) => ({ x: () => tf.clone(dy) }))
  register('Reshape', ['x'], (dy, [x]: Saved) => ({ x: () => tf.reshape(dy, x!.shape) }))
  register('Add', ['a', 'b'], (dy, [a, b]: Saved) => ({ a: () => unbroadcast(dy, a!), b: () => unbroadcast(dy, b!) }))
  register('Sigmoid', [], (dy, [y]: Saved) => ({ x: () => tf.mul(dy, tf.mul(y!, tf.sub(1, y!))) }), {
    outputsToSave: [true],
  })
  register('Mean', ['x'], (dy, [x]: Saved) => ({ x: () => tf.mul(tf.onesLike(x!), tf.div(dy, x!.size)) }))
  register('BatchMatMul', ['a', 'b'], (dy, [a, b]: Saved) => ({
    a: () => tf.matMul(dy, b!, false, true),
    b: () => tf.matMul(a!, dy, true, false),
  }))
  tf.registerGradient({
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy, inputs, attributes) => {
      const { axis } = attributes as unknown as { axis: number }
      const last = (dy as tf.Tensor).rank - 1
      if (axis !== last && axis !== -1) throw new Error(`only the last axis is joined, got ${axis}`)
      const pieces = tf.split(
        dy as tf.Tensor,
        inputs.map(({ shape }) => shape.at(-1) as number),
        last,
      )
      return Object.fromEntries(pieces.map((piece, i) => [i, () => piece]))
    },
  })
}

type Gradient = (dy: tf.Tensor, saved: tf.Tensor[], attributes: object) => { [input: string]: () => tf.Tensor }

/** The gradient of what may have had fewer axes than the result. */
function unbroadcast(dy: tf.Tensor, { shape }: tf.Tensor): tf.Tensor {
  const more = dy.rank - shape.length
  const summed =
    more > 0
      ? tf.sum(
          dy,
          Array.from({ length: more }, (_, axis) => axis),
        )
      : dy
  return tf.reshape(summed, shape)
}

/**
 * Gradients of the library's operations that the model uses as they are. TensorFlow.js keeps gradients apart from
 * `@tensorflow/tfjs-core`; the model needs so few that they are stated here.
 */
import * as tf from '@tensorflow/tfjs-core'

/** Registers the gradients; call once, before training. */
export function registerGradients() {
  tf.registerGradient({
    kernelName: 'Add', // of tensors of one shape: the model never broadcasts here
    gradFunc: (dy) => ({ a: () => tf.clone(dy), b: () => tf.clone(dy) }),
  })
  tf.registerGradient({
    kernelName: 'Reshape',
    inputsToSave: ['x'],
    gradFunc: (dy, [x]) => ({ x: () => tf.reshape(dy, x.shape) }),
  })
  tf.registerGradient({
    kernelName: 'Sigmoid',
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.mul(dy, tf.sub(y, tf.square(y))) }),
  })
}

/**
 * Compiles and runs the code of every document with the packages that it is written for: all of TensorFlow.js, jax-js and ONNX Runtime
 * among them, which `npm test` does without. They are installed in `docs/programs`, unless they are there.
 *
 * Usage: npm run test:docs
 */
import { fileURLToPath } from 'node:url'
import { install } from './install.js'
import { runAll } from './run.js'

const PROGRAMS = 'docs/programs'

install(PROGRAMS)
process.env.HUNGARIAN_LOSS_DOCUMENTS = fileURLToPath(new URL(`../${PROGRAMS}`, import.meta.url))
runAll(['npx vitest run __test__/package/documents.spec.ts'])

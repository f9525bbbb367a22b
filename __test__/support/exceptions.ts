/** Skips what cannot hold on WebAssembly, each test with its reason. */
import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import { reasonToSkip } from '../../scripts/wasm/exceptions.js'
import { ROOT } from './root.ts'

beforeEach((context) => {
  const { file, fullTestName } = context.task
  const reason = reasonToSkip(relative(ROOT, file.filepath).replaceAll('\\', '/'), fullTestName ?? context.task.name)
  if (reason !== undefined) context.skip(reason)
})

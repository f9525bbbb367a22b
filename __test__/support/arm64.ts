/** For specs on another processor: what they start is started by the program that started them; some tests are skipped. */
import { relative } from 'node:path'
import { beforeEach } from 'vitest'
import { reasonToSkip } from '../../scripts/cross/exceptions.js'
import { ROOT } from './root.ts'

process.execPath = process.env['HUNGARIAN_LOSS_ARM64_NODE'] as string

beforeEach((context) => {
  const { file, fullTestName } = context.task
  const reason = reasonToSkip(relative(ROOT, file.filepath).replaceAll('\\', '/'), fullTestName ?? context.task.name)
  if (reason !== undefined) context.skip(reason)
})

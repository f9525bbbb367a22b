#!/usr/bin/env node
/** The command `hungarian-loss`. Whatever goes wrong is one sentence and exit code 2, also where the compiled core is missing. */
import { messageOf } from '../common/errors.ts'
import { sentence } from './fault.ts'

const complain = (error: unknown): void => {
  process.stderr.write(`hungarian-loss: ${sentence(messageOf(error))}\n`)
  process.exitCode = 2
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // whoever reads the output, such as head, may have read enough
  if (error.code !== 'EPIPE') complain(error)
})
// where nobody hears of a fault, the exit code still tells it
process.stderr.on('error', () => {})

try {
  const { run } = await import('./command.ts')
  const code = await run(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  })
  process.exitCode ??= code // unless the output has failed meanwhile
} catch (error) {
  complain(error)
}

#!/usr/bin/env node
/** The command `hungarian-loss`. Whatever goes wrong is one sentence and exit code 2, also where the compiled core is missing. */
import { messageOf } from '../common/errors.ts'
import { sentence } from './fault.ts'

// whoever reads the output, such as head, may have read enough
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

try {
  const { run } = await import('./command.ts')
  process.exitCode = await run(process.argv.slice(2), {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  })
} catch (error) {
  process.stderr.write(`hungarian-loss: ${sentence(messageOf(error))}\n`)
  process.exitCode = 2
}

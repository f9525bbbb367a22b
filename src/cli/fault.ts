/** What the command line says in one sentence and ends with. */
import { messageOf } from '../common/errors.ts'

/** A file that cannot be read, an option that is wrong: its message is all that the user sees. */
export class Fault extends Error {
  static {
    this.prototype.name = 'Fault'
  }
}

/** A command line that is none; the usage is shown after the message. */
export class UsageFault extends Fault {}

/** What the system says of a file that cannot be opened, to be read or to be written. */
export function systemRule(error: unknown, use: 'read' | 'written' = 'read'): string {
  const { code } = Object(error) as { readonly code?: unknown }
  if (code === 'ENOENT') return use === 'read' ? 'there is no such file' : 'there is no such folder'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES' || code === 'EPERM') return `it may not be ${use}`
  return `it cannot be ${use} (${messageOf(error)})`
}

/** A message as one line that ends with a full stop, whatever it quotes. */
export function sentence(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return /[.!?]$/.test(line) ? line : `${line}.`
}

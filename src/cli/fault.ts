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
  if (code === 'ENOENT' || code === 'ENOTDIR') return `there is no such ${use === 'read' ? 'file' : 'folder'}`
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return `it may not be ${use}`
  if (code === 'ENOSPC') return 'the disk is full'
  return `it cannot be ${use} (${messageOf(error)})`
}

/** A text as one line that a terminal shows and does not obey, whatever it quotes: neither control characters nor marks of direction. */
export function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.replaceAll(
    /[\p{Cc}\p{Bidi_Control}]/gu,
    (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** A message as one line that ends with a full stop. */
export function sentence(text: string): string {
  const line = oneLine(text)
  return /[.!?]$/.test(line) ? line : `${line}.`
}

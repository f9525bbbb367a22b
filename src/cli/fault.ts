/** What the command line says in one sentence and ends with. */

/** A file that cannot be read, an option that is wrong: its message is all that the user sees. */
export class Fault extends Error {
  static {
    this.prototype.name = 'Fault'
  }
}

/** A command line that is none; the usage is shown after the message. */
export class UsageFault extends Fault {}

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

/** What the command line says in one sentence and ends with. */

/** A file that cannot be read, an option that is wrong: its message is all that the user sees. */
export class Fault extends Error {
  static {
    this.prototype.name = 'Fault'
  }
}

/** A command line that is none; the usage is shown after the message. */
export class UsageFault extends Fault {}

/** A message as one line that ends with a full stop, whatever it quotes. */
export function sentence(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return /[.!?]$/.test(line) ? line : `${line}.`
}

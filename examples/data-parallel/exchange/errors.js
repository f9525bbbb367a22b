/** What goes wrong between the processes of a training. */

/** Another process, or the server between them, fails the training; the message says which and how. */
export class ExchangeError extends Error {
  name = 'ExchangeError'
}

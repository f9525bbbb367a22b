/**
 * The little that the module asks of its surroundings through WASI: variables, time, randomness, and where panics are written.
 * There are no files, no threads and no arguments.
 */

const SUCCESS = 0
const BAD_FILE = 8
const NOT_SUPPORTED = 58

/** What the clocks are called. */
const REALTIME = 0

/**
 * @param {WebAssembly.Memory} memory
 * @param {Record<string, string | undefined>} variables of the environment
 */
export function systemImports(memory, variables) {
  const encoder = new TextEncoder()
  const entries = Object.entries(variables).filter(([, value]) => value !== undefined)
  const environment = entries.map(([name, value]) => encoder.encode(`${name}=${value}\0`))
  const view = () => new DataView(memory.buffer)
  const bytes = (address, length) => new Uint8Array(memory.buffer, address, length)
  return {
    environ_sizes_get(count, size) {
      view().setUint32(count, environment.length, true)
      view().setUint32(
        size,
        environment.reduce((sum, { length }) => sum + length, 0),
        true,
      )
      return SUCCESS
    },
    environ_get(pointers, buffer) {
      let address = buffer
      environment.forEach((variable, i) => {
        view().setUint32(pointers + 4 * i, address, true)
        bytes(address, variable.length).set(variable)
        address += variable.length
      })
      return SUCCESS
    },
    clock_time_get(clock, _precision, time) {
      const milliseconds = clock === REALTIME ? Date.now() : performance.now()
      view().setBigUint64(time, BigInt(Math.round(milliseconds * 1e6)), true)
      return SUCCESS
    },
    random_get(address, length) {
      crypto.getRandomValues(bytes(address, length))
      return SUCCESS
    },
    // what a panic says, before it ends in a trap
    fd_write(_file, parts, count, written) {
      const texts = Array.from({ length: count }, (_, i) => {
        const [address, length] = [0, 4].map((offset) => view().getUint32(parts + 8 * i + offset, true))
        return bytes(address, length).slice()
      })
      console.error(
        texts
          .map((text) => new TextDecoder().decode(text))
          .join('')
          .trimEnd(),
      )
      view().setUint32(
        written,
        texts.reduce((sum, { length }) => sum + length, 0),
        true,
      )
      return SUCCESS
    },
    fd_prestat_get: () => BAD_FILE,
    sched_yield: () => SUCCESS,
    proc_exit(code) {
      throw new Error(`the module ended with ${code}`)
    },
  }
}

/** A function that is not there, as C says it. */
export const missing = () => NOT_SUPPORTED

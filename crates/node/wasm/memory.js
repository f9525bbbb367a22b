/**
 * The arrays of a call in the memory of the WebAssembly module, which cannot see any other: each is copied to a place of its
 * own as the call reads its arguments, and back where Rust says that it has written to it. The places are freed once the call
 * is over, or the promise that it gave is settled.
 *
 * emnapi's own way, which this replaces, copies the whole buffer behind an array once more for each of its views, and frees the
 * copy some time after the buffer is collected, of which a loop that never returns to the event loop sees nothing.
 */

/** @typedef {Map<Uint8Array, number>} Places arrays, of any type, and their addresses */

const GENERIC_FAILURE = 9
/** What V8 says where it has no memory for an array. */
const REFUSED = 'Array buffer allocation failed'

const prototype = Object.getPrototypeOf(Uint8Array.prototype)
const [bufferOf, byteOffsetOf, byteLengthOf] = ['buffer', 'byteOffset', 'byteLength'].map((name) => {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name)
  return (array) => get.call(array)
})

export class CallMemory {
  #memory
  #valueOf
  /** The functions of the module that reserve and free memory. */
  #heap
  /** Of the call under way. @type {Places} */
  #places = new Map()
  /** Of calls off the event loop. @type {Places} */
  #kept = new Map()
  /** Of the exchanges for small matrices, which stay. @type {Places} */
  #exchanges = new Map()
  #isRefused = false

  /**
   * @param {WebAssembly.Memory} memory
   * @param {(handle: number) => unknown} valueOf the value that a handle of Node-API stands for
   */
  constructor(memory, valueOf) {
    this.#memory = memory
    this.#valueOf = valueOf
  }

  /** @param {{ malloc: (bytes: number) => number, free: (address: number) => void }} heap of the module, once there is one */
  useHeap(heap) {
    this.#heap = heap
  }

  /** Functions of Node-API in place of emnapi's, which do all else. */
  importsInPlaceOf({ napi_get_typedarray_info: getInfo }) {
    return {
      napi_get_typedarray_info: (env, handle, type, length, data, buffer, offset) => {
        const status = getInfo(env, handle, type, length, 0, buffer, offset)
        if (status !== 0 || data === 0) return status
        const address = this.#place(this.#valueOf(handle))
        if (address === undefined) return GENERIC_FAILURE
        this.#view().setUint32(data, address, true)
        return 0
      },
      emnapi_sync_memory: (_env, isToModule, handle, offset, length) => {
        const array = this.#valueOf(this.#view().getUint32(handle, true))
        const address = this.#places.get(array) ?? this.#kept.get(array)
        if (address === undefined) return GENERIC_FAILURE
        this.#copy(array, address, isToModule !== 0, offset >>> 0, length >>> 0)
        return 0
      },
    }
  }

  /** The exports of the binding as JavaScript calls them. */
  exportsOf(binding) {
    const { createExchange, assignSmall } = binding
    const called = Object.entries(binding).map(([name, run]) => [name, this.#call(run)])
    return {
      ...Object.fromEntries(called),
      createExchange: this.#call(createExchange, this.#exchanges),
      assignSmall: () => {
        for (const [array, address] of this.#exchanges) this.#copy(array, address, true)
        try {
          return assignSmall()
        } finally {
          for (const [array, address] of this.#exchanges) this.#copy(array, address, false)
        }
      },
    }
  }

  /** A call with places of its own; a getter of its arguments may begin another within. */
  #call(run, stays) {
    return (...args) => {
      const outer = this.#places
      const places = new Map()
      this.#places = places
      this.#isRefused = false
      let isPending = false
      try {
        const result = run(...args)
        if (result instanceof Promise) {
          isPending = true
          return this.#keep(places, result)
        }
        if (stays !== undefined) {
          isPending = true
          for (const [array, address] of places) stays.set(array, address)
        }
        return result
      } catch (error) {
        throw this.#isRefused ? new RangeError(REFUSED, { cause: error }) : error
      } finally {
        this.#places = outer
        if (!isPending) this.#free(places)
      }
    }
  }

  /** Keeps the places of a call until its promise is settled. */
  #keep(places, promise) {
    for (const [array, address] of places) this.#kept.set(array, address)
    return promise.finally(() => {
      for (const [array, address] of places) if (this.#kept.get(array) === address) this.#kept.delete(array)
      this.#free(places)
    })
  }

  /** The address of an array's copy, or nothing where the module gets no memory. */
  #place(array) {
    const bytes = byteLengthOf(array)
    if (bytes === 0) return 0
    const known = this.#places.get(array)
    if (known !== undefined) return known
    const address = this.#heap.malloc(bytes) >>> 0
    if (address === 0) {
      this.#isRefused = true
      return undefined
    }
    this.#places.set(array, address)
    this.#copy(array, address, true)
    return address
  }

  /** Copies an array's bytes, or some of them, to or from the module. */
  #copy(array, address, isToModule, offset = 0, length = Infinity) {
    const bytes = Math.min(byteLengthOf(array) - offset, length)
    if (bytes <= 0) return // such as one that was detached meanwhile
    const outside = new Uint8Array(bufferOf(array), byteOffsetOf(array) + offset, bytes)
    const inside = new Uint8Array(this.#memory.buffer, address + offset, bytes)
    if (isToModule) inside.set(outside)
    else outside.set(inside)
  }

  #free(places) {
    for (const address of places.values()) this.#heap.free(address)
  }

  #view() {
    return new DataView(this.#memory.buffer)
  }
}

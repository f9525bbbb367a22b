/**
 * The arrays of a call in the memory of the WebAssembly module, which cannot see any other: each is copied to a place of its
 * own as the call reads its arguments, and back where Rust says that it has written to it. The places are freed once the call
 * is over, or the promise that it gave is settled.
 *
 * emnapi's own way, which this replaces, copies the whole buffer behind an array once more for each of its views, and frees the
 * copy some time after the buffer is collected, of which a loop that never returns to the event loop sees nothing; and a small call
 * takes it several times as long.
 */

/** @typedef {Map<Uint8Array, number>} Places arrays, of any type, and their addresses */

const GENERIC_FAILURE = 9
/** What V8 says where it has no memory for an array. */
const REFUSED = 'Array buffer allocation failed'

/** Numbers that Node-API has for the types of arrays that the binding takes. */
const TYPES = { Uint8Array: 1, Int32Array: 5, Uint32Array: 6, Float32Array: 7, Float64Array: 8 }

const prototype = Object.getPrototypeOf(Uint8Array.prototype)
const GETTERS = ['buffer', 'byteOffset', 'byteLength', 'length', Symbol.toStringTag]
/** What an array itself says, whatever properties it has of its own. */
const [bufferOf, byteOffsetOf, byteLengthOf, lengthOf, tagOf] = GETTERS.map((name) => {
  const { get } = Object.getOwnPropertyDescriptor(prototype, name)
  return (array) => get.call(array)
})

export class CallMemory {
  #memory
  #handles
  /** The functions of the module that reserve and free memory. */
  #heap
  /** Of the call under way. @type {Places} */
  #places = new Map()
  /** Of calls off the event loop. @type {Places} */
  #kept = new Map()
  #isRefused = false
  /** What a call ended in that left the module in no state to go on. @type {WebAssembly.RuntimeError | undefined} */
  #trap

  /**
   * @param {WebAssembly.Memory} memory
   * @param {{ jsValueFromNapiValue: (handle: number) => unknown, napiValueFromJsValue: (value: unknown) => number }} handles
   * emnapi's context, which knows what the handles of Node-API stand for
   */
  constructor(memory, handles) {
    this.#memory = memory
    this.#handles = handles
  }

  /** @param {{ malloc: (bytes: number) => number, free: (address: number) => void }} heap of the module, once there is one */
  useHeap(heap) {
    this.#heap = heap
  }

  /** Functions of Node-API in place of emnapi's, which do all else. */
  importsInPlaceOf({ napi_get_typedarray_info: getInfo }) {
    return {
      napi_get_typedarray_info: (env, handle, type, length, data, buffer, offset) => {
        const array = this.#handles.jsValueFromNapiValue(handle)
        const found = TYPES[tagOf(array)]
        if (found === undefined) return getInfo(env, handle, type, length, 0, buffer, offset)
        const address = data === 0 ? 0 : this.#place(array)
        if (address === undefined) return GENERIC_FAILURE
        const view = this.#view()
        const write = (place, number) => place !== 0 && view.setUint32(place, number, true)
        write(type, found)
        write(length, lengthOf(array))
        write(data, address)
        write(offset, byteOffsetOf(array))
        if (buffer !== 0) write(buffer, this.#handles.napiValueFromJsValue(bufferOf(array)))
        return 0
      },
      emnapi_sync_memory: (_env, isToModule, handle, offset, length) => {
        const array = this.#handles.jsValueFromNapiValue(this.#view().getUint32(handle, true))
        const address = this.#places.get(array) ?? this.#kept.get(array)
        if (address === undefined) return GENERIC_FAILURE
        this.#copy(array, address, isToModule !== 0, offset >>> 0, length >>> 0)
        return 0
      },
    }
  }

  /** The exports of the binding as JavaScript calls them. */
  exportsOf(binding) {
    const called = Object.entries(binding).map(([name, run]) => [name, this.#call(run)])
    return {
      ...Object.fromEntries(called),
      createExchange: (memory) => {
        // the place stays: there is one exchange for each instance of the package
        /** @type {Places} */
        const places = new Map()
        const solve = this.#call(binding.createExchange, places)(memory)
        return () => {
          for (const [array, address] of places) this.#copy(array, address, true)
          try {
            this.#run(solve)
          } finally {
            for (const [array, address] of places) this.#copy(array, address, false)
          }
        }
      },
    }
  }

  /** Runs something in the module, in which after a trap nothing is run. */
  #run(run) {
    if (this.#trap !== undefined)
      throw new Error('an earlier call ended in a trap: load the package anew', { cause: this.#trap })
    try {
      return run()
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) this.#trap = error
      throw error
    }
  }

  /** A call with places of its own, which go to `stays` if that is given; a getter of its arguments may begin another within. */
  #call(run, stays) {
    return (...args) => {
      const outer = this.#places
      const places = new Map()
      this.#places = places
      this.#isRefused = false
      let isPending = false
      try {
        const result = this.#run(() => run(...args))
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
        if (!isPending && this.#trap === undefined) this.#free(places)
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

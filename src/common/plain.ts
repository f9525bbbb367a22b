/**
 * Results are plain data: objects of own enumerable properties and nothing else, so that they can be cloned, posted,
 * spread, compared and printed. What is added here is seen by none of these: it is not enumerable. Objects that hold typed
 * arrays inherit how they turn into JSON, from an object which is all that is between them and `Object.prototype`.
 */

/** Under which Node.js looks for how an object prints. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom')

/** A result while it is being made. */
export type Unfinished<T> = { -readonly [Key in keyof T]: T[Key] }

/** A constructor of plain objects, from a function that adds their properties. */
export function constructorOf<T, Values extends unknown[]>(
  add: (this: Unfinished<T>, ...values: Values) => void,
  prototype: object = Object.prototype,
): new (...values: Values) => T {
  add.prototype = prototype
  return add as unknown as new (...values: Values) => T
}

/**
 * The prototype of objects that hold typed arrays, which JSON would make objects with a key per index: they turn into plain
 * arrays. A property of each object's own would cost a small assignment a third of its time.
 */
export const WITH_JSON: object = Object.create(Object.prototype, {
  constructor: { value: Object, writable: true, configurable: true },
  toJSON: { value: toJson, writable: true, configurable: true },
})

function toJson(this: object): Record<string, unknown> {
  const plain = (value: unknown) => (ArrayBuffer.isView(value) ? Array.from(value as Int32Array) : value)
  return Object.fromEntries(Object.entries(this).map(([key, value]) => [key, plain(value)]))
}

/** What makes the properties that an object has yet to get, by name. */
type Makers<Key extends string> = { readonly [K in Key]: () => unknown }

/** An object's function for printing, which carries what it has yet to make, and what was made. */
interface Print {
  (this: object): object
  later: { readonly makers: Makers<string>; readonly made: Record<string, unknown> }
}

/** The property that holds it. Unlike a private field it is found behind proxies, too. */
const PRINT: PropertyDescriptor = { value: undefined, writable: true, configurable: true }

/** One getter for each name: with functions of their own, no two objects would have the same shape. */
const GETTERS = new Map<string, () => unknown>()

/** What the oldest way to define a getter takes is half of what `Object.defineProperty` does. */
interface Accessible {
  __defineGetter__(key: string, get: () => unknown): void
}

/** Adds properties, own and enumerable, that are made when first read, cloned, compared or printed; once for an object. */
export function putOff<Key extends string>(record: object, keys: readonly Key[], makers: Makers<Key>): void {
  const print: Print = function (this: object) {
    return { ...this }
  }
  print.later = { makers, made: {} }
  PRINT.value = print
  Object.defineProperty(record, INSPECT, PRINT)
  // else it would keep the latest object's makers alive
  PRINT.value = undefined
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as Key
    // oxlint-disable-next-line no-underscore-dangle
    ;(record as Accessible).__defineGetter__(key, GETTERS.get(key) ?? newGetter(key))
  }
}

function newGetter(key: string): () => unknown {
  const get = function (this: { [INSPECT]: Print }): unknown {
    const { makers, made } = this[INSPECT].later
    return (made[key] ??= (makers[key] as () => unknown)())
  }
  GETTERS.set(key, get)
  return get
}

const EMPTY = new Int32Array(0)

/** Zeros, `[length]`, in memory that nothing shares. An empty array is made sooner as a copy. */
export function ownInt32s(length: number): Int32Array {
  return length === 0 ? new Int32Array(EMPTY) : new Int32Array(length)
}

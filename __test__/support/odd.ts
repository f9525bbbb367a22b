/** Odd input of every kind, for calls that must end in a typed error or a result: nothing else. */

/** What the odd getters and proxies throw. */
export class Trap extends Error {
  override name = 'Trap'
}

const trap = (): never => {
  throw new Trap('sprung')
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

function detached<Data extends { readonly buffer: ArrayBufferLike }>(data: Data): Data {
  structuredClone(data.buffer, { transfer: [data.buffer as ArrayBuffer] })
  return data
}

/** Memory that may be made shorter or longer; its methods are newer than the types that the package is compiled with. */
interface Resizable extends ArrayBuffer {
  readonly resizable: boolean
  readonly maxByteLength: number
  resize(bytes: number): void
}

type Typed = InstanceType<(typeof TYPED)[number]>

/** The same values in memory that may become shorter, or twice as long; an array that tracks it is as long as its memory. */
function resizable<Data extends Typed>(data: Data, tracks: boolean): Data {
  const bytes = data.byteLength
  const memory: ArrayBuffer = Reflect.construct(ArrayBuffer, [bytes, { maxByteLength: 2 * bytes + 64 }])
  const Type = data.constructor as new (memory: ArrayBuffer, start?: number, length?: number) => Data
  const copy = tracks ? new Type(memory) : new Type(memory, 0, data.length)
  new Uint8Array(memory).set(new Uint8Array(data.buffer, data.byteOffset, bytes))
  return copy
}

/** An array that is longer than what is left of its memory. */
function outOfBounds<Data extends Typed>(data: Data): Data {
  const array = resizable(data, false)
  ;(array.buffer as Resizable).resize(4)
  return array
}

function growable(bytes: number): SharedArrayBuffer {
  return Reflect.construct(SharedArrayBuffer, [bytes, { maxByteLength: 2 * bytes }])
}

const TYPED = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
] as const

class Instance {
  labels = [0]
  get boxes(): number[] {
    return [0.5, 0.5, 0.1, 0.1]
  }
}

class Long extends Float32Array {
  override get length(): number {
    return 1e6
  }
}

const cyclic: unknown[] = []
cyclic.push(cyclic, cyclic)

/** Values of a kind that no call expects, or of a size that none does; each is made anew. */
export const ODD: ReadonlyArray<() => unknown> = [
  ...[undefined, null, true, NaN, -1, -0, 0.5, 7, 2 ** 16, 2 ** 31, 2 ** 53, Infinity, 5e-324, 1e300, -1e300].map(
    (value) => () => value,
  ),
  ...['', 'detr', '__proto__', '0', 'x'.repeat(1000)].map((value) => () => value),
  ...[10n, 10n ** 50n, Symbol('odd'), Symbol.iterator].map((value) => () => value),
  () => () => 1,
  () => async () => 1,
  () => Instance,
  () => [],
  () => [[]],
  () => [undefined],
  () => [0, 10n],
  () => [Symbol('odd')],
  () => [[1, 2], [3]],
  () => [[1, '2']],
  () => cyclic,
  () => Array(5),
  () => Array(2 ** 32 - 1),
  () => ({}),
  () => ({ length: 3 }),
  () => ({ length: 2 ** 40, 0: 1 }),
  () => ({ data: [1], shape: [Symbol('odd')] }),
  () => ({ data: [1, 2], shape: [1n, 2] }),
  () => ({ data: new Float32Array(0), shape: [2 ** 20, 2 ** 20, 0] }),
  () => ({ data: [[1]], shape: [1, 1] }),
  () => ({ shape: [1, 2, 2], data: () => 1, dataSync: trap }),
  () => ({ from: 0 }),
  () => ({ from: Symbol('odd') }),
  () => [
    { queryIndices: [0], targetIndices: [0] },
    { queryIndices: [0n], targetIndices: {} },
  ],
  () => Object.create(null),
  () => Object.create({ labels: [0], boxes: [] }),
  () => new Instance(),
  () => new Map([['labels', [0]]]),
  () => new Set([1]),
  () => new WeakMap(),
  () => new Date(0),
  () => /odd/,
  () => Promise.resolve(1),
  () => new Error('odd'),
  () => Object(1),
  () => Object(1n),
  () => Object(Symbol('odd')),
  () => new ArrayBuffer(16),
  () => new SharedArrayBuffer(16),
  () => resizable(new Float32Array(4), true),
  () => outOfBounds(new Float32Array(4)),
  () => outOfBounds(new Int32Array(4)),
  () => new Float32Array(growable(16) as unknown as ArrayBuffer),
  () => new DataView(new ArrayBuffer(16)),
  () => new Long(4),
  () => Object.defineProperty(new Float32Array(4), 'length', { value: Symbol('odd') }),
  () => Object.defineProperty(new Float32Array(4), 'buffer', { get: trap }),
  () => Object.defineProperty(new Float32Array(8), 'BYTES_PER_ELEMENT', { value: 8 }),
  ...TYPED.map((Type) => () => new Type(4)),
  ...TYPED.map((Type) => () => new Type(0)),
  ...TYPED.map((Type) => () => new Type(new SharedArrayBuffer(32) as unknown as ArrayBuffer)),
  ...TYPED.map((Type) => () => detached(new Type(4))),
  () => Object.create(AbortSignal.prototype),
  () => new Proxy(new AbortController().signal, {}),
  () => revoked([]),
  () => revoked({}),
  () => revoked(() => 1),
  () => new Proxy({}, { get: trap }),
  () => new Proxy([1, 2], { get: trap }),
  () => new Proxy({}, { ownKeys: trap, getPrototypeOf: trap, has: trap }),
  () => new Proxy([0, 0], { get: (target, key) => (key === 'length' ? Symbol('odd') : Reflect.get(target, key)) }),
  () => new Proxy([0, 0], { get: (target, key) => (key === 'length' ? 2 ** 40 : Reflect.get(target, key)) }),
  () => ({ [Symbol.toPrimitive]: trap, toString: trap, valueOf: trap }),
  () => ({
    get message() {
      throw revoked({})
    },
  }),
]

/** Sizes that only the loss may be tried with. */
export const HUGE: ReadonlyArray<() => unknown> = [2 ** 31 - 1, 2 ** 30, 1e9, 1e7, 2 ** 20].map((size) => () => size)

/** One thing that is done to an input. All numbers choose among what there is. */
export interface Change {
  /** Which of the objects within the input. */
  readonly object: number
  /** Which of its fields. */
  readonly field: number
  readonly how:
    | 'replace'
    | 'remove'
    | 'add'
    | 'getter'
    | 'changing'
    | 'detaching'
    | 'resizing'
    | 'proxy'
    | 'revoked'
    | 'freeze'
  /** Which odd value. */
  readonly odd: number
  /** After how many reads. */
  readonly reads: number
}

interface Holder {
  readonly parent: Record<PropertyKey, unknown>
  readonly key: string
}

const KEYS = ['aux_outputs', 'iscrowd', 'weight', 'queries', 'cost', 'matching', 'valid', 'ignore', 'groups', 'encoder']

/** Every field within an input, from the top; typed arrays count as values. */
function fieldsOf(input: object): Holder[] {
  const found: Holder[] = []
  const seen = new Set<object>()
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || seen.has(value)) return
    seen.add(value)
    if (Object.prototype.toString.call(value) !== '[object Object]' && !Array.isArray(value)) return
    for (const [key, { value: inner }] of Object.entries(Object.getOwnPropertyDescriptors(value))) {
      if (key === 'length' && Array.isArray(value)) continue
      found.push({ parent: value as Record<PropertyKey, unknown>, key })
      if (found.length < 500) visit(inner)
    }
  }
  try {
    visit(input)
  } catch {
    // what cannot be looked into stays a value
  }
  return found
}

/** The typed arrays among the fields of an input, in memory that is not shared. */
function typedIn(fields: readonly Holder[]): Array<Holder & { data: Typed; buffer: ArrayBuffer }> {
  return fields.flatMap(({ parent, key }) => {
    const data = Object.getOwnPropertyDescriptor(parent, key)?.value as Typed | undefined
    if (!ArrayBuffer.isView(data) || data instanceof DataView) return []
    // an odd one may have a buffer that throws
    const own = Object.getOwnPropertyDescriptor(data, 'buffer') === undefined ? data.buffer : undefined
    return own instanceof ArrayBuffer ? [{ parent, key, data, buffer: own }] : []
  })
}

function put(owner: object, name: string, descriptor: PropertyDescriptor): void {
  try {
    Object.defineProperty(owner, name, { configurable: true, enumerable: true, ...descriptor })
  } catch {
    // it is frozen, or odd already
  }
}

/** Whether an array has values and is as it was made, so that a copy of its class may stand in its place. */
const isFresh = (data: Typed): boolean =>
  data.byteLength > 0 &&
  TYPED.some((Type) => data.constructor === Type) &&
  Object.getOwnPropertyNames(data).length === data.length

function detach(memory: ArrayBuffer): void {
  if (memory.byteLength > 0) structuredClone(memory, { transfer: [memory] })
}

/** Makes memory shorter, longer or empty, if it is of that kind. `how`: chooses among the ways. */
function resize(memory: ArrayBuffer, how: number): void {
  const { byteLength, maxByteLength, resizable } = memory as Resizable
  if (!resizable || maxByteLength === 0) return // it cannot be, or has been taken away
  const sizes = [0, byteLength - 4, byteLength >> 1, byteLength - 1, maxByteLength, byteLength + 4]
  const size = sizes[how % sizes.length] as number
  ;(memory as Resizable).resize(Math.min(Math.max(size, 0), maxByteLength))
}

/** Changes an input, which is an array of arguments, in place. Gives what was changed, for messages. */
export function apply(change: Change, input: unknown[], odds: ReadonlyArray<() => unknown>): string {
  const fields = fieldsOf(input)
  const holder = fields[change.object % Math.max(fields.length, 1)]
  if (holder === undefined) return 'nothing'
  const { parent, key } = holder
  const odd = odds[change.odd % odds.length] as () => unknown
  const original = Object.getOwnPropertyDescriptor(parent, key)?.value as unknown
  const define = (name: string, descriptor: PropertyDescriptor) => put(parent, name, descriptor)
  let count = 0
  // the list of arguments is the test's own
  const how =
    parent === (input as unknown) && change.how !== 'proxy' && change.how !== 'revoked' ? 'replace' : change.how
  const later = (real: unknown, then: unknown) => (count++ < change.reads ? real : then)
  switch (how) {
    case 'replace':
      define(key, { value: odd(), writable: true })
      break
    case 'remove':
      Reflect.deleteProperty(parent, key)
      break
    case 'add':
      define(KEYS[change.field % KEYS.length] as string, { value: odd(), writable: true })
      break
    case 'getter':
      define(key, { get: change.reads === 0 ? trap : () => (later(true, false) === true ? original : trap()) })
      break
    case 'changing': {
      const other = odd()
      define(key, { get: () => later(original, other) })
      break
    }
    case 'detaching':
      define(key, {
        get: () => {
          if (count++ >= change.reads) for (const { buffer } of typedIn(fields)) detach(buffer)
          return original
        },
      })
      break
    case 'resizing': {
      // such as cannot be resized are put into memory that can
      for (const { parent: owner, key: name, data } of typedIn(fields)) {
        if (isFresh(data)) put(owner, name, { value: resizable(data, change.odd % 2 === 0), writable: true })
      }
      const real = Object.getOwnPropertyDescriptor(parent, key)?.value as unknown
      define(key, {
        get: () => {
          if (count++ >= change.reads) for (const { buffer } of typedIn(fields)) resize(buffer, change.field)
          return real
        },
      })
      break
    }
    case 'proxy':
      if (typeof original !== 'object' || original === null) break
      define(key, {
        value: new Proxy(original, {
          get: (target, name) => {
            const real: unknown = Reflect.get(target, name)
            if (change.odd % 3 === 0) return later(real, undefined) ?? trap()
            return later(real, odd())
          },
        }),
      })
      break
    case 'revoked':
      if (typeof original === 'object' && original !== null) define(key, { value: revoked(original) })
      break
    case 'freeze':
      try {
        Object.freeze(parent)
      } catch {
        // as above
      }
      break
  }
  return `${how} ${key}`
}

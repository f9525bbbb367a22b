/**
 * One array as NumPy writes it (`.npy`, versions 1 to 3). Source: numpy, `numpy/lib/_format_impl.py`, "Format Version 1.0" and
 * after. No object is ever unpickled.
 */
import type { IntegerData } from '../../common/tensors.ts'
import { shorten } from '../../common/validate.ts'
import { Fault } from '../fault.ts'

/** Numbers of an array. float16 is read as float32, bool as 0 and 1. */
export type Numbers = Float32Array | Float64Array | Exclude<IntegerData, Uint8ClampedArray>

/** Numbers as JavaScript has them, also of integers of 64 bits. Nothing is collected on the way, since there may be very many. */
export function toNumbers(data: Numbers): Exclude<Numbers, BigInt64Array | BigUint64Array> {
  if (!(data instanceof BigInt64Array || data instanceof BigUint64Array)) return data
  const numbers = new Float64Array(data.length)
  for (let i = 0; i < numbers.length; i++) numbers[i] = Number(data[i])
  return numbers
}

/** An array, row-major. */
export interface NumpyArray {
  readonly data: Numbers
  readonly shape: readonly number[]
}

type Reader = new (buffer: ArrayBuffer) => Numbers

/** What each dtype is read by, without the byte order, and bytes of an entry. */
const TYPES: ReadonlyMap<string, readonly [bytes: number, reader: Reader]> = new Map([
  ['f4', [4, Float32Array]],
  ['f8', [8, Float64Array]],
  ['f2', [2, Uint16Array]],
  ['i1', [1, Int8Array]],
  ['i2', [2, Int16Array]],
  ['i4', [4, Int32Array]],
  ['i8', [8, BigInt64Array]],
  ['u1', [1, Uint8Array]],
  ['u2', [2, Uint16Array]],
  ['u4', [4, Uint32Array]],
  ['u8', [8, BigUint64Array]],
  ['b1', [1, Uint8Array]],
])

const MAGIC = '\u0093NUMPY'
/** Bytes before the length of the header. */
const START = 8

/** Reads an array. `name`: what messages call it. */
export function readNpy(bytes: Uint8Array, name: string): NumpyArray {
  const { header, body } = split(bytes, name)
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1]
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1]
  const axes = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(header)?.[1]
  if (descr === undefined && /'descr'\s*:\s*\[/.test(header)) {
    throw new Fault(`${name} is a structured array: save each of its fields as an array of its own`)
  }
  if (descr === undefined || order === undefined || axes === undefined) {
    throw new Fault(`${name} is no array of NumPy: its header cannot be read`)
  }
  const shape = axes
    .split(',')
    .map((size) => size.replace('L', '').trim())
    .filter((size) => size !== '')
    .map(Number)
  if (!shape.every(Number.isSafeInteger)) {
    throw new Fault(`${name} is no array of NumPy: its header has the shape (${shorten(axes)})`)
  }
  const data = readValues(body, descr, shape, name)
  return { data: order === 'True' && shape.length > 1 ? rowMajor(data, shape) : data, shape }
}

/** The header's text, and all that follows it. */
function split(bytes: Uint8Array, name: string): { readonly header: string; readonly body: Uint8Array } {
  const text = (from: number, to: number) => String.fromCharCode(...bytes.subarray(from, to))
  if (text(0, MAGIC.length) !== MAGIC) throw new Fault(`${name} is no array of NumPy: it does not begin as one`)
  const version = bytes[MAGIC.length] as number
  if (version > 3) throw new Fault(`${name} is an array of version ${version} of NumPy's format, and known are 1 to 3`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = version === 1 ? 2 : 4
  const from = START + width
  const length = bytes.length < from ? 0 : version === 1 ? view.getUint16(START, true) : view.getUint32(START, true)
  if (length === 0 || from + length > bytes.length) throw new Fault(`${name} is cut off within its header`)
  const header = new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes.subarray(from, from + length))
  return { header, body: bytes.subarray(from + length) }
}

/** The values as they lie there. */
function readValues(body: Uint8Array, descr: string, shape: readonly number[], name: string): Numbers {
  const code = descr.replace(/^[<>|=]/, '')
  if (code.startsWith('O')) {
    throw new Fault(
      `${name} holds pickled Python objects, which are never loaded: save arrays of numbers, ragged ones concatenated, with a count for each image`,
    )
  }
  const type = TYPES.get(code)
  if (type === undefined) {
    throw new Fault(`${name} is of the dtype ${descr}: numbers of 8 to 64 bits and bool can be read`)
  }
  const [width, Type] = type
  const expected = shape.reduce((size, axis) => size * axis, width)
  if (body.length !== expected) {
    const fault = body.length < expected ? 'is cut off' : 'is broken'
    throw new Fault(
      `${name} ${fault}: its shape [${shape.join(', ')}] needs ${expected} bytes, and there are ${body.length}`,
    )
  }
  // a copy, since where the values begin may suit no typed array
  const copy = new Uint8Array(body)
  if (descr.startsWith('>')) swap(copy, width)
  const data = new Type(copy.buffer)
  return code === 'f2' ? toFloats(data as Uint16Array) : data
}

/** The numbers that entries of 16 bits are. */
function toFloats(halves: Uint16Array): Float32Array {
  const floats = new Float32Array(halves.length)
  for (let i = 0; i < floats.length; i++) floats[i] = half(halves[i] as number)
  return floats
}

/** Turns the bytes of each entry round. */
function swap(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
}

/** The number that 16 bits are (IEEE 754, binary16). */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** Values whose first axis runs fastest, with the last one running fastest. */
function rowMajor(data: Numbers, shape: readonly number[]): Numbers {
  const out = data.slice()
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((size, length) => size * length, 1))
  const index = shape.map(() => 0)
  let from = 0
  for (let to = 0; to < data.length; to++) {
    out[to] = data[from] as never
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1
      if (next < (shape[axis] as number)) {
        index[axis] = next
        from += strides[axis] as number
        break
      }
      from -= (index[axis] as number) * (strides[axis] as number)
      index[axis] = 0
    }
  }
  return out
}

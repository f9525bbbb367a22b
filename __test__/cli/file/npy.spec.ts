/** Arrays of NumPy: every dtype and order of a file that NumPy wrote, and headers that are none. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fault } from '../../../src/cli/fault.ts'
import { readNpy } from '../../../src/cli/file/npy.ts'
import { openZip } from '../../../src/cli/file/zip.ts'
import { batchPath } from '../../support/batches.ts'

const archive = await openZip(batchPath('dtypes.npz'))
const read = async (name: string) => readNpy(await archive.read(`${name}.npy`), `"${name}"`)

const TYPES = {
  f2: Float32Array,
  f4: Float32Array,
  f8: Float64Array,
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  i8: BigInt64Array,
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  u8: BigUint64Array,
}

/** An array as NumPy lays it out. */
function npy(header: string, body: Uint8Array | number = 0, version = 1): Uint8Array {
  const padded = `${header}${' '.repeat((64 - ((header.length + 11) % 64)) % 64)}\n`
  const length =
    version === 1
      ? new Uint8Array(new Uint16Array([padded.length]).buffer)
      : new Uint8Array(new Uint32Array([padded.length]).buffer)
  const bytes = typeof body === 'number' ? new Uint8Array(body) : body
  return Uint8Array.of(0x93, ...Buffer.from('NUMPY'), version, 0, ...length, ...Buffer.from(padded), ...bytes)
}

describe('dtypes', () => {
  test.for(Object.entries(TYPES))('%s is read', async ([code, Type]) => {
    const { data, shape } = await read(code)
    expect(shape).toEqual([2, 3])
    expect(data).toBeInstanceOf(Type)
    expect(Array.from(data as Int8Array, Number)).toEqual([0, 1, 2, 3, 4, 100])
  })

  test.for(['f2', 'f4', 'f8', 'i2', 'i8'])('%s with the larger byte first is read', async (code) => {
    const { data } = await read(`big_${code}`)
    expect(Array.from(data as Int8Array, Number)).toEqual([0, 1, 2, 3, 4, 100])
  })

  test('bool is 0 and 1', async () => {
    expect((await read('b1')).data).toEqual(Uint8Array.of(0, 0, 0, 1, 1, 1))
  })

  test('float16 is what NumPy makes of it: fractions, the largest, the smallest, -0, infinities, NaN', async () => {
    const [halves, floats] = [await read('halves'), await read('halves_as_float32')]
    expect(halves.data).toEqual(floats.data)
    expect(Object.is((halves.data as Float32Array)[4], -0)).toBe(true)
  })
})

test("an array in Fortran's order is turned to rows", async () => {
  const { data, shape } = await read('fortran')
  expect(shape).toEqual([2, 3, 4])
  expect(Array.from(data as Float32Array)).toEqual(Array.from({ length: 24 }, (_, i) => i))
})

test('a scalar has no axes, and an array may be empty', async () => {
  expect(await read('scalar')).toEqual({ data: BigInt64Array.of(7n), shape: [] })
  expect(await read('empty')).toEqual({ data: new Float32Array(0), shape: [0, 4] })
})

describe('faults', () => {
  const header = (descr: string, shape = '(2,)', order = 'False') =>
    `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`

  test.for([
    ['no array', Uint8Array.of(1, 2, 3), /"x" is no array of NumPy: it does not begin as one/],
    ['nothing', new Uint8Array(0), /does not begin as one/],
    ['a header without end', npy(header("'<f4'"), 8).subarray(0, 30), /cut off within its header/],
    ['a beginning alone', npy(header("'<f4'"), 8).subarray(0, 8), /cut off within its header/],
    ['a header without a shape', npy("{'descr': '<f4', 'fortran_order': False}"), /its header cannot be read/],
    ['a later version', npy(header("'<f4'"), 8, 9), /version 9 of NumPy's format/],
    ['too few values', npy(header("'<f4'"), 7), /is cut off: its shape \[2\] needs 8 bytes, and there are 7/],
    ['too many values', npy(header("'<f4'"), 9), /is broken: its shape \[2\] needs 8 bytes, and there are 9/],
    [
      'a size beyond all memory',
      npy(header("'<f8'", '(99999999999999999999,)'), 8),
      /its header has the shape \(9+,\)/,
    ],
    ['pickled objects', npy(header("'|O'"), 16), /holds pickled Python objects, which are never loaded/],
    ['complex numbers', npy(header("'<c8'"), 16), /is of the dtype <c8/],
    ['fields', npy(header("[('a', '<f4')]"), 8), /is a structured array/],
  ] as const)('%s', ([, bytes, message]) => {
    expect(() => readNpy(bytes, '"x"')).toThrow(Fault)
    expect(() => readNpy(bytes, '"x"')).toThrow(message)
  })

  test('any bytes are an array or a fault', () => {
    const whole = npy(header("'<f4'", '(2, 1)', 'True'), 8)
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 0, max: 255 }), (place, value) => {
        const bytes = whole.slice()
        bytes[place] = value
        try {
          expect(readNpy(bytes, '"x"').data).toHaveProperty('length')
        } catch (error) {
          expect(error).toBeInstanceOf(Fault)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('versions 2 and 3 are read', () => {
    for (const version of [2, 3]) {
      expect(readNpy(npy(header("'<f4'"), 8, version), '"x"')).toEqual({ data: new Float32Array(2), shape: [2] })
    }
  })
})

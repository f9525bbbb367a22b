/** Archives of arrays as NumPy writes them, for specs that need many small ones. */
import { crc32 } from 'node:zlib'

/** An array with its shape. */
export interface SavedArray {
  readonly data: Float32Array | Int32Array | BigInt64Array
  readonly shape: readonly number[]
}

/** The bytes of an archive with these arrays, not compressed. */
export function savez(arrays: { readonly [name: string]: SavedArray }): Buffer {
  const [files, directory] = [[] as Buffer[], [] as Buffer[]]
  let at = 0
  for (const [name, array] of Object.entries(arrays)) {
    const [path, content] = [Buffer.from(`${name}.npy`), npyOf(array)]
    const fields = Buffer.alloc(26)
    fields.writeUInt16LE(20, 0)
    fields.writeUInt32LE(crc32(content), 10)
    fields.writeUInt32LE(content.length, 14)
    fields.writeUInt32LE(content.length, 18)
    fields.writeUInt16LE(path.length, 22)
    const start = Buffer.alloc(16)
    start.writeUInt32LE(at, 12)
    const file = Buffer.concat([Buffer.from('PK\u0003\u0004'), fields, path, content])
    files.push(file)
    directory.push(Buffer.from('PK\u0001\u0002'), Buffer.of(20, 0), fields.subarray(0, 26), start.subarray(2), path)
    at += file.length
  }
  const list = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\u0005\u0006', 'latin1')
  end.writeUInt16LE(files.length, 8)
  end.writeUInt16LE(files.length, 10)
  end.writeUInt32LE(list.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...files, list, end])
}

function npyOf({ data, shape }: SavedArray): Buffer {
  const axes = shape.map((size) => `${size},`).join(' ')
  const descr = data instanceof Float32Array ? '<f4' : `<i${data.BYTES_PER_ELEMENT}`
  const header = Buffer.from(`{'descr': '${descr}', 'fortran_order': False, 'shape': (${axes}), }\n`)
  const length = Buffer.of(header.length & 0xff, header.length >> 8)
  return Buffer.concat([Buffer.from('\u0093NUMPY\u0001\u0000', 'latin1'), length, header, Buffer.from(data.buffer)])
}

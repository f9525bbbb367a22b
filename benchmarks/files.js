/** Inputs as files, for contenders that run in another process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ARRAYS = { float64: Float64Array, float32: Float32Array, int32: Int32Array }

/**
 * Runs something with a temporary folder, which is gone afterwards.
 * @template T
 * @param {(folder: string) => Promise<T>} run
 */
export async function withFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), 'benchmark-'))
  const clear = () => rmSync(folder, { recursive: true })
  process.once('exit', clear) // if the command is interrupted
  try {
    return await run(folder)
  } finally {
    process.off('exit', clear)
    clear()
  }
}

/**
 * Writes arrays, each into a file of its name after a prefix.
 * @template {string} Name
 * @param {string} folder
 * @param {Record<Name, Float64Array | Float32Array | Int32Array>} arrays
 * @param {string} [prefix]
 * @returns {Record<Name, string>} the files
 */
export function writeArrays(folder, arrays, prefix = '') {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => {
      const file = join(folder, `${prefix}${name}`)
      writeFileSync(file, array)
      return [name, file]
    }),
  )
}

/**
 * @template {keyof typeof ARRAYS} Type
 * @param {string} file
 * @param {Type} type
 * @returns {InstanceType<(typeof ARRAYS)[Type]>}
 */
export function readArray(file, type) {
  const { buffer, byteOffset, byteLength } = readFileSync(file)
  return new ARRAYS[type](buffer.slice(byteOffset, byteOffset + byteLength))
}

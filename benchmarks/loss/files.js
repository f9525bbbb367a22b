/** Inputs as files, for contenders that run in another process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs something with a temporary folder, which is gone afterwards.
 * @template T
 * @param {(folder: string) => Promise<T>} run
 */
export async function withFolder(run) {
  const folder = mkdtempSync(join(tmpdir(), 'loss-'))
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
 * Writes arrays, each into a file of its name.
 * @template {string} Name
 * @param {string} folder
 * @param {Record<Name, Float32Array | Int32Array>} arrays
 * @returns {Record<Name, string>} the files
 */
export function writeArrays(folder, arrays) {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, array]) => {
      const file = join(folder, name)
      writeFileSync(file, array)
      return [name, file]
    }),
  )
}

/** @returns {Float32Array} */
export function readFloats(file) {
  const { buffer, byteOffset, byteLength } = readFileSync(file)
  return new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength))
}

/** Whether what was built is fresh, judged by the contents of what it was built from. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * A digest of a command and its inputs, names and contents of files, and of the platform.
 * @param {string} command
 * @param {readonly string[]} inputs files and folders, from the project's root
 * @returns {string}
 */
export function digestOf(command, inputs) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${command}`)
  for (const path of inputs) addTo(hash, path)
  return hash.digest('hex')
}

function addTo(hash, path) {
  const full = join(ROOT, path)
  if (!existsSync(full)) return
  const entries = tryReadDirectory(full)
  if (entries === undefined) {
    hash.update(path).update(readFileSync(full))
  } else {
    for (const entry of entries.sort()) addTo(hash, `${path}/${entry}`)
  }
}

function tryReadDirectory(path) {
  try {
    return readdirSync(path)
  } catch (error) {
    if (error.code === 'ENOTDIR') return undefined
    throw error
  }
}

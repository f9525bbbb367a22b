/** The files within a ZIP archive, as `numpy.savez` and `savez_compressed` write them. */
import { crc32 } from 'node:zlib'
import { openPromise } from '#yauzl'
import type { Entry, ZipFile } from '#yauzl'
import { messageOf } from '../../common/errors.ts'
import { Fault } from '../fault.ts'

/** A file of an archive. */
export interface ZippedFile {
  readonly name: string
  /** Bytes once unpacked. */
  readonly size: number
}

/** An archive that is open. */
export interface Archive {
  readonly files: readonly ZippedFile[]
  /** Unpacks a file, and compares its checksum. */
  readonly read: (name: string) => Promise<Uint8Array>
  readonly close: () => void
}

/** So many arrays no batch has; an archive with more takes its time to be listed. */
const MAX_FILES = 100_000

/** Opens an archive and lists its files. */
export async function openZip(path: string): Promise<Archive> {
  let zip: ZipFile | undefined
  try {
    zip = await openPromise(path, { autoClose: false, lazyEntries: true })
    const entries = await listEntries(zip)
    return archiveOf(zip, entries)
  } catch (error) {
    zip?.close()
    throw error instanceof Fault ? error : broken(error)
  }
}

async function listEntries(zip: ZipFile): Promise<Map<string, Entry>> {
  if (zip.entryCount > MAX_FILES) throw new Fault(`the archive has ${zip.entryCount} arrays, and ${MAX_FILES} are read`)
  const entries = new Map<string, Entry>()
  for await (const entry of zip.eachEntry()) {
    if (entries.has(entry.fileName)) throw new Fault(`${entry.fileName} is there twice`)
    entries.set(entry.fileName, entry)
  }
  return entries
}

function archiveOf(zip: ZipFile, entries: ReadonlyMap<string, Entry>): Archive {
  return {
    files: Array.from(entries.values(), ({ fileName, uncompressedSize }) => ({
      name: fileName,
      size: uncompressedSize,
    })),
    read: async (name) => {
      const entry = entries.get(name) as Entry
      try {
        return await unpack(zip, entry)
      } catch (error) {
        throw error instanceof Fault ? error : broken(error)
      }
    },
    close: () => zip.close(),
  }
}

/** How files of an archive are packed that NumPy writes: not at all, or by deflate. */
const METHODS: ReadonlySet<number> = new Set([0, 8])

async function unpack(zip: ZipFile, entry: Entry): Promise<Uint8Array> {
  const { fileName, compressionMethod } = entry
  if (entry.isEncrypted()) throw new Fault(`${fileName} is encrypted: save arrays by numpy.savez`)
  if (!METHODS.has(compressionMethod)) {
    throw new Fault(
      `${fileName} is packed as NumPy packs nothing (method ${compressionMethod}): save arrays by numpy.savez`,
    )
  }
  const bytes = new Uint8Array(entry.uncompressedSize)
  let at = 0
  // the stream ends with an error where it holds more or less than that
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    bytes.set(chunk as Uint8Array, at)
    at += (chunk as Uint8Array).length
  }
  if (crc32(bytes) !== entry.crc32)
    throw new Fault(`${entry.fileName} is broken: its checksum differs from its content`)
  return bytes
}

function broken(error: unknown): Fault {
  return new Fault(`it is broken or cut off (${messageOf(error)})`)
}

/** Reads a batch from a file, whose first bytes tell what it is. */
import { open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { getHeapStatistics } from 'node:v8'
import { messageOf } from '../../common/errors.ts'
import { Fault, systemRule } from '../fault.ts'
import type { Batch } from './batch.ts'
import { batchOfJson } from './json.ts'
import { megabytes, readNpz } from './npz.ts'

/** Objects take that many times the memory of the shortest text that makes them, `{},`. */
const GROWTH = 32
/** The most that is read of JSON. V8 ends the process where the heap does not suffice. */
export const MAX_JSON = Math.min(2 ** 26, Math.floor(getHeapStatistics().heap_size_limit / GROWTH))

/** Bytes that tell what a file is. */
const HEAD = 16

/** What files begin with that are taken for a batch. */
const OTHERS: ReadonlyArray<readonly [start: string, rule: string]> = [
  ['\u0093NUMPY', 'it holds one array alone: save predictions and targets together by numpy.savez'],
  ['\u0080', 'it holds pickled Python objects, which are never loaded: save arrays by numpy.savez'],
  ['\u001f\u008b', 'it is compressed by gzip: unpack it first'],
  ['\u0089HDF', 'it is of HDF5, which is not read: save arrays by numpy.savez'],
  ['\u00ff\u00fe', 'it is text of UTF-16 or UTF-32: save it as UTF-8'],
  ['\u00fe\u00ff', 'it is text of UTF-16: save it as UTF-8'],
]

/** Reads a batch. Every fault is one sentence that begins with the path. */
export async function readBatch(path: string): Promise<Batch> {
  try {
    const head = await headOf(path)
    if (head.startsWith('PK')) return await readNpz(path)
    for (const [start, rule] of OTHERS) if (head.startsWith(start)) throw new Fault(rule)
    if (!/^(?:\u00ef\u00bb\u00bf)?\s*(?:[[{]|$)/.test(head))
      throw new Fault('it is neither .npz (numpy.savez) nor JSON')
    return batchOfJson(await readJson(path))
  } catch (error) {
    throw new Fault(`${path}: ${ruleOf(error)}`)
  }
}

/** What is wrong with a file. */
function ruleOf(error: unknown): string {
  if (error instanceof Fault) return error.message
  return isTooDeep(error) ? 'it is nested too deeply' : systemRule(error)
}

const isTooDeep = (error: unknown): boolean => error instanceof RangeError && error.message.includes('call stack')

/** The first bytes of a file, as text. */
async function headOf(path: string): Promise<string> {
  // before it is opened, since to open a pipe that nobody writes to would wait for ever
  const status = await stat(path)
  if (status.isDirectory()) throw new Fault('it is a folder')
  if (!status.isFile()) throw new Fault('it is no ordinary file')
  if (status.size === 0) throw new Fault('it is empty')
  return withFile(path, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD), 0, HEAD, 0)
    return buffer.toString('latin1', 0, bytesRead)
  })
}

/** Reads JSON. */
export async function readJson(path: string): Promise<unknown> {
  const text = await withFile(path, async (file) => {
    const { size } = await file.stat()
    if (size > MAX_JSON) {
      throw new Fault(
        `it has ${megabytes(size)} MB of JSON, and ${megabytes(MAX_JSON)} MB are read at most: save it by numpy.savez`,
      )
    }
    return (await file.readFile('utf8')).replace(/^\ufeff/, '')
  })
  try {
    return JSON.parse(text)
  } catch (error) {
    const hint = /[[,:]\s*-?(?:NaN|Infinity)\b/.test(text)
      ? ': it holds NaN or Infinity, which JSON does not have; save such numbers by numpy.savez'
      : ` (${messageOf(error).replaceAll(/\s+/g, ' ').slice(0, 120)})`
    throw new Fault(`it is no JSON, or cut off${hint}`)
  }
}

async function withFile<Result>(path: string, use: (file: FileHandle) => Promise<Result>): Promise<Result> {
  const file = await open(path)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** The arrays of an archive as `numpy.savez` and `savez_compressed` write it. */
import { shorten } from '../../common/validate.ts'
import { Fault } from '../fault.ts'
import { batchOfArrays } from './arrays.ts'
import type { Batch } from './batch.ts'
import { readNpy } from './npy.ts'
import { rolesOf } from './roles.ts'
import type { Given } from './roles.ts'
import { openZip } from './zip.ts'
import type { Archive } from './zip.ts'

/** All arrays together may have so many bytes. */
const MAX_BYTES = 2 ** 30
/** Names that hold whole lists of dictionaries. */
const HOLDERS = /^(?:targets?|tgt|gt|outputs?|predictions?|aux_outputs)\.npy$/

/** Reads the arrays that mean something. */
export async function readNpz(path: string): Promise<Batch> {
  const archive = await openZip(path)
  try {
    refuseForeign(archive)
    const names = archive.files.map(({ name }) => name.replace(/\.npy$/, ''))
    const roles = rolesOf(names)
    const wanted = archive.files.filter((_, i) => roles[i] !== undefined)
    const bytes = wanted.reduce((sum, { size }) => sum + size, 0)
    if (bytes > MAX_BYTES) {
      throw new Fault(
        `its arrays have ${megabytes(bytes)} MB, and ${megabytes(MAX_BYTES)} MB are read at most: save fewer images`,
      )
    }
    const given: Given[] = []
    for (const [i, { name: file }] of archive.files.entries()) {
      const [role, name] = [roles[i], names[i] as string]
      if (role !== undefined) given.push({ name, role, array: readNpy(await archive.read(file), `"${shorten(name)}"`) })
    }
    const has = (...fields: string[]) => given.some(({ role }) => 'field' in role && fields.includes(role.field))
    const isLacking = !has('logits') || !has('labels', 'positives')
    if (isLacking) await refusePickled(archive)
    return batchOfArrays(given, names)
  } finally {
    archive.close()
  }
}

/** Bytes as messages have them. */
export const megabytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20)

/** Where something is lacking that may be in a list of dictionaries, which NumPy pickles: says so. */
async function refusePickled({ files, read }: Archive): Promise<void> {
  for (const { name, size } of files) {
    if (!HOLDERS.test(name) || size > MAX_BYTES) continue
    readNpy(await read(name), `"${name.replace(/\.npy$/, '')}"`)
  }
}

/** Refuses archives that other programs make. */
function refuseForeign({ files }: Archive): void {
  if (files.some(({ name }) => /(?:^|\/)data\.pkl$/.test(name))) {
    throw new Fault('it was made by torch.save, whose pickled objects are never loaded: save arrays by numpy.savez')
  }
  if (!files.some(({ name }) => name.endsWith('.npy'))) {
    throw new Fault('it is a ZIP archive without any array of NumPy: save arrays by numpy.savez')
  }
}

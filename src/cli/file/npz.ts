/**
 * A batch as `numpy.savez` writes it: arrays of the predictions, and targets one image after the other with `counts`, padded to
 * one length with `counts`, or by keys that end in the image's number.
 */
import type { Outputs } from '../../input/outputs.ts'
import type { Target } from '../../input/targets.ts'
import { lettersOf } from '../../common/words.ts'
import { shorten } from '../../common/validate.ts'
import { Fault } from '../fault.ts'
import type { Batch } from './batch.ts'
import { isPredicted, isSize, queryField, targetField } from './names.ts'
import { readNpy } from './npy.ts'
import type { Numbers, NumpyArray } from './npy.ts'
import { openZip } from './zip.ts'
import type { Archive } from './zip.ts'

/** All arrays together may have so many bytes. */
const MAX_BYTES = 2 ** 30

const COUNTS: ReadonlySet<string> = new Set(['counts', 'sizes', 'lengths', 'numtargets', 'targetcounts'])
const OF_TARGETS = /^(?:targets?|tgt|gt)[_./]/
const OF_OUTPUTS = /^(?:outputs?|predictions?)[_./]/
/** `aux_logits`, `aux_outputs_0_pred_logits`, `aux_logits_0`. */
const OF_AUXILIARY = /^aux(?:iliary)?(?:_outputs)?[_./](?:(\d+)[_./])?(.+?)(?:[_./](\d+))?$/
/** Names that hold whole lists of dictionaries. */
const HOLDERS = /^(?:targets?|tgt|gt|outputs?|predictions?|aux_outputs)\.npy$/
/** `labels_0`. */
const NUMBERED = /^(.+?)[_./](\d+)$/

/** What an array is. */
type Role =
  | { readonly is: 'output'; readonly field: string }
  | { readonly is: 'auxiliary'; readonly field: string; readonly layer: number | undefined }
  | { readonly is: 'target'; readonly field: string; readonly image: number | undefined }
  | { readonly is: 'counts' }
  | { readonly is: 'size' }

interface Given {
  readonly name: string
  readonly role: Role
  readonly array: NumpyArray
}

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
    const isLacking = ['logits', 'labels'].some(
      (field) => !given.some(({ role }) => 'field' in role && role.field === field),
    )
    if (isLacking) await refusePickled(archive)
    return batchOf(given, names, (i) => roles[i] !== undefined)
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

/** What each array is; undefined for what is left out. */
function rolesOf(names: readonly string[]): ReadonlyArray<Role | undefined> {
  const predicted = new Set(names.filter(isPredicted).map(queryField))
  return names.map((name) => roleOf(name, predicted))
}

/** `predicted`: fields of which there is an array of predictions that says so, by which a bare name is the targets'. */
function roleOf(name: string, predicted: ReadonlySet<string | undefined>): Role | undefined {
  const auxiliary = OF_AUXILIARY.exec(name)
  if (auxiliary !== null) {
    const [, before, rest, after] = auxiliary
    const field = queryField(rest as string)
    const layer = before ?? after
    if (field === undefined) return undefined
    return { is: 'auxiliary', field, layer: layer === undefined ? undefined : Number(layer) }
  }
  if (COUNTS.has(lettersOf(name))) return { is: 'counts' }
  if (isSize(name)) return { is: 'size' }
  const [isOutput, isTarget] = [OF_OUTPUTS.test(name), OF_TARGETS.test(name)]
  const bare = name.replace(isTarget ? OF_TARGETS : OF_OUTPUTS, '')
  if (isTarget && COUNTS.has(lettersOf(bare))) return { is: 'counts' }
  const output = queryField(bare)
  if (!isTarget && output !== undefined && (isOutput || isPredicted(bare) || !predicted.has(output))) {
    return { is: 'output', field: output }
  }
  const numbered = NUMBERED.exec(bare)
  const field = targetField(numbered?.[1] ?? bare)
  if (isOutput || field === undefined) return undefined
  return { is: 'target', field, image: numbered === null ? undefined : Number(numbered[2]) }
}

function batchOf(given: readonly Given[], names: readonly string[], isUsed: (i: number) => boolean): Batch {
  const outputs: Record<string, unknown> = {}
  for (const { name, role, array } of given) {
    if (role.is !== 'output') continue
    if (role.field in outputs) throw new Fault(`"${name}" stands for ${role.field}, which is there twice`)
    outputs[role.field] = tensorOf(array)
  }
  const logits = outputs['logits'] as { readonly shape: readonly number[] } | undefined
  if (logits === undefined) throw new Fault(`it has neither "logits" nor "pred_logits"; its arrays are ${list(names)}`)
  const auxiliary = auxiliaryOf(given)
  if (auxiliary.length > 0) outputs['auxiliary'] = auxiliary
  const images = logits.shape.length < 3 ? undefined : logits.shape.at(-3)
  return {
    outputs: outputs as unknown as Outputs,
    targets: targetsOf(given, images, names),
    sizes: sizesOf(given),
    leftOut: names.filter((_, i) => !isUsed(i)),
  }
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => `"${shorten(name)}"`)
  return `${shown.join(', ')}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ''}`
}

/** Predictions; integers become numbers that a loss is made of. */
function tensorOf({ data, shape }: NumpyArray): { readonly data: Numbers; readonly shape: readonly number[] } {
  if (data instanceof Float32Array || data instanceof Float64Array) return { data, shape }
  return { data: Float64Array.from(data as Int32Array, Number), shape }
}

/** Earlier layers: stacked along the first axis, or one by one. */
function auxiliaryOf(given: readonly Given[]): readonly Record<string, unknown>[] {
  const layers: Record<string, unknown>[] = []
  const put = (layer: number, field: string, name: string, tensor: unknown) => {
    if (layer > layers.length + given.length) throw new Fault(`"${name}" is of a layer far beyond the others`)
    while (layers.length <= layer) layers.push({})
    const entry = layers[layer] as Record<string, unknown>
    if (field in entry) throw new Fault(`"${name}" stands for ${field} of layer ${layer}, which is there twice`)
    entry[field] = tensor
  }
  for (const { name, role, array } of given) {
    if (role.is !== 'auxiliary') continue
    const { data, shape } = tensorOf(array)
    if (role.layer !== undefined) {
      put(role.layer, role.field, name, { data, shape })
      continue
    }
    if (shape.length < 4) throw new Fault(`"${name}" must be of shape [layers, B, Q, …], and is [${shape.join(', ')}]`)
    const length = shape.slice(1).reduce((size, axis) => size * axis, 1)
    for (let layer = 0; layer < (shape[0] as number); layer++) {
      const values = data.subarray(layer * length, (layer + 1) * length)
      put(layer, role.field, name, { data: values, shape: shape.slice(1) })
    }
  }
  return layers
}

/** The targets of each image. `images`: as the logits have it, if they do. */
function targetsOf(given: readonly Given[], images: number | undefined, names: readonly string[]): readonly Target[] {
  const targets = given.filter(({ role }) => role.is === 'target')
  const numbered = targets.filter(({ role }) => role.is === 'target' && role.image !== undefined)
  if (numbered.length > 0 && numbered.length < targets.length) {
    const other = targets.find((entry) => !numbered.includes(entry)) as Given
    throw new Fault(`its targets are numbered by image, as "${numbered[0]?.name}", but "${other.name}" is not`)
  }
  if (numbered.length > 0) return numberedTargets(numbered, images)
  const labels = targets.find(({ role }) => role.is === 'target' && role.field === 'labels')
  if (labels === undefined) {
    throw new Fault(`it has no "labels" (nor "labels_0" and so on); its arrays are ${list(names)}`)
  }
  const counts = countsOf(given, labels, images)
  return labels.array.shape.length > 1
    ? paddedTargets(targets, labels, counts)
    : concatenatedTargets(targets, labels, counts as readonly number[])
}

function numberedTargets(given: readonly Given[], images = 0): readonly Target[] {
  const byImage = new Map<number, Record<string, unknown>>()
  for (const { name, role, array } of given) {
    if (role.is !== 'target') continue
    const image = role.image as number
    const target = byImage.get(image) ?? {}
    if (role.field in target) throw new Fault(`"${name}" stands for ${role.field}, which is there twice`)
    target[role.field] = rowsOf(role.field, array)
    byImage.set(image, target)
  }
  const last = Math.max(...byImage.keys())
  const length = Math.max(images, last + 1)
  if (length > given.length) {
    const missing = Array.from({ length: given.length + 1 }, (_, i) => i).find((i) => !byImage.has(i)) as number
    throw new Fault(`it has no "labels_${missing}": an image without targets needs an empty array`)
  }
  return Array.from({ length }, (_, image) => {
    const target = byImage.get(image)
    if (target?.['labels'] !== undefined) return target as unknown as Target
    throw new Fault(`it has no "labels_${image}": an image without targets needs an empty array`)
  })
}

/** How many targets each image has; undefined for padded ones of which all count. */
function countsOf(given: readonly Given[], labels: Given, images: number | undefined): readonly number[] | undefined {
  const counts = given.filter(({ role, array }) => role.is === 'counts' && array.shape.length === 1)
  if (counts.length > 1)
    throw new Fault(`"${counts[1]?.name}" says how many targets each image has, as "${counts[0]?.name}" does`)
  const [found] = counts
  if (found !== undefined) {
    const numbers = Array.from(found.array.data as Int32Array, Number)
    const wrong = numbers.find((count) => !(Number.isSafeInteger(count) && count >= 0))
    if (wrong !== undefined) throw new Fault(`"${found.name}" must be numbers of targets, and holds ${wrong}`)
    return numbers
  }
  if (labels.array.shape.length > 1) return undefined
  if (images === undefined || images === 1) return [labels.array.shape[0] ?? 1]
  throw new Fault(
    `it has ${labels.array.shape[0]} "${labels.name}" for ${images} images, and no "counts" that says how many each image has`,
  )
}

/** Labels `[N]` of all images, one after the other. */
function concatenatedTargets(targets: readonly Given[], labels: Given, counts: readonly number[]): readonly Target[] {
  const total = labels.array.shape[0] ?? 1
  const sum = counts.reduce((all, count) => all + count, 0)
  if (sum !== total) throw new Fault(`its counts add up to ${sum} targets, and "${labels.name}" has ${total}`)
  for (const { name, array } of targets) {
    if (array.shape[0] !== total && array !== labels.array) {
      throw new Fault(`"${name}" has ${array.shape[0] ?? 1} rows, and "${labels.name}" has ${total}`)
    }
  }
  let first = 0
  return counts.map((count) => {
    const [from, to] = [first, (first += count)]
    return targetOf(targets, (array) => {
      const length = array.shape.slice(1).reduce((size, axis) => size * axis, 1)
      return { data: array.data.subarray(from * length, to * length), shape: [count, ...array.shape.slice(1)] }
    })
  })
}

/** Labels `[B, T]`, of which the first of each image count. */
function paddedTargets(
  targets: readonly Given[],
  labels: Given,
  counts: readonly number[] | undefined,
): readonly Target[] {
  const [images, length] = labels.array.shape as readonly [number, number]
  for (const { name, array } of targets) {
    if (array.shape[0] === images && array.shape[1] === length) continue
    throw new Fault(`"${name}" is of shape [${array.shape.join(', ')}], and "${labels.name}" of [${images}, ${length}]`)
  }
  if (counts !== undefined && (counts.length !== images || counts.some((count) => count > length))) {
    throw new Fault(
      `"${labels.name}" is of shape [${images}, ${length}], which its counts [${counts.join(', ')}] do not fit`,
    )
  }
  return Array.from({ length: images }, (_, image) => {
    const target = targetOf(targets, ({ data, shape }) => {
      const size = shape.slice(1).reduce((all, axis) => all * axis, 1)
      return { data: data.subarray(image * size, (image + 1) * size), shape: shape.slice(1) }
    })
    return counts === undefined ? target : { ...target, valid: counts[image] as number }
  })
}

function targetOf(targets: readonly Given[], take: (array: NumpyArray) => NumpyArray): Target {
  const target: Record<string, unknown> = {}
  for (const { name, role, array } of targets) {
    if (role.is !== 'target') continue
    if (role.field in target) throw new Fault(`"${name}" stands for ${role.field}, which is there twice`)
    target[role.field] = rowsOf(role.field, take(array))
  }
  return target as unknown as Target
}

/** A field of one image's targets as the library takes it: labels and flags flat, all else with its shape. */
function rowsOf(field: string, { data, shape }: NumpyArray): unknown {
  if (field === 'ignore') return Array.from(data as Int32Array, Number)
  return shape.length === 1 && (field === 'labels' || data.length === 0) ? data : { data, shape }
}

/** Heights and widths of the images, `[B, 2]`. */
function sizesOf(given: readonly Given[]): Batch['sizes'] {
  const found = given.find(({ role, array }) => {
    return (role.is === 'size' || role.is === 'counts') && array.shape.length === 2 && array.shape[1] === 2
  })
  if (found === undefined) return []
  const sides = Array.from(found.array.data as Int32Array, Number)
  return Array.from({ length: found.array.shape[0] as number }, (_, image) => {
    const [height, width] = [sides[2 * image] as number, sides[2 * image + 1] as number]
    return height > 0 && width > 0 ? [height, width] : undefined
  })
}

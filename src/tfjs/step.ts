/** What a call was given in tensors of TensorFlow.js: every field read once, the tensors among them found and checked. */
import type * as tfc from '@tensorflow/tfjs-core'
import { PART_KEYS } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { lengthOf, shapeOf } from '../common/tensors.ts'
import { isRecord, show, showKeys } from '../common/validate.ts'
import type { CallOptions } from '../criterion/call.ts'
import type { HungarianLoss } from '../criterion/criterion.ts'
import { checkKeys } from '../input/keys.ts'
import type { OutputPlace } from '../input/keys.ts'
import { MAX_JOBS, MAX_LAYERS } from '../input/layers.ts'
import { neededFields, showLayer } from '../options/needed.ts'
import { checkCall, TENSOR_CALL } from '../options/settings.ts'
import { FIELDS, TARGET_FIELDS } from '../terms/index.ts'
import type { LayerFields, LayerGradients } from '../terms/index.ts'

/** What is known of a tensor whose values are read. */
export interface KnownTensor {
  /** The first place where it was given. */
  readonly name: string
  readonly shape: readonly number[]
}

/** A plain copy of an object of the caller's. */
type CopiedFields = Record<string, unknown>

/** The tensors of a layer. */
type CopiedLayer = { readonly [Field in keyof LayerFields]?: tfc.Tensor | undefined }

/** Settings of one call: what a batch that is split over workers is divided by. */
export type TensorCallOptions = Pick<CallOptions, (typeof TENSOR_CALL)[number]>

export type Tensors = Map<tfc.Tensor, KnownTensor>

/** What a call was given, each field read once, the tensors found and checked. */
export interface TensorStep {
  /** Plain objects with tensors among them. */
  readonly outputs: CopiedFields
  readonly targets: unknown
  readonly call: TensorCallOptions | undefined
  /** In a fixed order: of each part the final layer first. */
  readonly layers: readonly CopiedLayer[]
  readonly tensors: ReadonlyMap<tfc.Tensor, KnownTensor>
}

/** Reads what a criterion is to compute. */
export function readStep(criterion: HungarianLoss, outputs: unknown, targets: unknown, call: unknown): TensorStep {
  let argument = 'outputs'
  try {
    const layers: CopiedLayer[] = []
    const tensors: Tensors = new Map()
    const read = copyOutputs(outputs, layers, tensors, criterion)
    argument = 'targets'
    const readTargets = copyTargets(targets, tensors)
    argument = 'call'
    const settings = call === undefined ? undefined : { ...checkCall(call, TENSOR_CALL) }
    return { outputs: read, targets: readTargets, call: settings as TensorCallOptions | undefined, layers, tensors }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Whether something is a tensor of TensorFlow.js. */
function isTensor(value: unknown): value is tfc.Tensor {
  return isRecord(value) && typeof value['dataSync'] === 'function'
}

/** Its own fields, and those of the given names wherever they come from, each read once. */
function copyFields(value: Record<string, unknown>, names: readonly string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...value }
  for (const name of names) {
    if (Object.hasOwn(copy, name)) continue
    const field = value[name]
    if (field !== undefined) copy[name] = field
  }
  return copy
}

/** All fields of a layer. */
export const TENSORS = FIELDS.map(({ name }) => name)
/** The tensors that the loss is differentiated by. */
export const VARIABLES = FIELDS.filter(({ hasGradient }) => hasGradient).map(({ name }) => name as keyof LayerGradients)

/** Copies the outputs, and lists their layers and tensors. */
function copyOutputs(
  outputs: unknown,
  layers: CopiedLayer[],
  tensors: Tensors,
  criterion: HungarianLoss,
): CopiedFields {
  const rule = () => showLayer(neededFields(criterion.options))
  const readLayer = (given: unknown, place: OutputPlace, argument: string): CopiedFields => {
    if (!isRecord(given)) fail('DTYPE', argument, `must be ${rule()}, got ${show(given)}`)
    if (isTensor(given)) fail('DTYPE', `${argument}.logits`, `is undefined, since ${argument} is itself a tensor`)
    const layer = copyFields(given, [
      ...TENSORS,
      'matching',
      'cost',
      'auxiliary',
      'queryWeights',
      'layerWeights',
      ...PART_KEYS,
    ])
    checkKeys(layer, place, argument)
    for (const { name, owner } of FIELDS) {
      // the criterion knows which others it needs
      if (owner !== undefined && layer[name] === undefined) continue
      checkTensor(layer[name], `${argument}.${name}`, ['float32'], layer)
      note(tensors, layer[name] as tfc.Tensor, `${argument}.${name}`)
    }
    layers.push(layer as CopiedLayer)
    return layer
  }
  const readPart = (given: unknown, place: OutputPlace, argument: string): CopiedFields => {
    const part = readLayer(given, place, argument)
    const auxiliary = part['auxiliary']
    if (auxiliary === undefined) return part
    if (!Array.isArray(auxiliary)) {
      fail('DTYPE', `${argument}.auxiliary`, `must be an array of ${rule()}, got ${show(auxiliary)}`)
    }
    const read: unknown[] = []
    const length = lengthOf(auxiliary, `${argument}.auxiliary`)
    if (length > MAX_LAYERS)
      fail('SHAPE', `${argument}.auxiliary`, `may have at most ${MAX_LAYERS} layers, got ${length}`)
    for (let i = 0; i < length; i++) read.push(readLayer(auxiliary[i], 'layer', `${argument}.auxiliary[${i}]`))
    return { ...part, auxiliary: read }
  }
  const read = readPart(outputs, 'outputs', 'outputs')
  for (const key of PART_KEYS) {
    const part = read[key]
    if (!isRecord(part)) continue
    const copy = copyFields(part, [...TENSORS, 'queries'])
    const isOwn = TENSORS.some((name) => copy[name] !== undefined)
    read[key] = isOwn ? readPart(copy, key, `outputs.${key}`) : copy
  }
  return read
}

function note(tensors: Tensors, tensor: tfc.Tensor, name: string): void {
  if (!tensors.has(tensor)) tensors.set(tensor, { name, shape: shapeOf(tensor, name) })
}

/** Refuses what is no tensor of one of the types. `holder`: the object that was to have it. */
export function checkTensor(
  value: unknown,
  argument: string,
  dtypes: readonly string[],
  holder?: object,
): asserts value is tfc.Tensor {
  if (!isTensor(value)) {
    const keys = value === undefined && holder !== undefined ? `; what was given is an object ${showKeys(holder)}` : ''
    fail('DTYPE', argument, `must be a tensor of TensorFlow.js, got ${show(value)}${keys}`)
  }
  const { isDisposed, dtype } = value
  if (isDisposed === true) fail('DTYPE', argument, 'has been disposed, so that its values are gone')
  if (!dtypes.includes(dtype)) fail('DTYPE', argument, `must be of dtype ${dtypes.join(' or ')}, got ${show(dtype)}`)
}

/** The tensors of a layer that the loss is differentiated by. */
export function variablesOf(layer: CopiedLayer): tfc.Tensor[] {
  return VARIABLES.map((name) => layer[name]).filter((tensor) => tensor !== undefined)
}

/** The fields of a target that may be tensors, and of which types. */
const TARGET_TYPES: { readonly [field: string]: readonly string[] } = {
  labels: ['int32', 'float32'],
  ...Object.fromEntries(
    TARGET_FIELDS.map(({ name, takesFlags, form }) => [
      name,
      form === 'row' ? ['float32', 'int32', ...(takesFlags === true ? ['bool'] : [])] : ['bool', 'int32', 'float32'],
    ]),
  ),
  ignore: ['bool', 'int32', 'float32'],
  positives: ['float32', 'int32', 'bool'],
  columns: ['bool', 'int32', 'float32'],
  weights: ['float32', 'int32'],
}
export const TARGET_NAMES = Object.keys(TARGET_TYPES)

/** Copies targets, and lists the tensors among them; what are no targets stays for the criterion to refuse. */
export function copyTargets(targets: unknown, tensors: Tensors): unknown {
  if (!Array.isArray(targets)) return targets
  const length = lengthOf(targets, 'targets')
  if (length > MAX_JOBS) fail('SHAPE', 'targets', `may be of at most ${MAX_JOBS} images, got ${length}`)
  const copies: unknown[] = []
  for (let image = 0; image < length; image++) {
    const target: unknown = targets[image]
    if (!isRecord(target)) {
      copies.push(target)
      continue
    }
    const copy = copyFields(target, [...TARGET_NAMES, 'valid', 'exhaustive'])
    for (const field of TARGET_NAMES) {
      const value = copy[field]
      if (!isTensor(value)) continue
      const name = `targets[${image}].${field}`
      checkTensor(value, name, TARGET_TYPES[field] as readonly string[])
      note(tensors, value, name)
    }
    copies.push(copy)
  }
  return copies
}

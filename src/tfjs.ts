/**
 * The loss as an operation of TensorFlow.js. Nothing is imported from it but types: hand in the `tf` that you use.
 *
 * @module
 */
import type * as tfc from '@tensorflow/tfjs-core'
import { PART_KEYS } from './binding/plan.ts'
import { fail } from './common/errors.ts'
import { kindOf } from './common/memory.ts'
import { toReadError } from './common/reading.ts'
import { lengthOf, shapeOf, showShape } from './common/tensors.ts'
import { isRecord, show, showKeys } from './common/validate.ts'
import type { CallOptions } from './criterion/call.ts'
import type { HungarianLoss } from './criterion/criterion.ts'
import type { Gradients, GradientsOf, PartGradients } from './input/gradients.ts'
import { checkKeys } from './input/keys.ts'
import type { OutputPlace } from './input/keys.ts'
import { MAX_JOBS, MAX_LAYERS } from './input/layers.ts'
import type { LayerOutputs } from './input/layers.ts'
import type { ExactOutputs, Outputs } from './input/outputs.ts'
import type { QueryRange } from './input/part.ts'
import type { DenoisingSettings, EncoderSettings, OneToManySettings } from './input/parts.ts'
import type { Target } from './input/targets.ts'
import { checkCall, NORMALIZERS } from './options/settings.ts'
import type { LossResult } from './result/loss.ts'
import { FIELDS, TARGET_FIELDS } from './terms/index.ts'
import type { WithoutBoxes } from './terms/boxes.ts'
import type { LayerFields, LayerGradients, OtherGeometry, TargetFields } from './terms/index.ts'

/** The part of TensorFlow.js that is used: `@tensorflow/tfjs-core` or any package that re-exports it. */
export type TensorFlow = Pick<typeof tfc, 'customGrad' | 'mul' | 'scalar' | 'tensor'>

/** The fields of {@link LayerOutputs} as float32 tensors of the same shapes. To `references` the loss passes no gradient. */
export type TensorFields = {
  readonly [Field in keyof LayerFields]: tfc.Tensor | Extract<LayerFields[Field], undefined>
}

/** One layer's predictions, and how it is matched. */
export interface TensorLayer extends TensorFields, Pick<LayerOutputs, 'matching' | 'cost'> {}

/** Several layers, either stacked in rank 4 or listed in `auxiliary`. */
export interface TensorPart extends TensorLayer {
  /** Earlier layers, first to last. */
  readonly auxiliary?: readonly TensorLayer[] | undefined
  /** Absent, since the part has tensors of its own. */
  readonly queries?: undefined
}

/** As {@link Outputs}, with tensors. */
export interface TensorOutputs extends Omit<TensorPart, 'queries'>, Pick<Outputs, 'groups'> {
  /** The proposals of a two-stage encoder. */
  readonly encoder?: (Omit<TensorPart, 'queries'> & EncoderSettings) | undefined
  /** Queries made from the targets with noise. */
  readonly denoising?: ((TensorPart | QueryRange) & DenoisingSettings) | undefined
  /** A branch whose targets are repeated. */
  readonly oneToMany?: ((TensorPart | QueryRange) & OneToManySettings) | undefined
}

/** As {@link Target}, of arrays, of tensors whose values are read, or of both. */
export interface TensorTarget extends Omit<Target, keyof TargetFields | 'ignore'> {
  /** As a tensor int32, or float32 of whole numbers. */
  readonly labels: Target['labels'] | tfc.Tensor
  /** As a tensor float32 or int32. */
  readonly boxes: Target['boxes'] | tfc.Tensor
  /** Likewise. */
  readonly spans?: Target['spans'] | tfc.Tensor
  /** Likewise. */
  readonly points?: Target['points'] | tfc.Tensor
  /** Likewise. */
  readonly visibility?: Target['visibility'] | tfc.Tensor
  /** As a tensor bool, int32 or float32. */
  readonly ignore?: Target['ignore'] | tfc.Tensor
}

/** {@link TensorOutputs} of which no term reads boxes, such as those of spans alone. */
export type TensorOutputsWithoutBoxes = WithoutBoxes<Omit<TensorOutputs, 'encoder' | 'denoising' | 'oneToMany'>> &
  TensorGeometry

/** What they have in place of boxes. */
type TensorGeometry = WithTensors<OtherGeometry>

type WithTensors<Fields> = Fields extends unknown ? { readonly [Field in keyof Fields]: tfc.Tensor } : never

/** {@link TensorTarget} of which no term reads boxes. */
export type TensorTargetWithoutBoxes = WithoutBoxes<TensorTarget>

/** Settings of one call: what a batch that is split over workers is divided by. */
export type TensorCallOptions = Pick<CallOptions, (typeof NORMALIZERS)[number]>

/** A differentiable loss. */
export interface TensorLoss {
  /** The loss as a scalar, differentiable with respect to every tensor of `outputs` but `references`. */
  (
    outputs: TensorOutputs | TensorOutputsWithoutBoxes,
    targets: ReadonlyArray<TensorTarget | TensorTargetWithoutBoxes>,
    call?: TensorCallOptions,
  ): tfc.Scalar
  /**
   * What the latest call computed: terms, matches, metrics. Its gradients may be the very memory of the tensors that
   * TensorFlow.js holds, so do not write to them. Throws `OPTION` before the first call has given a result.
   */
  readonly lastResult: LossResult<Outputs, Gradients>
}

/**
 * Makes a criterion differentiable in TensorFlow.js. All layers of all parts are one operation. Values are read with
 * `dataSync`; for backends where that is slow or impossible, see {@link lossGradients}.
 *
 * Throws a HungarianLossError as {@link HungarianLoss.compute}, and `DTYPE` for what is no float32 tensor or has been
 * disposed.
 *
 * @example
 * const setLoss = hungarianLoss(tf, HungarianLoss.detr({ numClasses: 10 }))
 * optimizer.minimize(() => setLoss(model(images), targets))
 * console.log(setLoss.lastResult.terms)
 */
export function hungarianLoss(tf: TensorFlow, criterion: HungarianLoss): TensorLoss {
  checkTensorFlow(tf)
  checkCriterion(criterion)
  let last: TensorLoss['lastResult'] | undefined
  const loss = (outputs: unknown, targets: unknown, call?: TensorCallOptions): tfc.Scalar => {
    const step = readStep(outputs, targets, call)
    const operation = tf.customGrad((...args) => {
      const save = args.pop() as tfc.GradSaveFunc
      const result = computeStep(criterion, step, readNow)
      last = result
      save(gradientTensors(tf, step, result.gradients))
      return {
        value: tf.scalar(result.loss),
        gradFunc: (dy: tfc.Tensor, saved: tfc.Tensor[]) => saved.map((gradient) => tf.mul(gradient, dy)),
      }
    })
    return operation(...step.layers.flatMap(variablesOf)) as tfc.Scalar
  }
  const get = () => last ?? fail('OPTION', 'lastResult', 'there is none before the first call')
  return Object.defineProperty(loss, 'lastResult', { get, enumerable: true }) as TensorLoss
}

/**
 * Loss and gradients of tensors whose values come asynchronously (`data()`), as from WebGPU. TensorFlow.js cannot
 * differentiate across the wait, so train in two phases: after this, let it differentiate Σ logits · gradient + Σ boxes
 * · gradient (and likewise for `corners`), whose gradient with respect to the weights is that of the loss.
 *
 * Throws as {@link hungarianLoss}.
 *
 * @example
 * const { gradients } = await lossGradients(criterion, model(images), targets)
 * const logitsGradient = tf.tensor(gradients.logits, [B, Q, C])
 * const boxesGradient = tf.tensor(gradients.boxes, [B, Q, 4])
 * const { grads } = tf.variableGrads(() => {
 *   const { logits, boxes } = model(images)
 *   return tf.add(tf.sum(tf.mul(logits, logitsGradient)), tf.sum(tf.mul(boxes, boxesGradient)))
 * })
 * optimizer.applyGradients(grads)
 */
export async function lossGradients<O extends TensorOutputs | TensorOutputsWithoutBoxes>(
  criterion: HungarianLoss,
  outputs: ExactOutputs<O>,
  targets: ReadonlyArray<TensorTarget | TensorTargetWithoutBoxes>,
  call?: TensorCallOptions,
): Promise<LossResult<O, GradientsOf<O>>> {
  checkCriterion(criterion)
  const step = readStep(outputs, targets, call)
  const read = new Map<tfc.Tensor, Promise<TensorValues>>()
  for (const [tensor, { name }] of step.tensors) read.set(tensor, readLater(tensor, name))
  const values = new Map<tfc.Tensor, TensorValues>()
  for (const [tensor, promise] of await settled(read)) values.set(tensor, await promise)
  const result: LossResult<unknown, Gradients> = computeStep(
    criterion,
    step,
    (tensor) => values.get(tensor) as TensorValues,
  )
  return result as LossResult<O, GradientsOf<O>>
}

/** What a tensor's values come in. */
type TensorValues = Float32Array | Int32Array | Uint8Array

/** Gives the values of a tensor. */
type ReadTensor = (tensor: tfc.Tensor, name: string) => TensorValues

/** What is known of a tensor whose values are read. */
interface Known {
  /** The first place where it was given. */
  readonly name: string
  readonly shape: readonly number[]
}

type Tensors = Map<tfc.Tensor, Known>

/** What a call was given, each field read once, the tensors found and checked. */
interface TensorStep {
  /** Plain objects with tensors among them. */
  readonly outputs: TensorOutputs
  readonly targets: unknown
  readonly call: TensorCallOptions | undefined
  /** In a fixed order: of each part the final layer first. */
  readonly layers: readonly TensorLayer[]
  readonly tensors: ReadonlyMap<tfc.Tensor, Known>
}

function readStep(outputs: unknown, targets: unknown, call: unknown): TensorStep {
  let argument = 'outputs'
  try {
    const layers: TensorLayer[] = []
    const tensors: Tensors = new Map()
    const read = copyOutputs(outputs, layers, tensors)
    argument = 'targets'
    const readTargets = copyTargets(targets, tensors)
    argument = 'call'
    const settings = call === undefined ? undefined : { ...checkCall(call, NORMALIZERS) }
    return { outputs: read, targets: readTargets, call: settings as TensorCallOptions | undefined, layers, tensors }
  } catch (error) {
    throw toReadError(error, argument)
  }
}

/** Computes a step from its tensors' values. */
function computeStep(criterion: HungarianLoss, step: TensorStep, read: ReadTensor): LossResult<Outputs, Gradients> {
  let argument = 'outputs'
  try {
    const outputs = toOutputs(step, read)
    argument = 'targets'
    const targets = toTargets(step, read)
    argument = 'criterion'
    return criterion.compute(outputs, targets, step.call)
  } catch (error) {
    throw toReadError(error, argument)
  }
}

const readNow: ReadTensor = (tensor, name) => {
  try {
    const { dataSync } = tensor
    if (typeof dataSync === 'function') return dataSync.call(tensor) as TensorValues
    return fail('DTYPE', name, `must be a tensor of TensorFlow.js, whose dataSync is a function, got ${show(dataSync)}`)
  } catch (error) {
    throw toReadError(error, name)
  }
}

async function readLater(tensor: tfc.Tensor, name: string): Promise<TensorValues> {
  try {
    const { data } = tensor
    if (typeof data === 'function') return (await data.call(tensor)) as TensorValues
    return fail('DTYPE', name, `must be a tensor of TensorFlow.js, whose data is a function, got ${show(data)}`)
  } catch (error) {
    throw toReadError(error, name)
  }
}

/** The same promises once all are settled, so that none of them fails unheard. */
async function settled<Key, Value>(promises: ReadonlyMap<Key, Promise<Value>>) {
  await Promise.allSettled(promises.values())
  return promises
}

function checkCriterion(criterion: unknown): void {
  if (hasMethods(criterion, ['compute'], 'criterion')) return
  fail('DTYPE', 'criterion', `must be a HungarianLoss, got ${show(criterion)}`)
}

function checkTensorFlow(tf: unknown): void {
  const names = ['customGrad', 'mul', 'scalar', 'tensor'] as const
  if (hasMethods(tf, names, 'tf')) return
  fail('DTYPE', 'tf', `must be TensorFlow.js, with ${names.join(', ')}; got ${show(tf)}`)
}

function hasMethods(value: unknown, names: readonly string[], argument: string): boolean {
  try {
    return isRecord(value) && names.every((name) => typeof value[name] === 'function')
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

const TENSORS = FIELDS.map(({ name }) => name)
/** The tensors that the loss is differentiated by. */
const VARIABLES = FIELDS.filter(({ hasGradient }) => hasGradient).map(({ name }) => name as keyof LayerGradients)

/** Copies the outputs, and lists their layers and tensors. */
function copyOutputs(outputs: unknown, layers: TensorLayer[], tensors: Tensors): TensorOutputs {
  const readLayer = (given: unknown, place: OutputPlace, argument: string): Record<string, unknown> => {
    if (!isRecord(given)) fail('DTYPE', argument, `must be { logits, boxes }, got ${show(given)}`)
    if (isTensor(given)) fail('DTYPE', `${argument}.logits`, `is undefined, since ${argument} is itself a tensor`)
    const layer = copyFields(given, [...TENSORS, 'matching', 'cost', 'auxiliary', ...PART_KEYS])
    checkKeys(layer, place, argument)
    for (const { name, owner } of FIELDS) {
      // the criterion knows which others it needs
      if (owner !== undefined && layer[name] === undefined) continue
      checkTensor(layer[name], `${argument}.${name}`, ['float32'], layer)
      note(tensors, layer[name] as tfc.Tensor, `${argument}.${name}`)
    }
    layers.push(layer as unknown as TensorLayer)
    return layer
  }
  const readPart = (given: unknown, place: OutputPlace, argument: string): Record<string, unknown> => {
    const part = readLayer(given, place, argument)
    const auxiliary = part['auxiliary']
    if (auxiliary === undefined) return part
    if (!Array.isArray(auxiliary)) {
      fail('DTYPE', `${argument}.auxiliary`, `must be an array of { logits, boxes }, got ${show(auxiliary)}`)
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
  return read as unknown as TensorOutputs
}

function note(tensors: Tensors, tensor: tfc.Tensor, name: string): void {
  if (!tensors.has(tensor)) tensors.set(tensor, { name, shape: shapeOf(tensor, name) })
}

/** Refuses what is no tensor of one of the types. `holder`: the object that was to have it. */
function checkTensor(value: unknown, argument: string, dtypes: readonly string[], holder?: object): void {
  if (!isTensor(value)) {
    const keys = value === undefined && holder !== undefined ? `; what was given is an object ${showKeys(holder)}` : ''
    fail('DTYPE', argument, `must be a tensor of TensorFlow.js, got ${show(value)}${keys}`)
  }
  const { isDisposed, dtype } = value
  if (isDisposed === true) fail('DTYPE', argument, 'has been disposed, so that its values are gone')
  if (!dtypes.includes(dtype)) fail('DTYPE', argument, `must be of dtype ${dtypes.join(' or ')}, got ${show(dtype)}`)
}

/** The tensors of a layer that the loss is differentiated by. */
function variablesOf(layer: TensorLayer): tfc.Tensor[] {
  return VARIABLES.map((name) => layer[name]).filter((tensor) => tensor !== undefined)
}

/** The outputs with the values of their tensors, as the criterion takes them. */
function toOutputs({ outputs, tensors }: TensorStep, read: ReadTensor): Outputs {
  const toLayer = (layer: unknown, argument: string): Record<string, unknown> => {
    const copy = { ...(layer as Record<string, unknown>) }
    for (const name of TENSORS) {
      const tensor = copy[name] as tfc.Tensor
      const known = tensors.get(tensor)
      if (known !== undefined) copy[name] = toData(tensor, known, read, `${argument}.${name}`)
    }
    return copy
  }
  const toPart = (part: unknown, argument: string): Record<string, unknown> => {
    const { auxiliary } = part as TensorPart
    const copy = toLayer(part, argument)
    if (auxiliary === undefined) return copy
    return { ...copy, auxiliary: auxiliary.map((layer, i) => toLayer(layer, `${argument}.auxiliary[${i}]`)) }
  }
  const mapped = toPart(outputs, 'outputs')
  for (const key of PART_KEYS) {
    const part = mapped[key]
    if (isRecord(part)) mapped[key] = toPart(part, `outputs.${key}`)
  }
  return mapped as unknown as Outputs
}

/** A tensor with its values. */
function toData(tensor: tfc.Tensor, { shape }: Known, read: ReadTensor, name: string) {
  return { data: read(tensor, name), shape }
}

/** The fields of a target that may be tensors, and of which types. */
const TARGET_TYPES: { readonly [field: string]: readonly string[] } = {
  labels: ['int32', 'float32'],
  ...Object.fromEntries(TARGET_FIELDS.map(({ name }) => [name, ['float32', 'int32']])),
  ignore: ['bool', 'int32', 'float32'],
}
const TARGET_NAMES = Object.keys(TARGET_TYPES)

/** Copies targets, and lists the tensors among them; what are no targets stays for the criterion to refuse. */
function copyTargets(targets: unknown, tensors: Tensors): unknown {
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
    const copy = copyFields(target, [...TARGET_NAMES, 'valid'])
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

/** The targets with the values of their tensors. */
function toTargets({ targets, tensors }: TensorStep, read: ReadTensor): readonly Target[] {
  if (!Array.isArray(targets)) return targets as readonly Target[]
  return targets.map((target: unknown, image) => {
    if (!isRecord(target)) return target as unknown as Target
    const copy = { ...target }
    for (const field of TARGET_NAMES) {
      const tensor = copy[field] as tfc.Tensor
      const known = tensors.get(tensor)
      if (known === undefined) continue
      const name = `targets[${image}].${field}`
      copy[field] = targetData(field, toData(tensor, known, read, name), name)
    }
    return copy as unknown as Target
  })
}

/** A tensor as a target has it: labels as integers, whatever their type was; flags without a shape. */
function targetData(
  field: string,
  { data, shape }: { readonly data: TensorValues; readonly shape: readonly number[] },
  name: string,
): unknown {
  if (field === 'labels') return { data: kindOf(data) === 'Float32Array' ? Array.from(data) : data, shape }
  if (field !== 'ignore') return { data, shape }
  if (shape.length !== 1) fail('SHAPE', name, `must be of shape [n], got ${showShape(shape)}`)
  return data
}

/** Gradients as tensors, in the order of the operation's arguments. */
function gradientTensors(tf: TensorFlow, { layers, tensors }: TensorStep, gradients: Gradients): tfc.Tensor[] {
  const parts = [gradients, ...PART_KEYS.map((key) => gradients[key])]
  const layersIn = (part: PartGradients | undefined) => (part === undefined ? [] : [part, ...(part.auxiliary ?? [])])
  const all: readonly LayerGradients[] = parts.flatMap(layersIn)
  return layers.flatMap((layer, i) => {
    const of = all[i] as LayerGradients
    const arrays = VARIABLES.map((name) => of[name]).filter((array) => array !== undefined)
    return variablesOf(layer).map((tensor, k) => {
      return tf.tensor(arrays[k] as Float32Array, [...(tensors.get(tensor) as Known).shape])
    })
  })
}

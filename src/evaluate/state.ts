/** All that an evaluator holds, as plain data, which can be posted between threads, and how it is read back. */
import { fail } from '../common/errors.ts'
import { checkMemory, kindOf } from '../common/memory.ts'
import { constructorOf, WITH_JSON } from '../common/plain.ts'
import { toReadError } from '../common/reading.ts'
import { failNumber, failType, lengthOf, numbersOf } from '../common/tensors.ts'
import { checkInteger, checkRecord, isRecord, MAX_SIZE, show } from '../common/validate.ts'
import { readIds } from './ids.ts'
import type { ImageDetections, ImageGroundTruth } from './images.ts'
import type { PackedImages } from './packed.ts'

/** What {@link DetectionEvaluator.state} gives. Its arrays are copies, whose buffers may be transferred. In JSON they are plain. */
export interface EvaluatorState {
  /** The number of classes. */
  readonly numClasses: number
  /** How many images there are. */
  readonly images: number
  /** `[images]`: the images' ids, a list where there are strings among them; undefined where they are counted. */
  readonly ids: Float64Array | ReadonlyArray<number | string> | undefined
  /** What was detected, one image after the other. */
  readonly detections: PackedDetectionState
  /** What is there. */
  readonly groundTruth: PackedTargetState
}

/** The detections of all images. */
export interface PackedDetectionState {
  /** `[n · 4]`: left, top, width and height. */
  readonly boxes: Float64Array
  /** `[n]`. */
  readonly scores: Float64Array
  /** `[n]`. */
  readonly labels: Int32Array
  /** `[images + 1]`: where the detections of each image begin. */
  readonly offsets: Uint32Array
}

/** The targets of all images. */
export interface PackedTargetState {
  /** `[n · 4]`: left, top, width and height. */
  readonly boxes: Float64Array
  /** `[n]`. */
  readonly areas: Float64Array
  /** `[n]`. */
  readonly labels: Int32Array
  /** `[n]`: 1 for what is to be ignored, else 0. */
  readonly ignore: Uint8Array
  /** `[images + 1]`: where the targets of each image begin. */
  readonly offsets: Uint32Array
}

const PlainDetections = constructorOf<PackedDetectionState, [PackedImages]>(function ({
  count,
  detections,
  detectionOffsets,
}) {
  this.boxes = detections.boxes.slice(0, 4 * detections.count)
  this.scores = detections.scores.slice(0, detections.count)
  this.labels = detections.labels.slice(0, detections.count)
  this.offsets = detectionOffsets.slice(0, count + 1)
}, WITH_JSON)

const PlainTargets = constructorOf<PackedTargetState, [PackedImages]>(function ({ count, targets, targetOffsets }) {
  this.boxes = targets.boxes.slice(0, 4 * targets.count)
  this.areas = targets.areas.slice(0, targets.count)
  this.labels = targets.labels.slice(0, targets.count)
  this.ignore = targets.crowds.slice(0, targets.count)
  this.offsets = targetOffsets.slice(0, count + 1)
}, WITH_JSON)

/** Ids of images, which are counted where there are none. */
type Ids = ReadonlyArray<number | string> | undefined

const PlainState = constructorOf<EvaluatorState, [number, PackedImages, Ids]>(function (numClasses, packed, ids) {
  this.numClasses = numClasses
  this.images = packed.count
  this.ids = ids?.every((id) => typeof id === 'number') ? Float64Array.from(ids) : ids?.slice()
  this.detections = new PlainDetections(packed)
  this.groundTruth = new PlainTargets(packed)
}, WITH_JSON)

/** A copy of all images. */
export function stateOf(numClasses: number, packed: PackedImages, ids: Ids): EvaluatorState {
  return new PlainState(numClasses, packed, ids)
}

/** The images of a state, as they are added; of its values nothing is known yet. */
export interface ReadState {
  readonly numClasses: number
  readonly detections: readonly ImageDetections[]
  readonly groundTruth: readonly ImageGroundTruth[]
  /** Undefined where images are counted. */
  readonly ids: Ids
}

const KEYS = ['numClasses', 'images', 'ids', 'detections', 'groundTruth'] as const
const DETECTIONS = ['boxes', 'scores', 'labels', 'offsets'] as const
const TARGETS = ['boxes', 'areas', 'labels', 'ignore', 'offsets'] as const

/** Reads a state, each field once. */
export function readState(state: unknown): ReadState {
  try {
    if (!isRecord(state)) fail('DTYPE', 'other', `must be an evaluator or the state of one, got ${show(state)}`)
    const given = checkRecord(state, KEYS, 'other')
    const { numClasses, images, ids, detections, groundTruth } = given
    const classes = checkInteger(numClasses, 1, MAX_SIZE, 'other.numClasses', 'DTYPE')
    const count = checkInteger(images, 0, MAX_SIZE, 'other.images', 'DTYPE')
    const detected = readLists(detections, DETECTIONS, 'other.detections')
    const targets = readLists(groundTruth, TARGETS, 'other.groundTruth')
    const detectionOffsets = readOffsets(detected.offsets, count, detected.labels.length, 'other.detections.offsets')
    const targetOffsets = readOffsets(targets.offsets, count, targets.labels.length, 'other.groundTruth.offsets')
    checkLengths(detected, 'other.detections')
    checkLengths(targets, 'other.groundTruth')
    const idList = ids === undefined || ids === null ? undefined : readIds(ids, count, 'other.ids')
    const part = (list: Float64Array, offsets: readonly number[], image: number, width = 1): Float64Array =>
      list.subarray(width * (offsets[image] as number), width * (offsets[image + 1] as number))
    const all = Array.from({ length: count }, (_, image) => image)
    return {
      numClasses: classes,
      ids: idList,
      detections: all.map((image) => ({
        boxes: part(detected.boxes, detectionOffsets, image, 4),
        scores: part(detected.scores, detectionOffsets, image),
        labels: part(detected.labels, detectionOffsets, image),
        boxFormat: 'xywh',
      })),
      groundTruth: all.map((image) => ({
        boxes: part(targets.boxes, targetOffsets, image, 4),
        areas: part(targets.areas, targetOffsets, image),
        labels: part(targets.labels, targetOffsets, image),
        ignore: part(targets.ignore, targetOffsets, image),
        boxFormat: 'xywh',
      })),
    }
  } catch (error) {
    throw toReadError(error, 'other')
  }
}

/** Copies of all lists of a part of a state. */
function readLists<Key extends string>(
  value: unknown,
  keys: readonly Key[],
  argument: string,
): { readonly [K in Key]: Float64Array } {
  if (!isRecord(value)) fail('DTYPE', argument, `must be an object of arrays, got ${show(value)}`)
  const given = checkRecord(value, keys, argument)
  const lists = keys.map((key): [Key, Float64Array] => [key, copyOf(given[key], `${argument}.${key}`)])
  return Object.fromEntries(lists) as { readonly [K in Key]: Float64Array }
}

/** Numbers, typed or not, as float64. */
function copyOf(value: unknown, argument: string): Float64Array {
  const list = numbersOf(value)
  if (list === undefined) failType(value, 'an array of numbers', argument)
  if (kindOf(list) !== undefined) {
    checkMemory(list as Float64Array, argument)
    return new Float64Array(list as Float64Array)
  }
  const length = lengthOf(list, argument)
  const numbers = new Float64Array(length)
  for (let i = 0; i < length; i++) {
    const number = list[i]
    if (typeof number !== 'number') failNumber(number, argument, `at index ${i}`)
    numbers[i] = number
  }
  return numbers
}

function readOffsets(offsets: Float64Array, images: number, entries: number, argument: string): readonly number[] {
  if (offsets.length !== images + 1) {
    fail('SHAPE', argument, `expected ${images + 1} values, one for each image and the end, got ${offsets.length}`)
  }
  const rises = offsets.every(
    (offset, i) => Number.isInteger(offset) && offset >= (i === 0 ? 0 : (offsets[i - 1] as number)),
  )
  if (!rises || offsets[0] !== 0 || offsets[images] !== entries) {
    fail('RANGE', argument, `must rise from 0 to the number of labels, ${entries}`)
  }
  return [...offsets]
}

/** Compares the lengths of lists with that of the labels. */
function checkLengths(lists: { readonly [key: string]: Float64Array }, argument: string): void {
  const count = (lists['labels'] as Float64Array).length
  for (const [key, list] of Object.entries(lists)) {
    const expected = key === 'boxes' ? 4 * count : count
    if (key !== 'offsets' && list.length !== expected) {
      fail('SHAPE', `${argument}.${key}`, `expected ${expected} values, ${count} labels, got ${list.length}`)
    }
  }
}

/** Planes of bytes that targets have, such as masks: checked, and borrowed as they are. */
import { uint32s } from '../binding/slab.ts'
import { fail } from '../common/errors.ts'
import { bytesOf } from '../common/memory.ts'
import { checkView, dataIn, failType, shapeOf, showShape } from '../common/tensors.ts'
import { isObject, showKeys } from '../common/validate.ts'
import { axisHint } from '../masks/pixels.ts'
import { readMasks } from '../masks/read.ts'
import { TARGET_FIELDS } from '../terms/index.ts'
import type { TargetField } from '../terms/index.ts'
import { onCanvas } from './canvas.ts'
import type { Canvas, PackedPlanes } from './canvas.ts'
import type { ReadField, ReadTarget } from './read-target.ts'

const NONE = new Uint8Array(0)

/** The places of the targets' fields that are made of planes. */
const PLANES = TARGET_FIELDS.flatMap(({ form }, field) => (form === 'row' ? [] : [field]))

/**
 * Reads planes of 0 and 1: of `given` targets of which `counted` count, or the one of an image where `given` is undefined.
 * `noun`: what they are, as messages say it. `coreChecks`: whether bytes are left to the core to look at.
 */
export function readPlanes(
  value: unknown,
  noun: string,
  given: number | undefined,
  counted: number,
  argument: string,
  image: number,
  coreChecks = false,
): ReadField {
  const planes = given === undefined ? onlyPlane(value, argument) : value
  const scope = given === undefined ? { coreChecks, isSingle: true } : { coreChecks, counted }
  const { data, count, height, width } = readMasks(planes, argument, { image }, undefined, scope)
  if (given !== undefined && count !== given) {
    const hint = width === given ? `; are they [h, w, n]? transpose them to [n, h, w]` : ''
    fail('SHAPE', argument, `expected ${given} ${noun}, one for each label, got ${count}${hint}`, { image })
  }
  const kept = given === undefined || counted === given ? data : leading(data, counted * height * width)
  return { values: kept, rows: undefined, size: [height, width] }
}

/** A view of the first bytes, whatever the caller's array has in place of `subarray`. */
function leading(data: Uint8Array, length: number): Uint8Array {
  const { buffer, byteOffset } = bytesOf(data)
  return new Uint8Array(buffer, byteOffset, length)
}

/** Refuses planes of an image that are not of one size. An empty one has none. */
export function checkSizes(fields: ReadonlyArray<ReadField | undefined>, image: number): void {
  let first: readonly [name: string, size: readonly [number, number]] | undefined
  for (let field = 0; field < fields.length; field++) {
    const size = fields[field]?.size
    if (size === undefined || size[0] * size[1] === 0) continue
    const { name } = TARGET_FIELDS[field] as TargetField
    first ??= [name, size]
    const [other, [height, width]] = first
    if (size[0] === height && size[1] === width) continue
    const hint = size[0] === width && size[1] === height ? '; height comes first' : ''
    const rule = `must be ${height} × ${width} pixels, as targets[${image}].${other} is, got ${size[0]} × ${size[1]}${hint}`
    fail('SHAPE', `targets[${image}].${name}`, rule, { image })
  }
}

/** The plane of an image as one of a single target. */
export function onlyPlane(value: unknown, argument: string): unknown {
  if (!isObject(value)) failType(value, '{ data, shape: [h, w] }', argument)
  const shape = shapeOf(value, argument)
  if (shape.length !== 2)
    fail('SHAPE', argument, `must be of shape [h, w], got ${showShape(shape)}${axisHint(shape, 2)}`)
  const data = dataIn(value, argument)
  if (data === undefined) {
    fail('DTYPE', argument, `must be { data, shape: [h, w] }, got an object ${showKeys(value)}`)
  }
  const isOfRows = Array.isArray(data) && typeof data[0] === 'object'
  return { data: isOfRows ? [data] : data, shape: [1, ...shape] }
}

/**
 * The planes of all images. `has`: which fields the batch has. `canvas`: what they lie on, if that is more than they take. Undefined
 * where there are none.
 */
export function packPlanes(
  targets: readonly ReadTarget[],
  has: readonly boolean[],
  canvas: Canvas | undefined,
): PackedPlanes | undefined {
  if (!PLANES.some((field) => has[field])) return undefined
  const fields = PLANES.filter((field) => has[field])
  const arrays: Uint8Array[] = []
  const sizes = uint32s(2 * fields.length * targets.length)
  for (const field of fields) {
    for (const [image, { fields: own, count }] of targets.entries()) {
      const planes = own[field]
      const { name, form } = TARGET_FIELDS[field] as TargetField
      const isEmpty = form === 'planes' && count === 0
      const [height, width] = (isEmpty ? sizeOfImage(own) : planes?.size) ?? [0, 0]
      const data = (planes?.values as Uint8Array | undefined) ?? NONE
      // a getter of another target's may have taken them away since
      if (planes !== undefined)
        checkView(data, [form === 'planes' ? count : 1, height, width], `targets[${image}].${name}`)
      sizes[2 * arrays.length] = height
      sizes[2 * arrays.length + 1] = width
      arrays.push(data)
    }
  }
  if (canvas === undefined) return { arrays, sizes }
  const described = fields.map((field) => TARGET_FIELDS[field] as TargetField)
  const names = described.map(({ name }) => name)
  const areOfTargets = described.map(({ form }) => form === 'planes')
  return onCanvas({ arrays, sizes }, { names, areOfTargets, counts: targets.map(({ count }) => count) }, canvas)
}

/** The size of an image by any plane that it has: without targets, it still is part of the canvas. */
function sizeOfImage(fields: ReadonlyArray<ReadField | undefined>): readonly [number, number] | undefined {
  return PLANES.map((field) => fields[field]?.size).find((size) => size !== undefined && size[0] * size[1] > 0)
}

/** Whether a field is made of rows of numbers. */
export const isRow = (field: number): boolean => (TARGET_FIELDS[field] as TargetField).form === 'row'

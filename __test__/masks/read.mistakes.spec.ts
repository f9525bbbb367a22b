/** What people get wrong with masks: each mistake is refused, and its message says what is likely meant. */
import { describe, expect, test } from 'vitest'
import { decodeMasks, encodeMask, HungarianLoss, inspectBatch, padTargets } from '../../src/index.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const [Q, K, H, W] = [3, 2, 4, 6] as const
const criterion = HungarianLoss.maskFormer({ numClasses: 2 })
const floats = (...shape: number[]) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape })
const pixels = (value: number, ...shape: number[]) => {
  return { data: new Uint8Array(shape.reduce((a, b) => a * b, 1)).fill(value), shape }
}
const logits = floats(1, Q, 3)
const target = { labels: [0, 1], masks: pixels(1, 2, H, W) }
const factors = { maskFeatures: floats(1, K, H, W), maskQueries: floats(1, Q, K), maskBias: floats(1) }

const refusal = (outputs: object, targets: object = target) =>
  errorOf(() => criterion.compute(untyped({ logits, masks: floats(1, Q, H, W), ...outputs }), untyped([targets])))

describe('predictions', () => {
  const own = 'outputs.masks: expected shape [1, 3, height, width], got'
  test.each<[string, object, string]>([
    ['queries in the last axis', { masks: floats(1, H, W, Q) }, `${own} [1, 4, 6, 3]; are the queries in the last axis? transpose it to their place`],
    ['without a batch axis', { masks: floats(Q, H, W) }, `${own} [3, 4, 6]; the batch axis is missing: a single image has the shape [1, 3, 4, 6]`],
    ['pixels in one axis', { masks: floats(1, Q, H * W) }, `${own} [1, 3, 24]; one axis for all pixels? give height and width apart`],
    ['another number of queries', { masks: floats(1, Q + 1, H, W) }, `${own} [1, 4, 4, 6]`],
    ['features alone', { masks: undefined, maskFeatures: factors.maskFeatures }, 'outputs.maskQueries: must be { data, shape } or { data, dims }, as maskFeatures needs it, got undefined'],
    ['a bias without factors', { maskBias: factors.maskBias }, 'outputs.maskBias: must be absent where there are no maskFeatures'],
    ['features whose channels come last', { ...factors, masks: undefined, maskFeatures: floats(1, H, W, K) }, 'outputs.maskQueries: expected 4 numbers for each query, one for each channel of maskFeatures, got 2; are the features [B, height, width, K]? transpose them'],
    ['names of other code', { masks: undefined, mask_embed: factors.maskQueries }, 'outputs.mask_embed: there is no such key; did you mean maskQueries?'],
  ])('%s', (_, outputs, message) => {
    expect(refusal(outputs).message).toContain(message)
  }) // prettier-ignore

  test('points in pixels', () => {
    const sampled = HungarianLoss.mask2Former({ numClasses: 2, masks: { points: 2 } })
    const compute = (points: object) =>
      errorOf(() => sampled.compute({ logits, masks: floats(1, Q, H, W), ...points }, [target]))
    expect(compute({ maskCostPoints: { data: [0.5, 0.5, 3, 0.5], shape: [2, 2] } })).toMatchObject({
      code: 'RANGE',
      image: 0,
      message: expect.stringMatching(
        /^outputs\.maskCostPoints: .*3 at .*point 1, coordinate 0; it must be from 0 to 1, a part of the width or the height$/,
      ),
    })
    const ofLoss = compute({ maskLossPoints: { data: [0, 0, 1, 1, 0, 0, 0.5, -2], shape: [2, 2, 2] } })
    // pairs lie in any image
    expect(ofLoss).not.toHaveProperty('image')
    expect(ofLoss).toMatchObject({
      code: 'RANGE',
      message: expect.stringMatching(/^outputs\.maskLossPoints: .*-2 at .*pair 1, point 1, coordinate 1; it must be/),
    })
    const edges = { maskCostPoints: { data: [0, 1, 1, 0], shape: [2, 2] } }
    expect(sampled.compute({ logits, masks: floats(1, Q, H, W), ...edges }, [target]).loss).toBeGreaterThan(0)
  })
})

describe('pixels of targets', () => {
  const own = 'targets[0].masks:'
  const one = { labels: [0] }
  test.each<[string, object, string]>([
    ['0 and 255', { ...target, masks: pixels(255, 2, H, W) }, `${own} target 0 has 255 at row 0, column 0; it must be 0 or 1 (divide by 255)`],
    ['ids in one map', { ...target, masks: pixels(7, 2, H, W) }, `${own} target 0 has 7 at row 0, column 0; it must be 0 or 1 (ids in one map? each object has a mask of its own: where the map is its id)`],
    ['probabilities', { ...one, masks: { data: [0.25, 0], shape: [1, 1, 2] } }, `${own} must hold 0 and 1, got 0.25 at index 0 (compare with a threshold)`],
    ['logits', { ...one, masks: { data: [-2.5, 3.5], shape: [1, 1, 2] } }, `${own} must hold 0 and 1, got -2.5 at index 0 (logits? compare with 0)`],
    ['a single map', { ...target, masks: pixels(1, H, W) }, `${own} must be of shape [n, h, w], got [4, 6]; a single mask has the shape [1, 4, 6], and of a map of ids each object has a mask of its own`],
    ['targets in the last axis', { ...target, masks: pixels(1, H, W, 2) }, `${own} expected 2 masks, one for each label, got 4; are they [h, w, n]? transpose them to [n, h, w]`],
    ['an axis of channels', { ...target, masks: pixels(1, 2, 1, H, W) }, `${own} must be of shape [n, h, w], got [2, 1, 4, 6]; leave out the axis of 1: [2, 4, 6]`],
    ['channels in the last axis', { ...target, masks: pixels(1, 2, H, W, 1) }, `${own} must be of shape [n, h, w], got [2, 4, 6, 1]; leave out the axis of 1: [2, 4, 6]`],
    ['an axis of images', { ...target, masks: pixels(1, 1, 2, H, W) }, `${own} must be of shape [n, h, w], got [1, 2, 4, 6]; leave out the axis of 1: [2, 4, 6]`],
    ['a canvas’ bytes', { ...target, masks: { data: new Uint8ClampedArray(8 * H * W), shape: [2, H, W] } }, `${own} expected 48 values for [2, 4, 6], got 192 (RGBA? take one number of each pixel)`],
    ['a canvas’ picture', { ...one, masks: { data: new Uint8ClampedArray(4 * H * W), width: W, height: H } }, `${own} needs a shape, an array of sizes, got undefined; it is an object with the keys data, width, height (the picture of a canvas? take one number of each of its RGBA pixels)`],
    ['no shape', { ...one, masks: new Uint8Array(H * W) }, 'got Uint8Array (pixels? say their shape)'],
    ['a list of arrays', { ...target, masks: [new Uint8Array(H * W), new Uint8Array(H * W)] }, `${own.slice(0, -1)}[0]: must be { counts, size } or { polygons, size }, got Uint8Array (pixels? those of all targets go in one { data, shape: [n, h, w] })`],
    ['a list of planes', { ...target, masks: [pixels(1, H, W), pixels(1, H, W)] }, 'with the keys data, shape (pixels? those of all targets go in one { data, shape: [n, h, w] })'],
    ['no masks', { labels: [0] }, `${own} data must be masks, as { data, shape: [n, h, w] } or in another form, got undefined; what was given is an object with the key labels; needed, since`],
    ['null for masks', { ...target, masks: null }, 'got null (no mask is known? give empty ones, and 0 in hasMask)'],
    ['one that is not known', { ...target, masks: [{ counts: [24], size: [H, W] }, null] }, 'targets[0].masks[1]: must be { counts, size } or { polygons, size }, got null (a mask that is not known? give an empty one, and 0 in hasMask)'],
    ['bits of each mask', { ...target, labels: [0, 1, 0], masks: { bits: new Uint8Array(6), shape: [3, 3, 3] } }, 'targets[0].masks.bits: expected 4 bytes, eight pixels of [3, 3, 3] in each, got 6 (each mask or row packed by itself? pack all pixels as one string of bits)'],
    ['bytes for bits', { ...target, masks: { bits: new Uint8Array(2 * H * W), shape: [2, H, W] } }, 'got 48 (a byte for each pixel? these are data)'],
    ['void pixels with an axis more', { ...target, void: pixels(0, 1, H, W) }, 'targets[0].void: must be of shape [h, w], got [1, 4, 6]; leave out the axis of 1: [4, 6]'],
    ['void pixels on their side', { ...target, void: pixels(0, W, H) }, 'targets[0].void: must be 4 × 6 pixels, as targets[0].masks is, got 6 × 4; height comes first'],
    ['one flag', { ...target, hasMask: true }, 'targets[0].hasMask: data must be an array of flags, got true'],
    ['too few flags', { ...target, hasMask: [1] }, 'targets[0].hasMask: expected 2 flags, one for each label, got 1'],
    ['COCO’s key', { ...one, segmentation: [] }, 'targets[0].segmentation: there is no such key; did you mean masks?'],
    ['another key', { ...one, mask: pixels(1, 1, H, W) }, 'targets[0].mask: there is no such key; did you mean masks?'],
  ])('%s', (_, given, message) => {
    expect(refusal({}, given).message).toContain(message)
  }) // prettier-ignore
})

describe('padding', () => {
  const outputs = { logits, masks: floats(1, Q, H, W) }
  const [own, rest] = [Array<number>(H * W).fill(1), Array<number>(H * W).fill(7)]
  const forms: [string, object][] = [
    ['bytes', { data: Uint8Array.from([...own, ...rest]), shape: [2, H, W] }],
    ['other numbers', { data: Float32Array.from([...own, ...rest]), shape: [2, H, W] }],
    ['lists', { data: [...own, ...rest], shape: [2, H, W] }],
    ['run lengths', [{ counts: [0, H * W], size: [H, W] }, 'nothing']],
  ]
  test.each(forms)('%s after the valid targets may be anything', (_, masks) => {
    const padded = untyped({ labels: [0, 9], masks, valid: 1 })
    const plain = { labels: [0], masks: { data: Uint8Array.from(own), shape: [1, H, W] } }
    expect(criterion.compute(outputs, [padded])).toStrictEqual(criterion.compute(outputs, [plain]))
    expect(inspectBatch(outputs, [padded], criterion)).toStrictEqual(inspectBatch(outputs, [plain], criterion))
    expect(padTargets([padded]).masks).toStrictEqual(padTargets([plain]).masks)
  })

  test('a wrong pixel before is refused in every way, and one of void is no target’s', () => {
    const wrong = untyped({ labels: [0, 0], masks: { data: Uint8Array.from([...rest, ...own]), shape: [2, H, W] }, valid: 1 })
    expect(errorOf(() => criterion.compute(outputs, [wrong]))).toMatchObject({ code: 'RANGE', image: 0, target: 0 })
    expect(errorOf(() => padTargets([wrong]))).toMatchObject({ code: 'RANGE', image: 0, target: 0 })
    for (const data of [new Uint8Array(H * W).fill(2), rest]) {
      const { image, target: blamed } = refusal({}, { ...target, void: { data, shape: [H, W] } })
      expect([image, blamed]).toStrictEqual([0, undefined])
    }
  }) // prettier-ignore
})

describe('run lengths and polygons', () => {
  const size = [H, W]
  test.each<[string, unknown, string]>([
    ['another size', [{ counts: [24], size }, { counts: [24], size: [W, H] }], 'masks[1].size: expected [4, 6], the size of mask 0, got [6, 4]; height comes first'],
    ['another sum', [{ counts: [4, 2], size }], 'masks[0].counts: must add up to 24, the pixels of [4, 6], got 6 from 2 runs'],
    ['the code as bytes', [{ counts: new TextEncoder().encode('04d0'), size }], '(the code as bytes? make it a string)'],
    ['bytes as Python shows them', [{ counts: "b'04d0'", size }], `masks[0].counts: must be run lengths, or pycocotools' code of them, got "b'04d0'" (how Python shows bytes? decode them: counts.decode())`],
    ['the code alone', ['04d0'], 'masks[0]: must be { counts, size } or { polygons, size }, got "04d0" (the code of run lengths? { counts, size } has it as counts)'],
    ['one without a list', { counts: [24], size }, 'with the keys counts, size (a single mask? put it in an array)'],
    ['no size', [{ counts: [24] }], 'masks[0].size: must be [height, width] or { height, width }, got undefined'],
    ['bare polygons', [[[0, 0, 2, 0, 2, 2]]], 'masks[0]: bare polygons need a size: { polygons, size: [h, w] } (or rows of pixels? { data, shape: [n, h, w] })'],
    ['a polygon without a list', [{ polygons: [0, 0, 2, 0, 2, 2], size }], 'masks[0].polygons: must be an array of polygons, got the numbers of one: put it in an array'],
    ['points as pairs', [{ polygons: [[[0, 0], [2, 0], [2, 2]]], size }], 'masks[0].polygons[0]: must be [x0, y0, x1, y1, …], at least three points, got an array of 2 at index 0 (a point? give x and y one after the other)'],
    ['points as objects', [{ polygons: [[{ x: 0, y: 0 }, { x: 2, y: 0 }, { x: 2, y: 2 }]], size }], 'got an object with the keys x, y at index 0 (a point? give x and y one after the other)'],
    ['a box', [{ polygons: [[0, 0, 2, 2]], size }], 'got 2 (a box? give its corners)'],
  ])('%s', (_, masks, message) => {
    expect(errorOf(() => decodeMasks(untyped(masks))).message).toContain(message)
  }) // prettier-ignore

  test('pixels to be encoded', () => {
    expect(errorOf(() => encodeMask(new Uint8Array(24), [4, 5])).message).toBe('pixels: expected 20 values for [4, 5], got 24')
    expect(errorOf(() => encodeMask(new Uint8Array(24).fill(255), [4, 6])).message).toContain('(divide by 255)')
    expect(errorOf(() => encodeMask(new Uint8Array(96), [4, 6])).message).toContain('(RGBA? take one number of each pixel)')
  }) // prettier-ignore
})

/** What an inspection finds of masks. */
import { describe, expect, test } from 'vitest'
import { HungarianLoss, inspectBatch } from '../../../src/index.ts'
import type {
  Finding,
  InspectOptions,
  Outputs,
  OutputsWithoutBoxes,
  Target,
  TargetWithoutBoxes,
} from '../../../src/index.ts'
import { errorOf, randomLayer, randomNumbers, untyped } from '../../support/helpers.ts'

const [H, W] = [12, 16]
const [MH, MW] = [24, 32]
const CLASSES = 4
const criterion = HungarianLoss.detrMasks({ numClasses: CLASSES })

/** Left, top, width and height of masks in pixels. */
type Place = readonly [number, number, number, number]
const PLACES: ReadonlyArray<readonly Place[]> = [
  [[2, 3, 10, 5], [14, 8, 6, 14]],
  [[0, 0, 8, 20], [20, 2, 11, 9]],
] // prettier-ignore

function drawn(places: readonly Place[], [height, width] = [MH, MW] as const) {
  const data = new Uint8Array(places.length * height * width)
  for (const [i, [left, top, w, h]] of places.entries()) {
    for (let y = top; y < top + h; y++)
      data.fill(1, (i * height + y) * width + left, (i * height + y) * width + left + w)
  }
  return { data, shape: [places.length, height, width] }
}

const boxesOf = (places: readonly Place[], [height, width] = [MH, MW] as const) =>
  places.map(([left, top, w, h]) => [(left + w / 2) / width, (top + h / 2) / height, w / width, h / height])

/** A target with boxes and masks. */
type Given = { labels: number[]; masks: ReturnType<typeof drawn>; boxes: number[][] }

const targetsOf = (): Given[] =>
  PLACES.map((places, image) => ({
    labels: [2 * image, 2 * image + 1],
    boxes: boxesOf(places),
    masks: drawn(places),
  }))

function masksOf(valueOf: (random: number) => number = (x) => 4 * x - 2, [height, width] = [H, W] as const) {
  const random = randomNumbers(3)
  const data = Float32Array.from({ length: 12 * height * width }, () => valueOf(random()))
  return { data, shape: [2, 6, height, width] }
}

const outputs = () => ({ ...randomLayer(1), masks: masksOf() })

function found(
  given: Outputs | OutputsWithoutBoxes,
  targets: ReadonlyArray<Target | TargetWithoutBoxes>,
  of: HungarianLoss = criterion,
  call?: InspectOptions,
): Partial<Record<Finding['code'], Finding>> {
  return Object.fromEntries(inspectBatch(given, targets, of, call).map((finding) => [finding.code, finding]))
}

test('finds nothing in masks that are as they should be', () => {
  expect(found(outputs(), targetsOf())).toEqual({})
  const { logits, masks } = outputs()
  const alone = HungarianLoss.maskFormer({ numClasses: CLASSES })
  const targets = targetsOf().map(({ labels, masks }) => ({ labels, masks }))
  expect(found({ logits, masks }, targets, alone)).toEqual({})
})

describe('finds of predicted masks', () => {
  test('probabilities in place of logits, and one number throughout', () => {
    expect(found({ ...outputs(), masks: masksOf((x) => x) }, targetsOf())).toMatchObject({
      'mask-probabilities': { severity: 'warning', argument: 'outputs.masks', count: 1, total: 1 },
    })
    expect(found({ ...outputs(), masks: masksOf(() => 0) }, targetsOf())).toMatchObject({
      'constant-masks': { severity: 'warning', example: 0 },
    })
  })

  test('NaN, and where it is, also of the bias, which is of no query', () => {
    const { masks, ...others } = outputs()
    masks.data[H * W * 7 + 5] = NaN
    expect(found({ ...others, masks }, targetsOf())['non-finite']).toMatchObject({
      argument: 'outputs.masks',
      place: { image: 1, query: 1 },
      count: 1,
    })
    const factors = {
      maskFeatures: { data: Float32Array.from({ length: 4 * H * W }, (_, i) => Math.sin(i)), shape: [2, 2, H, W] },
      maskQueries: { data: Float32Array.from({ length: 24 }, (_, i) => Math.cos(i)), shape: [2, 6, 2] },
      maskBias: { data: Float32Array.of(Infinity), shape: [1] },
    }
    expect(found({ ...others, ...factors }, targetsOf())['non-finite']).toMatchObject({
      argument: 'outputs.maskBias',
      place: {},
      count: 1,
    })
    factors.maskBias.data[0] = 0.5
    expect(found({ ...others, ...factors }, targetsOf())).toEqual({})
    factors.maskFeatures.data[2 * H * W + 9] = NaN
    expect(found({ ...others, ...factors }, targetsOf())['non-finite']).toMatchObject({
      argument: 'outputs.maskFeatures',
      place: { image: 1 },
    })
  })

  test('height and width exchanged', () => {
    expect(found({ ...outputs(), masks: masksOf(undefined, [W, H]) }, targetsOf())).toMatchObject({
      'transposed-masks': { severity: 'warning', argument: 'outputs.masks', example: [W, H] },
    })
    const square = masksOf(undefined, [8, 8])
    expect(Object.keys(found({ ...outputs(), masks: square }, targetsOf()))).toEqual(['canvas-proportions'])
  })

  test('a canvas that the call gives is what predictions are laid over', async () => {
    // 24 × 32 pixels in an input of 48 × 32, of which a quarter is predicted
    const given = { ...outputs(), masks: masksOf(undefined, [12, 8]) }
    expect(Object.keys(found(given, targetsOf()))).toEqual(['transposed-masks'])
    expect(found(given, targetsOf(), criterion, { maskCanvas: [48, 32] })).toEqual({})
    expect(found(given, targetsOf(), criterion, { maskCanvas: { height: 8, width: 8 } })).toMatchObject({
      refused: { severity: 'error', argument: 'call.maskCanvas' },
    })
    expect(errorOf(() => inspectBatch(given, targetsOf(), criterion, untyped({ maskSeed: 1 })))).toMatchObject({
      code: 'OPTION',
      argument: 'call.maskSeed',
    })
    const warnings: unknown[] = []
    const note = ({ message }: Error) => warnings.push(message)
    process.on('warning', note)
    const careful = () => HungarianLoss.detrMasks({ numClasses: CLASSES, check: 'warn' })
    careful().compute(given, targetsOf(), { maskCanvas: [48, 32] })
    await new Promise(setImmediate)
    expect(warnings).toEqual([])
    careful().compute(given, targetsOf())
    await new Promise(setImmediate)
    process.off('warning', note)
    expect(warnings).toEqual([expect.stringContaining('with height and width exchanged')])
  })

  test('a call that cannot be read is refused as by every method', () => {
    const thrower = {
      get maskCanvas() {
        throw new Error('mine')
      },
    }
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    for (const call of [thrower, { maskCanvas: proxy }, proxy]) {
      const error = { code: 'DTYPE', argument: 'call' }
      expect(errorOf(() => inspectBatch(outputs(), targetsOf(), criterion, untyped(call)))).toMatchObject(error)
      expect(errorOf(() => criterion.match(outputs(), targetsOf(), untyped(call)))).toMatchObject(error)
    }
  })

  const factors = (features: (i: number) => number, queries: (i: number) => number) => ({
    maskFeatures: { data: Float32Array.from({ length: 4 * H * W }, (_, i) => features(i)), shape: [2, 2, H, W] },
    maskQueries: { data: Float32Array.from({ length: 24 }, (_, i) => queries(i)), shape: [2, 6, 2] },
    maskBias: { data: Float32Array.of(0.5), shape: [1] },
  })

  test('factors that are one number throughout', () => {
    const given = (...of: Parameters<typeof factors>) => found({ ...randomLayer(1), ...factors(...of) }, targetsOf())
    expect(given(Math.sin, Math.cos)).toEqual({})
    expect(given(() => 0, Math.cos)).toEqual({
      'constant-masks': expect.objectContaining({
        severity: 'warning',
        argument: 'outputs.maskFeatures',
        place: { image: 0 },
        count: 1,
        total: 2,
        example: 0,
      }),
    })
    expect(given(Math.sin, () => 0.25)['constant-masks']).toMatchObject({
      argument: 'outputs.maskQueries',
      place: { image: 0, query: 0 },
      example: 0.25,
    })
    expect(given((i) => (i < H * W ? 0 : Math.sin(i)), Math.cos)).toEqual({})
  })
})

describe('finds of predicted masks on one side of 0', () => {
  /** Numbers around 0, about normally distributed. */
  const normal = (() => {
    const random = randomNumbers(7)
    return () => Array.from({ length: 12 }, () => random()).reduce((sum, x) => sum + x, -6)
  })()
  const logarithm = (x: number) => -Math.log1p(Math.exp(-x))
  const given = (valueOf: () => number, targets = targetsOf()) =>
    found({ ...outputs(), masks: masksOf(valueOf) }, targets)['one-sided-masks']

  test.each<[string, () => number, RegExp]>([
    ['behind a ReLU', () => Math.max(2 * normal(), 0), /0 or above.*activation/],
    ['logarithms of the sigmoid', () => logarithm(normal()), /0 or below.*activation/],
    ['logarithms of the sigmoid that are certain', () => logarithm(20 * normal()), /0 or below/],
    ['masks × 255', () => Math.round(255 / (1 + Math.exp(-normal()))), /masks × 255/],
  ])('%s', (_, valueOf, message) => {
    const finding = given(valueOf)
    expect(finding).toMatchObject({ severity: 'warning', argument: 'outputs.masks', count: 1, total: 1 })
    expect(finding?.message).toMatch(message)
  })

  test('logarithms of the softmax over the queries', () => {
    const masks = masksOf(() => 3 * normal())
    const size = H * W
    for (let at = 0; at < 12 * size; at += at % size === size - 1 ? 5 * size + 1 : 1) {
      const queries = [0, 1, 2, 3, 4, 5].map((query) => at + query * size)
      const sum = queries.reduce((all, i) => all + Math.exp(masks.data[i] as number), 0)
      for (const i of queries) masks.data[i] = (masks.data[i] as number) - Math.log(sum)
    }
    expect(found({ ...outputs(), masks }, targetsOf())['one-sided-masks']?.message).toContain('logarithms')
  })

  test.each<[string, () => number]>([
    ['logits of both signs', normal],
    ['whole numbers of both signs', () => Math.round(20 * normal())],
    ['logits of a head whose bias is low', () => normal() - 6.5],
    ['logits that vary little, all below 0 or all above', () => 0.01 * normal() - 0.3],
    ['logits above 0 without a 0', () => 2 + 0.1 * normal()],
    ['one number', () => 255],
    ['probabilities', () => Math.min(Math.max(normal(), 0), 1)],
  ])('nothing of %s', (_, valueOf) => {
    expect(given(valueOf)).toBeUndefined()
  })

  test('nothing where right logits have one sign: of no object, of nothing else, of few pixels', () => {
    const relu = () => Math.max(2 * normal(), 0)
    for (const value of [0, 1]) {
      const targets = targetsOf()
      for (const { masks } of targets) masks.data.fill(value)
      expect(given(relu, targets)).toBeUndefined()
    }
    const few = masksOf(relu, [1, 2])
    expect(found({ ...outputs(), masks: few }, targetsOf())['one-sided-masks']).toBeUndefined()
  })
})

describe('finds of layers without masks', () => {
  const auxiliary = [randomLayer(2), { ...randomLayer(3), masks: masksOf() }, randomLayer(4)]

  test('where the cost weighs masks', () => {
    const dino = HungarianLoss.maskDino({ numClasses: CLASSES + 1 })
    expect(found({ ...outputs(), auxiliary }, targetsOf(), dino)['layers-without-masks']).toMatchObject({
      severity: 'warning',
      argument: 'outputs.auxiliary[0].masks',
      count: 2,
      total: 3,
      message: expect.stringContaining('cost.maskBce, cost.maskDice'),
    })
  })

  test('nothing where it does not, where the last layer has none, either, and where layers take over its matching', () => {
    expect(found({ ...outputs(), auxiliary }, targetsOf())).toEqual({})
    const sam = HungarianLoss.sam3({ numClasses: CLASSES + 1 })
    const presence = { data: Float32Array.of(0.5, -0.5), shape: [2, 1] }
    const ofSam = {
      ...outputs(),
      presence,
      auxiliary: auxiliary.map((layer) => Object.assign({}, layer, { presence })),
    }
    expect(found(ofSam, targetsOf(), sam)['layers-without-masks']).toBeUndefined()
    const dino = HungarianLoss.maskDino({ numClasses: CLASSES + 1 })
    const taken = auxiliary.map((layer) => Object.assign({}, layer, { matching: { from: 3 } }))
    expect(found({ ...outputs(), auxiliary: taken }, targetsOf(), dino)['layers-without-masks']).toBeUndefined()
    const full = [{ ...randomLayer(2), masks: masksOf() }]
    expect(found({ ...outputs(), auxiliary: full }, targetsOf(), dino)['layers-without-masks']).toBeUndefined()
  })
})

describe('finds of weights', () => {
  test('terms of masks without any mask', () => {
    const { masks: _, ...plain } = outputs()
    expect(inspectBatch(plain, targetsOf(), criterion)).toMatchObject([
      { code: 'refused', severity: 'error', argument: 'outputs.masks', message: expect.stringContaining('weight') },
    ])
    const auxiliary = [randomLayer(2)]
    expect(found({ ...outputs(), auxiliary }, targetsOf())).toEqual({})
  })

  test('masks without any term of masks', () => {
    const detr = HungarianLoss.detr({ numClasses: CLASSES })
    expect(found(outputs(), targetsOf(), detr)).toMatchObject({
      'untrained-field': { severity: 'warning', argument: 'outputs.masks' },
    })
    const { masks: _, ...plain } = outputs()
    const findings = found(plain, targetsOf(), detr)
    expect(Object.keys(findings)).toEqual(['unused-masks'])
    expect(findings['unused-masks']).toMatchObject({
      severity: 'note',
      count: 2,
      total: 2,
      argument: 'targets[0].masks',
    })
  })
})

describe('finds of target masks', () => {
  test('none of their pixels, or all', () => {
    const targets = targetsOf()
    targets[1]?.masks.data.fill(0, 0, MH * MW)
    expect(found(outputs(), targets)).toEqual({
      'empty-mask': expect.objectContaining({
        severity: 'warning',
        count: 1,
        total: 4,
        argument: 'targets[1].masks',
        place: { image: 1, target: 0 },
      }),
    })
    targets[1]?.masks.data.fill(1, 0, MH * MW)
    expect(found(outputs(), targets)['full-mask']).toMatchObject({ severity: 'note', count: 1 })
    for (const { masks } of targets) masks.data.fill(1)
    expect(found(outputs(), targets)['full-mask']).toMatchObject({ severity: 'warning', count: 4 })
  })

  test('those that are not known, and images of void alone', () => {
    const known = targetsOf().map((target) => Object.assign({}, target, { hasMask: [1, 0] }))
    expect(found(outputs(), known)).toMatchObject({ 'no-known-mask': { severity: 'note', count: 2, total: 4 } })
    const unknown = targetsOf().map((target) => Object.assign({}, target, { hasMask: [false, false] }))
    expect(found(outputs(), unknown)).toMatchObject({ 'no-known-mask': { severity: 'warning', count: 4 } })
    const hidden = targetsOf().map((target, image) => {
      return Object.assign({}, target, { void: { data: new Uint8Array(MH * MW).fill(image), shape: [MH, MW] } })
    })
    expect(found(outputs(), hidden)).toMatchObject({
      'void-image': { severity: 'warning', count: 1, total: 2, argument: 'targets[1].void' },
      'empty-mask': { count: 2, total: 4, argument: 'targets[1].masks' },
    })
  })

  test('sizes that are not those of the canvas', () => {
    const [first, second] = targetsOf() as unknown as [Given, Given]
    const places = [[2, 3, 10, 5], [4, 4, 6, 8]] as const // prettier-ignore
    const small = { ...second, masks: drawn(places, [16, 20]), boxes: boxesOf(places, [16, 20]) }
    expect(found(outputs(), [first, small])).toEqual({
      'mask-sizes': expect.objectContaining({
        severity: 'note',
        count: 1,
        total: 2,
        argument: 'targets[1].masks',
        example: [16, 20],
      }),
    })
  })

  /** Targets of two images, each with masks of a size of its own. */
  const ofSizes = (...sizes: readonly [number, number][]) => {
    const places = [[1, 2, 9, 5], [3, 8, 6, 4]] as const // prettier-ignore
    return sizes.map((size, image) => ({
      labels: [2 * image, 2 * image + 1],
      boxes: boxesOf(places, size),
      masks: drawn(places, size),
    }))
  }
  const beside = (plane: readonly [number, number], ...sizes: readonly [number, number][]) =>
    found({ ...outputs(), masks: masksOf(undefined, [...plane]) }, ofSizes(...sizes))

  test('height and width of one image exchanged', () => {
    const findings = beside([24, 16], [96, 64], [64, 96])
    expect(findings).toMatchObject({
      'transposed-masks': { severity: 'warning', argument: 'targets[1].masks', example: [64, 96], count: 1, total: 2 },
    })
    expect(findings['transposed-masks']?.message).toContain(
      'masks of image 0 are 96 × 64, those of image 1 are 64 × 96: are height and width exchanged?',
    )
    expect(findings['canvas-proportions']).toBeUndefined()
    expect(beside([16, 24], [96, 64], [64, 96])['transposed-masks']?.argument).toBe('targets[0].masks')
  })

  test('nothing of upright and broad pictures on one canvas, nor of those that are nearly square', () => {
    expect(Object.keys(beside([24, 24], [96, 64], [64, 96]))).toEqual(['mask-sizes'])
    expect(Object.keys(beside([8, 8], [33, 31], [31, 33]))).toEqual(['mask-sizes'])
    expect(Object.keys(beside([24, 16], [96, 64], [64, 90]))).toEqual(['mask-sizes', 'canvas-proportions'])
  })

  test('the size of the predictions beside larger ones', () => {
    expect(beside([16, 16], [64, 64], [16, 16])).toMatchObject({
      'prediction-sized-masks': { severity: 'warning', argument: 'targets[1].masks', example: [16, 16], total: 2 },
    })
    // small crops of other sizes, and predictions as large as the canvas
    expect(Object.keys(beside([16, 16], [64, 64], [16, 20]))).toEqual(['mask-sizes'])
    expect(Object.keys(beside([16, 16], [16, 16], [14, 16]))).toEqual(['mask-sizes'])
    expect(beside([16, 16], [16, 16], [16, 16])).toEqual({})
  })

  test('a canvas of other proportions than the predictions', () => {
    expect(beside([32, 40], [107, 160], [107, 160])).toMatchObject({
      'canvas-proportions': { severity: 'note', argument: 'outputs.masks', example: [32, 40], count: 1, total: 1 },
    })
    expect(beside([25, 25], [100, 75], [100, 75])['canvas-proportions']).toBeDefined()
  })

  test('nothing of predictions whose sides are rounded, up or down', () => {
    const random = randomNumbers(11)
    for (let round = 0; round < 100; round++) {
      const size: [number, number] = [20 + Math.floor(60 * random()), 20 + Math.floor(60 * random())]
      const stride = 2 + Math.floor(7 * random())
      for (const rounded of [Math.ceil, Math.floor, Math.round]) {
        const plane = [rounded(size[0] / stride), rounded(size[1] / stride)] as const
        expect(beside(plane, size, size)).toEqual({})
      }
    }
  })

  test('the same twice, and not those that differ in masks alone', () => {
    const alone = HungarianLoss.maskFormer({ numClasses: CLASSES })
    const { logits, masks } = outputs()
    const [first, second] = targetsOf() as unknown as [Given, Given]
    const same = { labels: [0, 0], masks: first.masks }
    const others = { labels: second.labels, masks: second.masks }
    expect(found({ logits, masks }, [same, others], alone)['duplicate-target']).toBeUndefined()
    const [place] = PLACES[0] as readonly [Place]
    const twice = { labels: [0, 0], masks: drawn([place, place]) }
    expect(found({ logits, masks }, [twice, others], alone)).toMatchObject({
      'duplicate-target': { count: 1, total: 4, place: { image: 0, target: 1 } },
    })
  })
})

describe('finds of target masks in memory', () => {
  /** The masks of an image, their memory in another order: where a pixel of mask i, row y and column x lies. */
  const written = (
    { data, shape }: ReturnType<typeof drawn>,
    at: (i: number, y: number, x: number, n: number, h: number, w: number) => number,
  ) => {
    const [n, h, w] = shape as [number, number, number]
    const other = new Uint8Array(data.length)
    data.forEach((pixel, from) => {
      const [i, y, x] = [Math.floor(from / (h * w)), Math.floor(from / w) % h, from % w]
      other[at(i, y, x, n, h, w)] = pixel
    })
    return { data: other, shape }
  }
  const scattered = (change: (masks: ReturnType<typeof drawn>, image: number) => ReturnType<typeof drawn>) => {
    const targets = targetsOf().map((target, image) =>
      Object.assign({}, target, { masks: change(target.masks, image) }),
    )
    return found(outputs(), targets)['scattered-mask']
  }

  test.each<[string, Parameters<typeof written>[1]]>([
    ['[h, w, n]', (i, y, x, n, _, w) => (y * w + x) * n + i],
    ['[n, w, h]', (i, y, x, _, h, w) => (i * w + x) * h + y],
    ['[w, h, n]', (i, y, x, n, h) => (x * h + y) * n + i],
  ])('of the order %s', (order, at) => {
    const finding = scattered((masks) => written(masks, at))
    expect(finding).toMatchObject({
      severity: 'warning',
      argument: 'targets[0].masks',
      place: { image: 0 },
      count: 2,
      total: 2,
      example: [2, MH, MW],
    })
    expect(finding?.message).toContain(`read as ${order}`)
    expect(scattered((masks, image) => (image === 0 ? written(masks, at) : masks))).toBeUndefined()
  })

  /** Both masks of an image, of the pixels that `is` says. */
  const painted = (is: (i: number, y: number, x: number) => boolean) => () => {
    const data = Uint8Array.from({ length: 2 * MH * MW }, (_, from) =>
      Number(is(Math.floor(from / (MH * MW)), Math.floor(from / MW) % MH, from % MW)),
    )
    return { data, shape: [2, MH, MW] }
  }
  const random = randomNumbers(13)
  const dots = Array.from({ length: 2 * MH * MW }, () => random() < 0.1)

  test.each<[string, (i: number, y: number, x: number) => boolean]>([
    ['wires a pixel wide', (i, y, x) => x === 7 + 9 * i || y === 5 + 9 * i],
    ['cracks', (i, y, x) => Math.abs(x - y - 3 * i) < 1 || x + y === 30],
    ['broken lines', (i, y, x) => y % 7 === 3 * i && x % 5 < 3],
    ['many small parts', (i, y, x) => y % 5 < 2 && x % 6 < 2 && (y * 7 + x + i) % 3 > 0],
    ['squares of a board', (i, y, x) => (Math.floor(y / 2) + Math.floor(x / 2) + i) % 2 === 0],
    ['dots', (i, y, x) => dots[(i * MH + y) * MW + x] as boolean],
  ])('nothing of %s', (_, is) => {
    expect(scattered(painted(is))).toBeUndefined()
  })

  test.each([1, 2])('nothing of level lines in broad pictures: %d pixels high', (thick) => {
    const [height, width] = [72, 128]
    const lines = () => {
      const data = new Uint8Array(2 * height * width)
      for (const first of [30, height + 50]) data.fill(1, first * width, (first + thick) * width)
      return { data, shape: [2, height, width] }
    }
    expect(scattered(lines)).toBeUndefined()
  })
})

describe('finds of masks beside boxes', () => {
  const withBoxes = (of: (places: readonly Place[]) => number[][]) =>
    targetsOf().map((target, image) => Object.assign({}, target, { boxes: of(PLACES[image] as readonly Place[]) }))
  const place = (targets: readonly Target[], of = criterion) => found(outputs(), targets, of)['mask-off-box']

  test.each<[string, (box: number[]) => number[], RegExp]>([
    ['x and y exchanged', ([x, y, w, h]) => [y, x, h, w] as number[], /x and y exchanged/],
    ['upside down', ([x, y, w, h]) => [x, 1 - (y as number), w, h] as number[], /[Uu]pside down/],
    ['elsewhere', () => [0.97, 0.97, 0.02, 0.02], /same image/],
  ])('%s', (_, change, message) => {
    const finding = place(withBoxes((places) => boxesOf(places).map(change)))
    expect(finding).toMatchObject({ severity: 'warning', total: 4, argument: expect.stringMatching(/\.boxes$/) })
    expect(finding?.message).toMatch(message)
  })

  test('boxes in another order', () => {
    const finding = place(withBoxes((places) => boxesOf(places).toReversed()))
    expect(finding).toMatchObject({ severity: 'warning', count: 4, total: 4 })
    expect(finding?.message).toContain('in one order')
  })

  test('boxes of another format that fits, too', () => {
    const corners = HungarianLoss.detrMasks({ numClasses: CLASSES, boxFormat: 'xyxy' })
    // centre and size, which might be corners as well
    const given = targetsOf().map(({ labels }) => {
      const boxes = [[0.375, 0.375, 0.5, 0.5], [0.3, 0.3, 0.5, 0.5]] // prettier-ignore
      return { labels, boxes, masks: drawn([[4, 3, 16, 12], [2, 1, 16, 12]]) } // prettier-ignore
    })
    const { logits, masks } = outputs()
    const boxes = {
      data: Float32Array.from({ length: 48 }, (_, i) => [0.1, 0.1, 0.6, 0.7][i % 4] as number),
      shape: [2, 6, 4],
    }
    const finding = found({ logits, masks, boxes }, given, corners)['mask-off-box']
    expect(finding?.message).toContain("as 'cxcywh' they agree")
  })

  test('nothing, where boxes are of the image without its padding, and where pixels are of a larger image', () => {
    const unpadded = withBoxes((places) =>
      boxesOf(places).map(([x = 0, y = 0, w = 0, h = 0]) => [x, y * 1.09, w, h * 1.09]),
    )
    expect(place(unpadded)).toBeUndefined()
    const inPixels = HungarianLoss.detrMasks({ numClasses: CLASSES, normalizedBoxes: false })
    const large = withBoxes((places) => places.map(([x, y, w, h]) => [4 * (x + w / 2), 4 * (y + h / 2), 4 * w, 4 * h]))
    expect(place(large, inPixels)).toBeUndefined()
    expect(
      place(
        withBoxes((places) => places.map(([x, y, w, h]) => [y + h / 2, x + w / 2, h, w])),
        inPixels,
      ),
    ).toMatchObject({
      severity: 'warning',
    })
  })

  test('one of many is a note', () => {
    const targets = targetsOf()
    targets[0]?.boxes.splice(0, 1, [0.9, 0.9, 0.1, 0.1])
    expect(place(targets)).toMatchObject({ severity: 'note', count: 1, total: 4, place: { image: 0, target: 0 } })
  })

  test('nothing of random masks and the boxes around them, at any size', () => {
    const random = randomNumbers(9)
    const up = (most: number) => Math.floor(most * random())
    for (let round = 0; round < 100; round++) {
      const places = PLACES.map((list) =>
        list.map((): Place => {
          const [w, h] = [1 + up(MW - 1), 1 + up(MH - 1)]
          return [up(MW - w), up(MH - h), w, h]
        }),
      )
      const targets = places.map((list, i) => ({
        labels: [2 * i, 2 * i + 1],
        boxes: boxesOf(list),
        masks: drawn(list),
      }))
      expect(place(targets)).toBeUndefined()
    }
  })
})

test('masks that are refused are an error', () => {
  const targets = targetsOf()
  targets[0]?.masks.data.fill(255, 0, 5)
  const findings = inspectBatch(outputs(), targets, criterion)
  expect(findings).toMatchObject([{ code: 'refused', severity: 'error', argument: 'targets[0].masks' }])
  expect(errorOf(() => criterion.compute(outputs(), untyped(targets))).code).toBe('RANGE')
})

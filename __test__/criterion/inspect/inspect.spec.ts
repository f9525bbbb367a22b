import { describe, expect, test } from 'vitest'
import { HungarianLoss, inspectBatch } from '../../../src/index.ts'
import type {
  Finding,
  HungarianLossOptions,
  Outputs,
  OutputsWithoutBoxes,
  Target,
  TargetWithoutBoxes,
} from '../../../src/index.ts'
import { errorOf, randomLayer, randomNumbers, randomTargets, untyped } from '../../support/helpers.ts'

const CLASSES = 4
const criterion = HungarianLoss.detr({ numClasses: CLASSES })
const sigmoid = HungarianLoss.deformableDetr({ numClasses: CLASSES + 1 })

/** Two images with every class but none twice, and their predictions. */
const batch = () => ({
  outputs: randomLayer(1),
  targets: [
    {
      labels: [0, 1],
      boxes: [
        [0.3, 0.3, 0.2, 0.2],
        [0.7, 0.7, 0.4, 0.2],
      ],
    },
    {
      labels: [2, 3],
      boxes: [
        [0.5, 0.6, 0.9, 0.3],
        [0.1, 0.2, 0.2, 0.4],
      ],
    },
  ],
})

/** What is found by the criterion of the softmax kind, unless another is given. */
function found(
  outputs: Outputs | OutputsWithoutBoxes,
  targets: ReadonlyArray<Target | TargetWithoutBoxes>,
  of = criterion,
): Partial<Record<Finding['code'], Finding>> {
  return Object.fromEntries(inspectBatch(outputs, targets, of).map((finding) => [finding.code, finding]))
}

/** Targets whose boxes are other four numbers. */
const withBoxes = (boxes: number[][]): Target[] => [
  { labels: [0, 1], boxes: boxes.slice(0, 2) },
  { labels: [2, 3], boxes: boxes.slice(2) },
]

describe('inspectBatch', () => {
  test('finds nothing in a batch that is as it should be, and changes nothing', () => {
    const { outputs, targets } = batch()
    const before = structuredClone({ outputs, targets })
    expect(inspectBatch(outputs, targets, criterion)).toEqual([])
    expect(
      inspectBatch({ ...outputs, auxiliary: [randomLayer(3)], encoder: randomLayer(4) }, targets, criterion),
    ).toEqual([])
    expect({ outputs, targets }).toEqual(before)
  })

  test('finds no fault in right boxes of any size and place', () => {
    const random = randomNumbers(5)
    for (let round = 0; round < 200; round++) {
      const boxes = Array.from({ length: 4 }, () => {
        const [w, h] = [0.01 + 0.99 * random() ** 2, 0.01 + 0.99 * random() ** 2]
        return [w / 2 + (1 - w) * random(), h / 2 + (1 - h) * random(), w, h]
      })
      expect(inspectBatch(batch().outputs, withBoxes(boxes), criterion)).toEqual([])
    }
  })

  test.each(['xyxy', 'xywh'] as const)('tells boxes given as %s from centre and size', (format) => {
    const boxes = batch().targets.flatMap(({ boxes }) => boxes) as [number, number, number, number][]
    const given = boxes.map(([x, y, w, h]) => [
      x - w / 2,
      y - h / 2,
      format === 'xyxy' ? x + w / 2 : w,
      format === 'xyxy' ? y + h / 2 : h,
    ])
    const finding = found(batch().outputs, withBoxes(given))['box-outside-image']
    expect(finding).toMatchObject({
      severity: 'warning',
      total: 4,
      argument: expect.stringMatching(/^targets\[[01]\]\.boxes$/),
    })
    expect(finding?.count).toBeGreaterThan(0)
    expect(finding?.message).toContain(
      format === 'xyxy' ? "As 'xyxy' all of them fit" : "As 'xywh' (COCO's) all of them fit",
    )
  })

  test('tells centre and size from corners', () => {
    const corners = HungarianLoss.detr({ numClasses: CLASSES, boxFormat: 'xyxy' })
    const outputs = batch().outputs
    for (let i = 0; i < outputs.boxes.data.length; i += 4) outputs.boxes.data.set([0.1, 0.1, 0.9, 0.9], i)
    const findings = found(outputs, batch().targets, corners)
    expect(findings['box-outside-image']).toMatchObject({ count: 3, total: 4, place: { image: 0, target: 0 } })
    expect(findings['box-outside-image']?.message).toContain("As 'cxcywh' all of them fit")
    expect(findings.refused).toBeDefined()
  })

  test('boxes that fit no format are to be checked or clipped', () => {
    const finding = found(
      batch().outputs,
      withBoxes([
        [0.9, 0.5, 0.4, 0.2],
        [0.3, 0.3, 0.2, 0.2],
        [0.1, 0.1, 0.1, 0.9],
        [0.5, 0.5, 0.1, 0.1],
      ]),
    )
    expect(finding['box-outside-image']).toMatchObject({
      count: 2,
      total: 4,
      example: [0.9, 0.5, 0.4, 0.2].map(Math.fround),
    })
    expect(finding['box-outside-image']?.message).toMatch(/clip/)
  })

  test('finds targets in pixels, which are refused', () => {
    const pixels = batch().targets.map(({ labels, boxes }) => ({
      labels,
      boxes: boxes.map((box) => box.map((x) => 640 * x)),
    }))
    const findings = inspectBatch(batch().outputs, pixels, criterion)
    expect(findings).toMatchObject([{ code: 'pixel-targets', severity: 'error', count: 4, total: 4 }])
    expect(errorOf(() => criterion.compute(batch().outputs, pixels)).code).toBe('RANGE')
  })

  test('finds predictions in pixels beside normalised targets, and the other way about', () => {
    const { outputs, targets } = batch()
    const pixels = { logits: outputs.logits, boxes: { ...outputs.boxes, data: outputs.boxes.data.map((x) => 640 * x) } }
    expect(found(pixels, targets)).toMatchObject({
      'pixel-predictions': {
        severity: 'warning',
        count: 12,
        total: 12,
        argument: 'outputs.boxes',
        place: { image: 0, query: 0 },
      },
    })
    const inPixels = HungarianLoss.detr({ numClasses: CLASSES, normalizedBoxes: false })
    const large = targets.map(({ labels, boxes }) => ({ labels, boxes: boxes.map((box) => box.map((x) => 640 * x)) }))
    expect(found(outputs, large, inPixels)).toMatchObject({
      'normalized-predictions': { severity: 'warning', count: 12 },
    })
    expect(found(pixels, large, inPixels)).toEqual({})
  })

  test('finds probabilities in place of logits, of either kind', () => {
    const { outputs, targets } = batch()
    const { data, shape } = outputs.logits
    const softmax = Float32Array.from(data)
    for (let row = 0; row < data.length; row += 5) {
      const powers = [...data.subarray(row, row + 5)].map(Math.exp)
      const sum = powers.reduce((a, b) => a + b)
      softmax.set(
        powers.map((power) => power / sum),
        row,
      )
    }
    expect(found({ ...outputs, logits: { data: softmax, shape } }, targets)).toMatchObject({
      probabilities: {
        severity: 'warning',
        count: 1,
        argument: 'outputs.logits',
        message: expect.stringContaining('softmax'),
      },
    })
    const probabilities = data.map((x) => 1 / (1 + Math.exp(-x)))
    expect(found({ ...outputs, logits: { data: probabilities, shape } }, targets, sigmoid)).toMatchObject({
      probabilities: { severity: 'warning', message: expect.stringContaining('sigmoid') },
    })
    const auxiliary = [{ ...randomLayer(7), logits: { data: softmax, shape } }]
    expect(found({ ...outputs, auxiliary }, targets)).toMatchObject({
      probabilities: { count: 1, total: 2, argument: 'outputs.auxiliary[0].logits' },
    })
  })

  test('finds logits of the axes [B, C, Q], by their shape or by their values', () => {
    const { outputs, targets } = batch()
    const shaped = { ...outputs, logits: { data: outputs.logits.data, shape: [2, 5, 6] } }
    expect(found(shaped, targets)).toMatchObject({
      'transposed-logits': { severity: 'error', example: [2, 5, 6], message: expect.stringContaining('[2, 6, 5]') },
    })
    const apart = outputs.logits.data.map((x, i) => (i % 5 === CLASSES ? x + 9 : x))
    const transposed = apart.map(
      (_, i) => apart[Math.floor(i / 30) * 30 + (i % 6) * 5 + (Math.floor(i / 6) % 5)] as number,
    )
    expect(found({ ...outputs, logits: { data: apart, shape: [2, 6, 5] } }, targets)).toEqual({})
    expect(found({ ...outputs, logits: { data: transposed, shape: [2, 6, 5] } }, targets)).toMatchObject({
      'transposed-logits': { severity: 'warning', argument: 'outputs.logits' },
    })
  })

  test('finds logits that are one number throughout', () => {
    const { outputs, targets } = batch()
    outputs.logits.data.fill(-4.6)
    expect(found(outputs, targets)).toMatchObject({
      'constant-logits': { severity: 'warning', example: Math.fround(-4.6) },
    })
  })

  test('counts values that are not finite, and names the first', () => {
    const { outputs, targets } = batch()
    outputs.logits.data[35] = NaN
    outputs.boxes.data[47] = Infinity
    const place = { argument: 'outputs.logits', place: { image: 1, query: 1 }, example: NaN }
    expect(found(outputs, targets)).toMatchObject({
      'non-finite': { severity: 'error', count: 2, total: 60 + 48, ...place },
    })
    const worst = HungarianLoss.detr({ numClasses: CLASSES, nonFinite: 'worst' })
    expect(found(outputs, targets, worst)).toMatchObject({ 'non-finite': { severity: 'warning', count: 2 } })
    const bad = withBoxes([
      [NaN, 0.5, 0.2, 0.2],
      [0.3, 0.3, 0.2, 0.2],
      [0.4, 0.4, 0.1, 0.2],
      [0.5, 0.5, 0.1, 0.1],
    ])
    expect(found(batch().outputs, bad)).toMatchObject({
      'non-finite': { severity: 'error', count: 1, total: 4, argument: 'targets[0].boxes' },
    })
  })

  test('finds a layer of a stack by its number', () => {
    const [{ logits, boxes }, { targets }] = [randomLayer(8, { images: 4 }), batch()]
    const stacked = { logits: { ...logits, shape: [2, 2, 6, 5] }, boxes: { ...boxes, shape: [2, 2, 6, 4] } }
    boxes.data[4 * (6 * 3 + 2)] = 100
    expect(found(stacked, targets)).toMatchObject({
      'pixel-predictions': { count: 1, place: { layer: 1, image: 1, query: 2 } },
    })
  })

  test('finds class ids that begin at 1, with and without one that is out of range', () => {
    const { outputs } = batch()
    const labelled = (...labels: number[][]): Target[] =>
      batch().targets.map(({ boxes }, i) => ({ labels: labels[i] as number[], boxes }))
    expect(found(outputs, labelled([1, 2], [3, 4]))).toMatchObject({
      'one-based-labels': { severity: 'warning', count: 4 },
      'label-out-of-range': {
        severity: 'error',
        count: 1,
        total: 4,
        argument: 'targets[1].labels',
        place: { image: 1, target: 1 },
        example: 4,
      },
    })
    expect(found(outputs, labelled([1, 2], [3, 3]))).toMatchObject({
      'one-based-labels': { severity: 'note', message: expect.stringContaining('all is well') },
    })
    expect(found(outputs, labelled([1, 2], [2, 2]))).toEqual({
      'unseen-class': expect.objectContaining({ count: 2, total: 4, example: 0 }),
    })
    const first = HungarianLoss.detr({ numClasses: CLASSES, classification: { noObjectIndex: 0 } })
    expect(found(outputs, labelled([1, 2], [3, 4]), first)).toEqual({})
  })

  test('looks at every label of targets that have several', () => {
    const { outputs, targets } = batch()
    const several = [
      { ...targets[0], labels: [[0, 1], [2]] },
      { ...targets[1], labels: [[3], [4, 7]] },
    ] as Target[]
    expect(found(outputs, several, sigmoid)).toMatchObject({
      'label-out-of-range': { count: 1, total: 6, example: 7, place: { image: 1, target: 1 } },
    })
  })

  test('finds targets that are there twice, and those without area', () => {
    const { outputs } = batch()
    const targets = [
      {
        labels: [0, 1, 0],
        boxes: [
          [0.5, 0.5, 0.2, 0.2],
          [0.5, 0.5, 0.2, 0.2],
          [0.5, 0.5, 0.2, 0.2],
        ],
      },
      {
        labels: [2, 3],
        boxes: [
          [0.1, 0.1, 0, 0.1],
          [0.2, 0.2, 0.1, 0.1],
        ],
      },
    ]
    expect(found(outputs, targets)).toMatchObject({
      'duplicate-target': { severity: 'warning', count: 1, total: 5, place: { image: 0, target: 2 } },
      'degenerate-box': {
        severity: 'warning',
        count: 1,
        total: 5,
        place: { image: 1, target: 0 },
        example: [0.1, 0.1, 0, 0.1].map(Math.fround),
      },
    })
  })

  describe('finds of spans', () => {
    const moments = (spanFormat: 'cxw' | 'xx', normalizedSpans = true) =>
      HungarianLoss.momentDetr({ numClasses: 1, spanFormat, normalizedSpans })
    const outputs = {
      logits: { data: Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)), shape: [2, 6, 2] },
      spans: { data: new Float32Array(24).fill(0.5), shape: [2, 6, 2] },
    }
    /** Moments of two videos, none at an end: start and end. */
    const ENDS = [
      [[0.125, 0.875], [0.25, 0.5]],
      [[0.5, 0.625], [0.0625, 0.9375]],
    ] as const // prettier-ignore
    const targetsOf = (spanOf: (start: number, end: number) => number[]) =>
      ENDS.map((spans) => ({ labels: [0, 0], spans: spans.map(([start, end]) => spanOf(start, end)) }))
    const widths = targetsOf((start, end) => [(start + end) / 2, end - start])
    const ends = targetsOf((start, end) => [start, end])
    const lengths = targetsOf((start, end) => [start, end - start])

    test('nothing, where they are as they should be, or in seconds', () => {
      expect(found(outputs, widths, moments('cxw'))).toEqual({})
      expect(found(outputs, ends, moments('xx'))).toEqual({})
      expect(found(outputs, ends, moments('cxw', false))).toEqual({})
    })

    test('start and end, or start and width, in place of centre and width', () => {
      const other = found(outputs, ends, moments('cxw'))['span-outside-range']
      expect(other).toMatchObject({ severity: 'warning', argument: 'targets[0].spans', total: 4 })
      expect(other).toMatchObject({ place: { image: 0, target: 0 }, example: [0.125, 0.875], count: 2 })
      expect(other?.message).toMatch(/As 'xx' all of them fit: .*\(start \+ end\) \/ 2.*or set spanFormat: 'xx'\.$/)
      const starts = found(outputs, lengths, moments('cxw'))['span-outside-range']
      expect(starts?.message).toMatch(/As 'xw' all of them fit: convert them to \[start \+ w \/ 2, w\]\.$/)
    })

    test.each([NaN, Infinity, -Infinity])('those that are not finite, and of them nothing else: %d', (value) => {
      const spans = [[0.125, 0.875], [0.5, value]] // prettier-ignore
      const targets = [{ labels: [0, 0], spans }, { labels: [], spans: [] }] // prettier-ignore
      for (const criterion of [moments('xx'), moments('xx', false)]) {
        const all = found(outputs, targets, criterion)
        const place = { argument: 'targets[0].spans', place: { image: 0, target: 1 }, example: [0.5, value] }
        expect(all['non-finite']).toMatchObject({ severity: 'error', count: 1, total: 2, ...place })
        expect(all['non-finite']?.message).toMatch(/^Target spans must be finite/)
        expect(all['span-outside-range']).toBe(undefined)
      }
    })

    test('those that fit no format, and those that are there twice', () => {
      const spans = [[0.125, 0.875], [0.875, 0.25], [0.125, 0.875]] // prettier-ignore
      const targets = [
        { labels: [0, 0, 0], spans },
        { labels: [], spans: [] },
      ]
      const all = found(outputs, targets, moments('cxw'))
      expect(all['span-outside-range']?.message).toMatch(/Check their format, or clip them\.$/)
      expect(all['duplicate-target']).toMatchObject({ count: 1, total: 3, place: { image: 0, target: 2 } })
      expect(all['duplicate-target']?.message).toMatch(/the same spans/)
    })
  })

  test('finds images with more targets than queries, groups and repetitions taken into account', () => {
    const { outputs } = batch()
    const targets = randomTargets(9, { targets: [4, 2] })
    expect(found(outputs, targets)['more-targets-than-queries']).toBeUndefined()
    expect(found({ ...outputs, groups: 2 }, targets)['more-targets-than-queries']).toMatchObject({
      count: 1,
      total: 2,
      place: { image: 0 },
      example: [4, 3],
    })
    const oneToMany = { ...randomLayer(10), repeat: 3 }
    expect(found({ ...outputs, oneToMany }, targets)['more-targets-than-queries']).toMatchObject({
      count: 1,
      total: 4,
      example: [4, 2],
    })
  })

  test('finds batches without a target, and does not count those that are ignored', () => {
    const { outputs, targets } = batch()
    const none = [
      { labels: [], boxes: [] },
      { labels: [], boxes: [] },
    ]
    expect(inspectBatch(outputs, none, criterion)).toMatchObject([
      { code: 'no-targets', severity: 'warning', count: 2, total: 2, example: 0 },
    ])
    const ignored = targets.map(({ labels, boxes }) => ({ labels, boxes, ignore: [true, true] }))
    expect(found(outputs, ignored)).toMatchObject({ 'no-targets': { example: 4 } })
  })

  test('tells predicted corners from centre and size, and leaves alone what chance may have made', () => {
    const { outputs, targets } = batch()
    expect(found(outputs, targets)).toEqual({})
    const { data } = outputs.boxes
    for (let i = 0; i < data.length; i += 4) data.set([0.4, 0.1, 0.9, 0.6], i)
    expect(found(outputs, targets)).toMatchObject({
      'box-outside-image': { severity: 'warning', argument: 'outputs.boxes', count: 12, total: 12 },
    })
    data.set([0.9, 0.1, 0.4, 0.6], 8)
    expect(found(outputs, targets)).toEqual({})
  })

  test('finds another format of boxes in pixels by the left and upper edge', () => {
    const inPixels = HungarianLoss.detr({ numClasses: CLASSES, normalizedBoxes: false })
    const { outputs, targets } = batch()
    const predicted = { ...outputs, boxes: { ...outputs.boxes, data: outputs.boxes.data.map((x) => 640 * x) } }
    const scaled = targets.map(({ labels, boxes }) => ({ labels, boxes: boxes.map((box) => box.map((x) => 640 * x)) }))
    expect(found(predicted, scaled, inPixels)).toEqual({})
    const corner = withBoxes([
      [10, 20, 300, 200],
      [5, 5, 50, 60],
      [100, 90, 400, 300],
      [0, 0, 640, 480],
    ])
    const finding = found(predicted, corner, inPixels)['box-outside-image']
    expect(finding).toMatchObject({ count: 4, total: 4 })
    expect(finding?.message).toMatch(/As 'xyxy' all of them fit.*As 'xywh' \(COCO's\) all of them fit/)
  })

  test('passes on what cannot be read as compute does', () => {
    const { outputs, targets } = batch()
    const trap = () => {
      throw new Error('not now')
    }
    const trapped = Object.defineProperty({ ...outputs }, 'logits', { get: trap, enumerable: true })
    expect(inspectBatch(trapped, targets, criterion)).toMatchObject([{ code: 'refused', example: 'DTYPE' }])
    let reads = 0
    const once = () => (reads++ === 0 ? { data: [], shape: [2, 5, 6] } : trap())
    const changing = Object.defineProperty({ ...outputs }, 'logits', { get: once, enumerable: true })
    expect(inspectBatch(changing, targets, criterion)).toMatchObject([{ code: 'refused', example: 'SHAPE' }])
  })

  test('passes on what compute refuses, with its place', () => {
    const { outputs, targets } = batch()
    const short = [{ labels: [0, 1, 2], boxes: targets[0]?.boxes as number[][] }, targets[1] as Target]
    expect(inspectBatch(outputs, short, criterion)).toMatchObject([
      { code: 'refused', severity: 'error', argument: 'targets[0].boxes', place: { image: 0 }, example: 'SHAPE' },
    ])
    expect(inspectBatch(untyped(null), targets, criterion)).toMatchObject([{ code: 'refused', example: 'DTYPE' }])
  })

  test('reports errors first, and nothing that compute refuses goes without one', () => {
    const random = randomNumbers(11)
    for (let round = 0; round < 300; round++) {
      const outputs = randomLayer(round)
      const targets = randomTargets(round)
      const spoil = (data: { [at: number]: number }, size: number, value: number) =>
        (data[Math.floor(random() * size)] = value)
      if (random() < 0.3) spoil(outputs.boxes.data, 48, [NaN, -0.2, 7][round % 3] as number)
      if (random() < 0.3)
        spoil((targets[0] as { boxes: number[][] }).boxes[0] as number[], 4, [NaN, -0.2, 7][round % 3] as number)
      if (random() < 0.3) spoil((targets[1] as { labels: number[] }).labels, 3, [4, -1, 9][round % 3] as number)
      const severities = inspectBatch(outputs, targets, criterion).map(({ severity }) => severity)
      const order = ['error', 'warning', 'note']
      expect(severities).toEqual(severities.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)))
      let isRefused = false
      try {
        criterion.compute(outputs, targets)
      } catch {
        isRefused = true
      }
      expect(severities.includes('error')).toBe(isRefused)
    }
  })

  test('refuses what is no criterion', () => {
    const { outputs, targets } = batch()
    expect(errorOf(() => inspectBatch(outputs, targets, untyped({})))).toMatchObject({
      code: 'DTYPE',
      argument: 'criterion',
    })
  })
})

describe('check', () => {
  const wrong = {
    labels: [1, 1],
    boxes: [
      [0.1, 0.1, 0.2, 0.9],
      [0.1, 0.1, 0.2, 0.9],
    ],
  }

  /** The warnings of the package that a call makes the process give. */
  async function warningsOf(call: () => unknown): Promise<Error[]> {
    const warnings: Error[] = []
    let note: (warning: Error) => void = () => undefined
    const isOver = new Promise<void>((resolve) => {
      note = (warning) => {
        if (warning.name === 'HungarianLossWarning') warnings.push(warning)
        if (warning.name === 'TestWarning') resolve()
      }
    })
    process.on('warning', note)
    await call()
    process.emitWarning('the last one', 'TestWarning')
    await isOver
    process.off('warning', note)
    return warnings
  }

  /** A criterion whose methods all take a batch. */
  type Any = Record<'compute' | 'match' | 'cost' | 'computeAsync', (...batch: [Outputs, Target[]]) => unknown>
  const outputs = () => randomLayer(1, { images: 1 })
  const options = (check: HungarianLossOptions['check']) => ({ numClasses: CLASSES, check })

  test("'warn' tells once what is wrong with the first batch, mere notes left out", async () => {
    const loss = HungarianLoss.detr(options('warn'))
    const warnings = await warningsOf(() => {
      loss.compute(outputs(), [wrong])
      loss.compute(outputs(), [wrong])
    })
    expect(warnings).toHaveLength(1)
    expect(warnings[0]).toMatchObject({ code: 'HUNGARIAN_LOSS_BATCH' })
    expect(warnings[0]?.message).toMatch(/leave the image[\s\S]*same labels and the same box/)
    expect(warnings[0]?.message).not.toMatch(/No target of this batch/)
  })

  test("'warn' looks at the first batch of any call, and at no other", async () => {
    const right = { labels: [0, 1, 2, 3], boxes: [0.2, 0.4, 0.6, 0.8].map((x) => [x, x, 0.1, 0.1]) }
    for (const first of ['compute', 'match', 'cost', 'computeAsync'] as const) {
      const loss = HungarianLoss.detr(options('warn'))
      expect(await warningsOf(() => untyped<Any>(loss)[first](outputs(), [wrong]))).toHaveLength(1)
      expect(await warningsOf(() => loss.compute(outputs(), [wrong]))).toHaveLength(0)
      const late = HungarianLoss.detr(options('warn'))
      expect(await warningsOf(() => untyped<Any>(late)[first](outputs(), [right]))).toHaveLength(0)
      expect(await warningsOf(() => late.compute(outputs(), [wrong]))).toHaveLength(0)
    }
  })

  test("'warn' says what is wrong even where the call then throws", async () => {
    const pixels = { labels: [0], boxes: [[100, 100, 20, 20]] }
    const loss = HungarianLoss.detr(options('warn'))
    const warnings = await warningsOf(() => expect(() => loss.compute(outputs(), [pixels])).toThrow(/boxes/))
    expect(warnings[0]?.message).toMatch(/pixels/)
  })

  test("is 'off' unless said, and nothing else is allowed", async () => {
    expect(criterion.options.check).toBe('off')
    const loss = HungarianLoss.detr(options(undefined))
    expect(await warningsOf(() => loss.compute(outputs(), [wrong]))).toHaveLength(0)
    expect(errorOf(() => HungarianLoss.detr(options(untyped('on'))))).toMatchObject({
      code: 'OPTION',
      argument: 'options.check',
    })
  })
})

test('inspectBatch: the number of images is read once, however many a proxy says there are later', () => {
  let reads = 0
  const list = [{ labels: [0], boxes: [[0.5, 0.5, 0.2, 0.2]] }]
  const targets = new Proxy(list, {
    get: (array, key) => (key === 'length' && ++reads > 1 ? 2 ** 32 - 1 : Reflect.get(array, key)),
  })
  const outputs = {
    logits: { data: [1, -1, 2, 0], shape: [1, 2, 2] },
    boxes: { data: [0.5, 0.5, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1], shape: [1, 2, 4] },
  }
  const findings = inspectBatch(outputs, targets, HungarianLoss.detr({ numClasses: 1 }))
  expect(findings.filter(({ code }) => code !== 'refused')).toEqual([])
}, 5000)

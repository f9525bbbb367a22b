import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { beforeAll, describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import type {
  DetectionMetrics,
  EvaluationResult,
  EvaluatorOptions,
  EvaluatorState,
  ImageDetections,
  ImageGroundTruth,
} from '../../src/evaluate.ts'
import { convertBoxes } from '../../src/index.ts'
import { checkBuilt } from '../support/built.ts'
import { digestOfNumbers, makeSet } from '../support/evaluations.ts'
import type { EvaluationSet } from '../support/evaluations.ts'
import { errorOf, untyped } from '../support/helpers.ts'

interface Recorded {
  readonly numbers: readonly number[]
  readonly digests: readonly string[]
}

const RECORDED = JSON.parse(
  readFileSync(new URL('../fixtures/evaluation.json', import.meta.url), 'utf8'),
) as readonly Recorded[]

const NAMES: readonly (keyof DetectionMetrics)[] = [
  'ap',
  'ap50',
  'ap75',
  'apSmall',
  'apMedium',
  'apLarge',
  'ar1',
  'ar10',
  'ar100',
  'arSmall',
  'arMedium',
  'arLarge',
]

const digestsOf = ({ precision, scores, recall }: EvaluationResult): string[] =>
  [precision, scores, recall].map(({ data }) => digestOfNumbers(data))

describe('pycocotools: every number and every curve of random sets has the same bits', () => {
  test.each(RECORDED.map((recorded, seed) => ({ recorded, seed })))('set $seed', ({ recorded, seed }) => {
    const { options, detections, groundTruth } = makeSet(seed)
    const result = new DetectionEvaluator(options).add(detections, groundTruth).result()
    expect(digestsOf(result)).toEqual(recorded.digests)
    expect(NAMES.map((name) => result[name])).toEqual(recorded.numbers)
  })
})

/** Everything that a result says, bit by bit where it matters. */
const contentOf = (result: EvaluationResult) => {
  const { precision: _, scores: __, recall: ___, ...rest } = result
  return { ...rest, digests: digestsOf(result) }
}

const evaluatorOf = (set: EvaluationSet, options: Partial<EvaluatorOptions> = {}): DetectionEvaluator =>
  new DetectionEvaluator({ ...set.options, ...options })

const whole = (set: EvaluationSet): EvaluationResult => evaluatorOf(set).add(set.detections, set.groundTruth).result()

/** Some images of a set. */
const partOf = (set: EvaluationSet, images: readonly number[]): [ImageDetections[], ImageGroundTruth[]] => [
  images.map((image) => set.detections[image] as ImageDetections),
  images.map((image) => set.groundTruth[image] as ImageGroundTruth),
]

/** The same targets, of images that are counted. */
const withoutIds = (groundTruth: readonly ImageGroundTruth[]): ImageGroundTruth[] =>
  groundTruth.map((entry) => Object.assign({}, entry, { id: undefined }))

/** A set whose ids are in no order, where scores tie between images, so that their order makes a difference. */
const TIED = 58
/** Such sets, and sets of forty images. */
const SEEDS = [2, 48, 56, TIED, 9, 49, 119]

/** A set that is worth several threads. */
const large = (): EvaluationSet => {
  const sets = Array.from({ length: 40 }, (_, k) => makeSet(10 * k + 9)).concat(
    Array.from({ length: 30 }, (_, k) => makeSet(10 * k + 8)),
  )
  const detections = sets.flatMap((set) => set.detections)
  const groundTruth = sets.flatMap((set) => set.groundTruth).map((entry, id) => Object.assign(entry, { id }))
  return { options: { numClasses: 12, boxFormat: 'xywh' }, ids: [...groundTruth.keys()], detections, groundTruth }
}

describe('add', () => {
  test.each(SEEDS)('batches in any order and of any size give the same bits (set %i)', (seed) => {
    const set = makeSet(seed)
    const expected = contentOf(whole(set))
    const images = [...set.ids.keys()]
    for (const order of [images.toReversed(), images.toSorted((a, b) => ((a * 7 + 3) % 5) - ((b * 7 + 3) % 5))]) {
      for (const size of [1, 3]) {
        const evaluator = evaluatorOf(set)
        for (let i = 0; i < order.length; i += size) evaluator.add(...partOf(set, order.slice(i, i + size)))
        expect(evaluator.images).toBe(images.length)
        expect(contentOf(evaluator.result())).toEqual(expected)
      }
    }
  })

  test('images without ids count in the order in which they are added', () => {
    const set = makeSet(TIED)
    const order = [...set.ids.keys()].toSorted((a, b) => (set.ids[a] as number) - (set.ids[b] as number))
    const [detections, groundTruth] = partOf(set, order)
    const evaluator = evaluatorOf(set).add(detections, withoutIds(groundTruth))
    expect(contentOf(evaluator.result())).toEqual(contentOf(whole(set)))
  })

  test.each(SEEDS)('ids may be strings, which count after numbers and by their characters (set %i)', (seed) => {
    const set = makeSet(seed)
    const expected = contentOf(whole(set))
    const sorted = set.ids.toSorted((a, b) => a - b)
    const half = sorted.length >> 1
    const named = set.ids.map((id) => {
      const place = sorted.indexOf(id)
      return place < half ? id : `image ${String(place).padStart(3, '0')}`
    })
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth, { ids: named })
    expect(contentOf(evaluator.result())).toEqual(expected)
    expect(evaluator.state().ids).toEqual(named)
    const groundTruth = set.groundTruth.map((entry, image) => ({ ...entry, id: named[image] }))
    const state = JSON.parse(JSON.stringify(evaluatorOf(set).add(set.detections, groundTruth).state()))
    expect(contentOf(evaluatorOf(set).merge(state).result())).toEqual(expected)
    expect(errorOf(() => evaluator.merge(state))).toMatchObject({ code: 'RANGE' })
  })

  test('ids of the call stand in the place of those of the ground truth', () => {
    const set = makeSet(TIED)
    const numbered = set.groundTruth.map((entry, id) => ({ ...entry, id }))
    const evaluator = evaluatorOf(set).add(set.detections, numbered, { ids: set.ids })
    expect(contentOf(evaluator.result())).toEqual(contentOf(whole(set)))
  })

  test('strings are ids, too, and count after integers', () => {
    const set = makeSet(TIED)
    const expected = contentOf(whole(set))
    const [least] = set.ids.toSorted((a, b) => a - b)
    const ids = set.ids.map((id) => (id === least ? id : `image ${String(id).padStart(4, '0')}`))
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth, { ids })
    expect(contentOf(evaluator.result())).toEqual(expected)
    const reversed = set.ids.map((id) => `image ${9999 - id}`)
    expect(contentOf(evaluatorOf(set).add(set.detections, set.groundTruth, { ids: reversed }).result())).not.toEqual(
      expected,
    )
    expect(evaluator.state().ids).toEqual(ids)
    for (const state of [structuredClone(evaluator.state()), JSON.parse(JSON.stringify(evaluator.state()))]) {
      expect(contentOf(evaluatorOf(set).merge(state).result())).toEqual(expected)
    }
    expect(errorOf(() => evaluator.merge(evaluator.state()))).toMatchObject({ code: 'RANGE' })
  })

  test('a result is made of what there is, and more may be added afterwards', () => {
    const set = makeSet(9)
    const evaluator = evaluatorOf(set).add(...partOf(set, [0, 1, 2]))
    const before = contentOf(evaluator.result())
    expect(contentOf(evaluator.result())).toEqual(before)
    evaluator.add(...partOf(set, [...set.ids.keys()].slice(3)))
    expect(contentOf(evaluator.result())).toEqual(contentOf(whole(set)))
  })

  test('what is wrong in any image adds none', () => {
    const set = makeSet(9)
    const evaluator = evaluatorOf(set).add(...partOf(set, [0]))
    const [detections, groundTruth] = partOf(set, [1, 2, 3])
    const wrong = { ...detections[2], scores: Float64Array.from(detections[2]?.scores ?? [], () => NaN) }
    expect(wrong.scores.length).toBeGreaterThan(0)
    const error = errorOf(() => evaluator.add([...detections.slice(0, 2), wrong as ImageDetections], groundTruth))
    expect(error).toMatchObject({ code: 'NON_FINITE', argument: 'detections[2].scores', image: 2, detection: 0 })
    expect(evaluator.images).toBe(1)
    evaluator.add(detections, groundTruth).add(...partOf(set, [...set.ids.keys()].slice(4)))
    expect(contentOf(evaluator.result())).toEqual(contentOf(whole(set)))
  })

  const empty = { boxes: [], scores: [], labels: [] }
  const nothing = { boxes: [], labels: [] }

  test.each([
    ['an id that is there', [[empty], [{ ...nothing, id: 5 }]], 'RANGE', 'groundTruth[0].id'],
    ['no id where there are ids', [[empty], [nothing]], 'SHAPE', 'groundTruth[0].id'],
    ['an id twice', [[empty, empty], [nothing, nothing], { ids: [1, 1] }], 'RANGE', 'options.ids[1]'],
    ['a fraction', [[empty], [{ ...nothing, id: 0.5 }]], 'DTYPE', 'groundTruth[0].id'],
    ['an empty id', [[empty], [{ ...nothing, id: '' }]], 'DTYPE', 'groundTruth[0].id'],
    ['too few ids', [[empty], [nothing], { ids: [] }], 'SHAPE', 'options.ids'],
    ['a missing id', [[empty], [nothing], { ids: [undefined] }], 'DTYPE', 'options.ids[0]'],
    ['shared ids', [[empty], [nothing], { ids: new Int32Array(new SharedArrayBuffer(4)) }], 'DTYPE', 'options.ids'],
    ['ids that are none', [[empty], [nothing], { ids: 7 }], 'DTYPE', 'options.ids'],
    ['unknown settings', [[empty], [nothing], { id: [7] }], 'OPTION', 'options.id'],
    ['more detections', [[empty, empty], [nothing]], 'SHAPE', 'groundTruth'],
    ['no list', [empty, [nothing]], 'DTYPE', 'detections'],
    ['no list of targets', [[empty], undefined], 'DTYPE', 'groundTruth'],
  ])('refuses %s', (_, args, code, argument) => {
    const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' }).add([empty], [{ ...nothing, id: 5 }])
    expect(errorOf(() => evaluator.add(...untyped<[[], []]>(args)))).toMatchObject({ code, argument })
    expect(evaluator.images).toBe(1)
    evaluator.add([empty], [{ ...nothing, id: 1 }])
  })

  test.each([
    ['add', (evaluator: DetectionEvaluator) => evaluator.add([empty], [nothing])],
    ['merge', (evaluator: DetectionEvaluator) => evaluator.merge(evaluator)],
    ['state', (evaluator: DetectionEvaluator) => evaluator.state()],
    ['result', (evaluator: DetectionEvaluator) => evaluator.result()],
  ])('refuses that what it reads calls %s, which would see half of it', (_, call) => {
    const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
    const sly = {
      get boxes() {
        call(evaluator)
        return []
      },
      labels: [],
    }
    const error = errorOf(() => evaluator.add([empty, empty], [nothing, sly]))
    expect(error).toMatchObject({ code: 'DTYPE', argument: 'this' })
    expect(evaluator.images).toBe(0)
    evaluator.add([empty], [nothing])
    expect(evaluator.result().images).toBe(1)
  })

  test('refuses that what it reads calls resultAsync', async () => {
    const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
    const calls: Promise<unknown>[] = []
    const sly = {
      get boxes() {
        calls.push(evaluator.resultAsync().catch((error: unknown) => error))
        return []
      },
      labels: [],
    }
    evaluator.add([empty], [sly])
    expect(await Promise.all(calls)).toMatchObject([{ code: 'DTYPE', argument: 'this' }])
  })

  /** Sides below 0; of the box of one target, and of the area of another. */
  const odd = {
    detections: {
      boxes: [[10, 0, -10, 10], [10, 10, -10, -10], [0, 0, 10, 10], [50, 50, 10, 10], [30, 30, -10, 10]],
      scores: [0.9, 0.8, 0.7, 0.6, 0.5],
      labels: [0, 0, 0, 0, 0],
    },
    groundTruth: {
      boxes: [[0, 0, 10, 10], [30, 30, -10, 10], [50, 50, 10, 10]],
      labels: [0, 0, 0],
      areas: [100, 100, -1],
    },
  } // prettier-ignore

  test('sides and areas below 0 count as in pycocotools, where boxes say their format', () => {
    const said = <Entry>(entry: Entry) => ({ ...entry, boxFormat: 'xywh' as const })
    const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
    const result = evaluator.add([said(odd.detections)], [said(odd.groundTruth)]).result()
    // what pycocotools 2.0.11 gives
    const expected = [1, 1, 1, 1, -1, -1].map((sign) => (sign < 0 ? -1 : 0.2524752475247525))
    expect(NAMES.map((name) => result[name])).toEqual([...expected, 0, 0.5, 0.5, 0.5, -1, -1])
    const at = ({ data }: { readonly data: Float64Array }, recall: number) => data[recall * 4]
    expect([0, 50, 51].map((recall) => at(result.precision, recall))).toEqual([0.5, 0.5, 0])
    expect([0, 50, 51].map((recall) => at(result.scores, recall))).toEqual([0.9, 0.7, 0])
    const merged = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' }).merge(evaluator.state()).result()
    expect(contentOf(merged)).toEqual(contentOf(result))
  })

  test('a side below 0 is refused where boxes do not say their format, which may be another', () => {
    const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
    const error = errorOf(() => evaluator.add([odd.detections], [{ boxes: [], labels: [] }]))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'detections[0].boxes', image: 0, detection: 0 })
    expect(error.message).toContain('is its boxFormat another?')
    const corners = {
      ...odd.detections,
      boxFormat: 'xyxy' as const,
      boxes: [[9e8, 0, -9e8, 1]],
      labels: [0],
      scores: [1],
    }
    expect(errorOf(() => evaluator.add([corners], [{ boxes: [], labels: [] }])).message).toContain('from -1e9 to 1e9')
    expect(evaluator.images).toBe(0)
  })
})

describe('merge and state', () => {
  test.each(SEEDS)('evaluators of shares, merged in any order, give the same bits (set %i)', (seed) => {
    const set = makeSet(seed)
    const expected = contentOf(whole(set))
    const images = [...set.ids.keys()]
    const shares = [0, 1, 2].map((share) => images.filter((image) => image % 3 === share))
    const evaluators = shares.map((share) => evaluatorOf(set).add(...partOf(set, share)))
    const [a, b, c] = evaluators as [DetectionEvaluator, DetectionEvaluator, DetectionEvaluator]
    const states = [() => c, () => a.state(), () => structuredClone(b.state())]
    const merged = states.reduce((sum, state) => sum.merge(state()), evaluatorOf(set))
    expect(contentOf(merged.result())).toEqual(expected)
    const fromJson = evaluators.map((evaluator) => JSON.parse(JSON.stringify(evaluator.state())))
    const again = fromJson.reduce((sum: DetectionEvaluator, state) => sum.merge(state), evaluatorOf(set))
    expect(contentOf(again.result())).toEqual(expected)
  })

  test('counted images are counted on', () => {
    const set = makeSet(9)
    const bare = withoutIds(set.groundTruth)
    const expected = evaluatorOf(set).add(set.detections, bare).result()
    const first = evaluatorOf(set).add(set.detections.slice(0, 17), bare.slice(0, 17))
    const second = evaluatorOf(set).add(set.detections.slice(17), bare.slice(17))
    expect(second.state().ids).toBeUndefined()
    expect(contentOf(first.merge(second.state()).result())).toEqual(contentOf(expected))
  })

  test('a state is a copy', () => {
    const set = makeSet(9)
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth)
    const expected = contentOf(evaluator.result())
    evaluator.state().detections.scores.fill(7)
    expect(contentOf(evaluator.result())).toEqual(expected)
  })

  test('refuses images that are there, and leaves everything as it was', () => {
    const set = makeSet(9)
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth)
    const error = errorOf(() => evaluator.merge(evaluator))
    expect(error).toMatchObject({ code: 'RANGE', argument: 'other.ids[0]', image: 0 })
    expect(evaluator.images).toBe(40)
    expect(contentOf(evaluator.result())).toEqual(contentOf(whole(set)))
  })

  test.each([
    ['labels', { detections: { labels: [0, 7] } }, 'RANGE', 'other.detections[1].labels', { detection: 0 }],
    ['scores', { detections: { scores: [0.5, NaN] } }, 'NON_FINITE', 'other.detections[1].scores', { detection: 0 }],
    ['flags', { groundTruth: { ignore: [0, 2] } }, 'DTYPE', 'other.groundTruth[1].ignore', { target: 0 }],
    [
      'boxes',
      { groundTruth: { boxes: [0, 0, 1, 1, 0, 0, 2e9, 1] } },
      'RANGE',
      'other.groundTruth[1].boxes',
      { target: 0 },
    ],
    ['ids', { ids: [3, 0.5] }, 'DTYPE', 'other.ids[1]', {}],
    ['ids twice', { ids: [3, 3] }, 'RANGE', 'other.ids[1]', {}],
    ['no ids where there are ids', { ids: undefined }, 'SHAPE', 'other.groundTruth[0].id', { image: 0 }],
  ])('of a state that was changed it says what is wrong: %s', (_, change, code, argument, place) => {
    const box = { boxes: [[0, 0, 10, 10]], labels: [0] }
    const found = { ...box, scores: [0.5] }
    const make = (ids: number[]) =>
      new DetectionEvaluator({ numClasses: 2, boxFormat: 'xywh' }).add([found, found], [box, box], { ids })
    const evaluator = make([1, 2])
    const state: any = make([3, 4]).state()
    for (const [key, value] of Object.entries(change)) {
      state[key] = key === 'ids' ? value : { ...state[key], ...value }
    }
    expect(errorOf(() => evaluator.merge(state))).toMatchObject({ code, argument, image: 1, ...place })
    expect(evaluator.images).toBe(2)
    expect(evaluator.merge(make([3, 4])).images).toBe(4)
  })

  test('refuses another number of classes', () => {
    const [one, two] = [1, 2].map((numClasses) => new DetectionEvaluator({ numClasses, boxFormat: 'xywh' }))
    expect(errorOf(() => one?.merge(two as DetectionEvaluator))).toMatchObject({
      code: 'OPTION',
      argument: 'other.numClasses',
    })
  })
})

describe('result', () => {
  test('threads and the event loop make no difference', async () => {
    const set = large()
    const results = [1, 2, 8].map((threads) =>
      evaluatorOf(set, { threads }).add(set.detections, set.groundTruth).result(),
    )
    const [first] = results as [EvaluationResult]
    expect(first.detections).toBeGreaterThan(10_000)
    expect(first.ap).toBeGreaterThan(0)
    for (const result of results) expect(contentOf(result)).toEqual(contentOf(first))
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth)
    const pending = [evaluator.resultAsync(), evaluator.resultAsync()]
    for (const result of await Promise.all(pending)) expect(contentOf(result)).toEqual(contentOf(first))
  })

  test('an asynchronous one is of the images that there were when it was called', async () => {
    const set = makeSet(9)
    const evaluator = evaluatorOf(set).add(...partOf(set, [0, 1, 2]))
    const expected = contentOf(evaluator.result())
    const pending = evaluator.resultAsync()
    evaluator.add(...partOf(set, [...set.ids.keys()].slice(3)))
    expect(contentOf(await pending)).toEqual(expected)
  })

  test('a signal stops it', async () => {
    const set = large()
    const evaluator = evaluatorOf(set).add(set.detections, set.groundTruth)
    await expect(evaluator.resultAsync({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
    const controller = new AbortController()
    const pending = evaluator.resultAsync({ signal: controller.signal })
    controller.abort('enough')
    await expect(pending).rejects.toBe('enough')
    await expect(evaluator.resultAsync(untyped({ signal: 7 }))).rejects.toMatchObject({ code: 'OPTION' })
    await expect(evaluator.resultAsync(untyped({ abort: 7 }))).rejects.toMatchObject({ code: 'OPTION' })
  })

  test('without images, detections or targets everything is -1 or 0', () => {
    const none = new DetectionEvaluator({ numClasses: 2, boxFormat: 'xywh' })
    expect(none.result()).toMatchObject({ ap: -1, ar100: -1, images: 0, targets: 0, detections: 0 })
    const box = { boxes: [[0, 0, 10, 10]], labels: [0] }
    const nothing = { boxes: [], labels: [] }
    const unwanted = new DetectionEvaluator({ numClasses: 2, boxFormat: 'xywh' })
      .add([{ ...box, scores: [0.5] }], [nothing])
      .result()
    expect(unwanted).toMatchObject({ ap: -1, ar100: -1, targets: 0, detections: 1 })
    const missed = new DetectionEvaluator({ numClasses: 2, boxFormat: 'xywh' })
      .add([{ ...nothing, scores: [] }], [box])
      .result()
    expect(missed).toMatchObject({ ap: 0, apSmall: 0, apLarge: -1, ar100: 0, targets: 1, detections: 0 })
    expect(missed.perClass.map(({ ap }) => ap)).toEqual([0, -1])
  })

  test('all formats of boxes are the same boxes', () => {
    const set = makeSet(48)
    const expected = contentOf(whole(set))
    for (const boxFormat of ['xyxy', 'cxcywh'] as const) {
      const turn = <Entry extends ImageDetections | ImageGroundTruth>(entry: Entry): Entry => ({
        ...entry,
        boxes: convertBoxes(entry.boxes as Float64Array | number[][], 'xywh', boxFormat),
      })
      const detections = set.detections.map(turn)
      const groundTruth = set.groundTruth.map(turn)
      const byOption = evaluatorOf(set, { boxFormat }).add(detections, groundTruth)
      expect(contentOf(byOption.result())).toEqual(expected)
      const own = <Entry>(entry: Entry) => ({ ...entry, boxFormat })
      expect(contentOf(evaluatorOf(set).add(detections.map(own), groundTruth.map(own)).result())).toEqual(expected)
    }
  })

  test.each([1, 20])('boxes whose area is too small for a number overlap nothing (%i targets)', (targets) => {
    const boxes = Array.from({ length: targets }, () => [0, 0, 1e-200, 1e-200])
    const labels = boxes.map(() => 0)
    const result = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
      .add([{ boxes, labels, scores: labels }], [{ boxes, labels }])
      .result()
    expect([result.ap, result.ar100, result.targets]).toEqual([0, 0, targets])
  })

  test('an annotation’s id makes no difference, not even 0', () => {
    const box = { boxes: [[0, 0, 10, 10]], labels: [0] }
    const { ap } = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
      .add([{ ...box, scores: [1] }], [{ ...box, id: 0 }])
      .result()
    expect(ap).toBeCloseTo(1, 12)
  })
})

describe('worker', () => {
  beforeAll(checkBuilt, 60_000)

  test('states posted from other threads make the same result', async () => {
    const set = makeSet(49)
    const built = new URL('../../dist/evaluate.js', import.meta.url).href
    const code = `
    import { parentPort, workerData } from 'node:worker_threads'
    import { DetectionEvaluator } from ${JSON.stringify(built)}
    const { options, detections, groundTruth } = workerData
    parentPort.postMessage(new DetectionEvaluator(options).add(detections, groundTruth).state())
  `
    const images = [...set.ids.keys()]
    const states = [0, 1].map((share) => {
      const [detections, groundTruth] = partOf(
        set,
        images.filter((image) => image % 2 === share),
      )
      const workerData = { options: set.options, detections, groundTruth }
      const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData })
      return once(worker, 'message').then(([state]) => state as EvaluatorState)
    })
    const merged = (await Promise.all(states)).reduce((sum, state) => sum.merge(state), evaluatorOf(set))
    expect(contentOf(merged.result())).toEqual(contentOf(whole(set)))
  })
})

test('this: a method without its evaluator says so', async () => {
  const evaluator = new DetectionEvaluator({ numClasses: 1, boxFormat: 'xywh' })
  const { add, merge, state, result, resultAsync } = evaluator
  for (const method of [add, merge, state, result]) {
    expect(errorOf(() => untyped<Function>(method)([], []))).toMatchObject({ code: 'DTYPE', argument: 'this' })
  }
  await expect(untyped<Function>(resultAsync)()).rejects.toMatchObject({ code: 'DTYPE', argument: 'this' })
})

/** What the guides say in tables is what the code has. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { HungarianLoss, linearSumAssignment } from '../../src/index.ts'
import type { PresetName } from '../../src/index.ts'
import { PRESETS } from '../../src/options/presets.ts'
import { checkBuilt } from '../support/built.ts'
import { readCases } from '../support/golden.ts'
import { errorOf, untyped } from '../support/helpers.ts'
import { ROOT } from '../support/root.ts'

const read = (guide: string): string => readFileSync(join(ROOT, 'docs', 'guide', guide), 'utf8')

/** The cells of the rows of a table, which follows a heading row that begins with `first`. */
function tableOf(text: string, first: string): string[][] {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${first} |`))
  expect(start, `no table with the heading ${first}`).toBeGreaterThanOrEqual(0)
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'))
  return lines.slice(start + 2, end).map((line) => {
    return line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
  })
}

/** `{ a: { b: 1 } }` of "`a.b: 1`", all of a cell together. */
function settingsOf(cell: string): { [key: string]: unknown } {
  const settings: { [key: string]: unknown } = {}
  for (const [, path, value] of cell.matchAll(/`([\w.]+): ([^`]+)`/g) as Iterable<[string, string, string]>) {
    const keys = path.split('.')
    const last = keys.pop() as string
    const group = keys.reduce<{ [key: string]: unknown }>((at, key) => (at[key] ??= {}) as typeof at, settings)
    group[last] = value.startsWith("'") ? value.slice(1, -1) : JSON.parse(value)
  }
  return settings
}

/** Weights of class, L1 and GIoU as a cell has them. */
function weightsOf(cell: string): { class: number; l1: number; giou: number } {
  const [first, l1, giou] = cell.split(', ').map(Number) as [number, number, number]
  return { class: first, l1, giou }
}

describe('presets.md', () => {
  const text = read('presets.md')
  const rows = tableOf(text, 'preset')
  const nameOf = (cell: string) => cell.slice(1, -1) as PresetName

  test('has a row for each preset, and for no other', () => {
    expect(rows.map(([name]) => nameOf(name!))).toEqual(Object.keys(PRESETS))
  })

  test.each(rows)('%s: its row, taken as options of DETR, is the preset', (name, kind, cost, weights, besides) => {
    const {
      cost: further,
      weights: others,
      classification,
      ...rest
    } = settingsOf(besides!) as { [key: string]: object }
    const options = {
      numClasses: 7,
      classification: { kind: kind!.slice(1, -1), ...classification },
      cost: { ...weightsOf(cost!), ...further },
      weights: { ...weightsOf(weights!), ...others },
      ...rest,
    }
    const expected = HungarianLoss[nameOf(name!)]({ numClasses: 7 }).options
    expect(new HungarianLoss(untyped(options)).options).toEqual(expected)
  })

  test.each(rows)('%s: names its paper and its code', (name, _kind, _cost, _weights, _besides, paper, code) => {
    expect(paper).toMatch(/^\[[^\]]+ 20\d\d\]\(https:\/\/arxiv\.org\/abs\/\d{4}\.\d{5}\)$/)
    if (nameOf(name!) !== 'groupDetr') expect(code).toMatch(/^\[([\w.-]+\/[\w.-]+)\]\(https:\/\/github\.com\/\1\)$/)
  })

  test('has the defaults of each kind of class term', () => {
    const kinds = tableOf(text, '`kind`')
    expect(kinds.map(([kind]) => kind)).toEqual(['`softmax`', '`focal`', '`varifocal`', '`mal`', '`ia-bce`'])
    for (const [kind, , , defaults] of kinds) {
      const classification = { kind: kind!.slice(1, -1) }
      const resolved = new HungarianLoss(untyped({ numClasses: 7, classification })).options.classification
      if (classification.kind === 'softmax') expect(resolved).toMatchObject(settingsOf(defaults!))
      else {
        const divided = { normalization: 'num-boxes', minQueries: 0 }
        expect(resolved).toEqual({ ...classification, ...divided, ...settingsOf(defaults!) })
      }
    }
  })
})

describe('from-pytorch.md', () => {
  const text = read('from-pytorch.md')
  /** Every name of the first column, with what the second has for it. */
  const namesIn = (heading: string): Array<[name: string, meant: string]> =>
    tableOf(text, heading).flatMap(([names, meant]) =>
      Array.from(names!.matchAll(/`(\w+)`/g), ([, name]): [string, string] => [name!, meant!.slice(1, -1)]),
    )
  const meantBy = (run: () => unknown) => /did you mean ([\w.]+)\?/.exec(errorOf(run).message)?.[1]
  const layer = {
    logits: { data: new Float32Array(2), shape: [1, 1, 2] },
    boxes: { data: Float32Array.of(0.5, 0.5, 0.2, 0.2), shape: [1, 1, 4] },
  }
  const criterion = HungarianLoss.detr({ numClasses: 1 })

  test.each(namesIn('option'))('the option %s is told to be %s', (name, meant) => {
    expect(meantBy(() => HungarianLoss.detr(untyped({ numClasses: 1, [name]: 1 })))).toBe(meant)
  })

  test.each(namesIn('key'))('the key %s of outputs is told to be %s', (name, meant) => {
    expect(meantBy(() => criterion.compute(untyped({ ...layer, [name]: [] }), [{ labels: [] }]))).toBe(meant)
  })

  test.each(namesIn('key of a target'))('the key %s of a target is told to be %s', (name, meant) => {
    expect(meantBy(() => criterion.compute(layer, untyped([{ labels: [], [name]: [] }])))).toBe(meant)
  })

  test('its step is the one that PyTorch has recorded', () => {
    const step = JSON.parse(/^const recorded = `(.*)`$/m.exec(text)![1]!)
    const [, golden] = readCases<{
      layers: { logits: number[]; boxes: number[] }[]
      targets: object[]
      losses: object
      weighted_total: number
    }>('detr-aux').find(([name]) => name === 'more_targets_than_queries')!
    const { outputs, targets, losses, total } = step
    const layers: { pred_logits: number[][][]; pred_boxes: number[][][] }[] = [...outputs.aux_outputs, outputs]
    expect(layers.map(({ pred_logits }) => pred_logits.flat(2))).toEqual(golden.layers.map(({ logits }) => logits))
    expect(layers.map(({ pred_boxes }) => pred_boxes.flat(2))).toEqual(golden.layers.map(({ boxes }) => boxes))
    expect({ targets, losses, total }).toEqual({
      targets: golden.targets,
      losses: golden.losses,
      total: golden.weighted_total,
    })
  })
})

describe('troubleshooting.md', () => {
  const text = read('troubleshooting.md')
  const codesOf = (heading: string) => tableOf(text, heading).map(([code]) => code!.slice(1, -1))
  const source = (file: string) => readFileSync(join(ROOT, 'src', file), 'utf8')

  test('has every code of findings, and says where each helps', () => {
    const codes = Array.from(
      source('criterion/inspect/finding.ts').matchAll(/^ {2}\| '([a-z-]+)'$/gm),
      ([, code]) => code!,
    )
    expect(codes.length).toBeGreaterThan(20)
    expect(codesOf('code | severity').toSorted()).toEqual(codes.toSorted())
    const symptoms = tableOf(text, 'symptom').join()
    expect(codes.filter((code) => !symptoms.includes(`\`${code}\``))).toEqual([])
  })
})

describe('troubleshooting.md: messages', () => {
  const tensor = (value: number, ...shape: number[]) => ({
    data: new Float32Array(shape.reduce((a, b) => a * b)).fill(value),
    shape,
  })
  const layer = { logits: tensor(0, 1, 3, 6), boxes: tensor(0.5, 1, 3, 4) }
  const target = { labels: [1], boxes: [[0.5, 0.5, 0.2, 0.2]] }
  const detached = tensor(0, 1, 3, 6)
  structuredClone(detached.data, { transfer: [detached.data.buffer] })
  const run = (outputs: object, targets: unknown = [target], call = {}) =>
    HungarianLoss.detr({ numClasses: 5 }).compute(untyped({ ...layer, ...outputs }), untyped(targets), call)
  const WAYS = [
    () => HungarianLoss.detr(untyped({ numClasses: 5, set_cost_class: 1 })),
    () => run({ logits: tensor(0, 1, 3, 5) }),
    () => run({ logits: tensor(0, 3, 6) }),
    () => run({}, [{ ...target, labels: [5] }]),
    () => run({}, [{ ...target, boxes: [[50, 50, 20, 20]] }]),
    () => run({ boxes: tensor(-0.5, 1, 3, 4) }),
    () => run({}, Promise.resolve([target])),
    () => run({ logits: detached }),
    () => run({}, [target], { out: { logits: layer.logits.data, boxes: new Float32Array(12) } }),
    () =>
      linearSumAssignment([
        [Infinity, 1],
        [Infinity, 2],
      ]),
  ]
  const rows = tableOf(read('troubleshooting.md'), 'message')

  test('there is a way to each', () => expect(rows.length).toBe(WAYS.length))

  test.each(rows.map(([message], i) => ({ message: message!, way: WAYS[i]! })))('$message', ({ message, way }) => {
    const { message: thrown } = errorOf(way)
    for (const [, part] of message.matchAll(/`([^`]+)`/g)) expect(thrown).toContain(part)
  })
})

describe('how-it-works.md', () => {
  beforeAll(checkBuilt, 60_000)

  test('its pictures are those that are drawn now, and it shows all of them', async () => {
    const { drawAll } = await import('../../scripts/pictures/index.js')
    const drawn = drawAll()
    const folder = join(ROOT, 'docs', 'pictures')
    const text = read('how-it-works.md')
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(drawn).toSorted())
    for (const [file, picture] of Object.entries(drawn)) {
      expect(readFileSync(join(folder, file), 'utf8'), `${file}: run node scripts/pictures.js`).toBe(picture)
      expect(text).toMatch(new RegExp(`!\\[[^\\]]+\\]\\(\\.\\./pictures/${file}\\)`))
    }
  })
})

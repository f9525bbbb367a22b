import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { HungarianLoss, threadCount } from '../../src/index.ts'
import type { HungarianLossOptions, LossResult, PresetName } from '../../src/index.ts'
import { bitsOf, errorOf, randomLayer, randomTargets } from '../support/helpers.ts'

/** The binding reads it on first use, so that this file, which has a process of its own, has three threads anywhere. */
const THREADS = 3
process.env['HUNGARIAN_LOSS_THREADS'] = String(THREADS)

const BINDING = fileURLToPath(new URL('../../native/binding.cjs', import.meta.url))

/** How many threads a new process has; `command` starts it. */
function countIn(variable: string | undefined, command: readonly string[] = []): string {
  const script = `
    try { console.log(require(${JSON.stringify(BINDING)}).threadCount()) }
    catch ({ code, argument, message }) { console.log(code, argument, message) }`
  const { HUNGARIAN_LOSS_THREADS: _, ...env } = process.env
  if (variable !== undefined) env['HUNGARIAN_LOSS_THREADS'] = variable
  const [program = process.execPath, ...rest] = [...command, process.execPath, '-e', script]
  return execFileSync(program, rest, { env, encoding: 'utf8' }).trim()
}

const canPin = (() => {
  try {
    return process.platform === 'linux' && countIn(undefined, ['taskset', '-c', '0']) !== ''
  } catch {
    return false
  }
})()

describe('threadCount: the number of threads', () => {
  test('is that of the environment', () => {
    expect(threadCount()).toBe(THREADS)
    expect(countIn('1')).toBe('1')
    expect(countIn('1024')).toBe('1024')
  })

  test('is by default what the process may use', () => {
    for (const unset of [undefined, '']) {
      const count = Number(countIn(unset))
      expect(count).toBeGreaterThanOrEqual(1)
      expect(count).toBeLessThanOrEqual(availableParallelism())
    }
  })

  test.runIf(canPin)('is one on one processor', () => {
    expect(countIn(undefined, ['taskset', '-c', '0'])).toBe('1')
  })

  test.each(['0', '-1', '1.5', '1025', 'two', '2 ', '99999999999999999999'])('cannot be %j', (value) => {
    const rule = `must be an integer from 1 to 1024, got ${value}`
    expect(countIn(value)).toBe(`OPTION HUNGARIAN_LOSS_THREADS HUNGARIAN_LOSS_THREADS: ${rule}`.trim())
  })
})

describe('threads: the option `threads`', () => {
  test('is all that there are unless fewer are wanted', () => {
    const resolved = (threads?: number) => HungarianLoss.detr({ numClasses: 1, threads }).options.threads
    expect([undefined, 1, 2, 3, 4, 2 ** 31 - 1].map(resolved)).toEqual([3, 1, 2, 3, 3, 3])
  })

  test.each([0, -1, 1.5, NaN, Infinity, '2', null])('cannot be %j', (threads) => {
    const options = { numClasses: 1, threads } as HungarianLossOptions
    expect(errorOf(() => HungarianLoss.detr(options))).toMatchObject({ code: 'OPTION', argument: 'options.threads' })
  })
})

/** Enough work for all threads. */
const [IMAGES, QUERIES, CLASSES] = [12, 100, 92]
const PRESETS: readonly PresetName[] = ['detr', 'deformableDetr', 'rtDetr', 'dFine', 'deim', 'lwDetr']

function batch(preset: PresetName) {
  const shape = { images: IMAGES, queries: QUERIES, classes: CLASSES + Number(preset === 'detr') }
  const [first, second, final] = [1, 2, 3].map((seed) => randomLayer(seed, shape)) as [Layer, Layer, Layer]
  const layers = { auxiliary: [first, { ...second, matching: { from: 0 } }] }
  const counts = Array.from({ length: IMAGES }, (_, image) => (image * 7) % 20)
  const targets = randomTargets(4, { classes: CLASSES, targets: counts })
  const outputs = {
    ...final,
    ...layers,
    encoder: { ...randomLayer(5, shape), classAgnostic: true },
    oneToMany: { ...randomLayer(6, shape), repeat: 3 },
    groups: 2,
  }
  return {
    outputs,
    targets,
    criterion: (threads: number) => new HungarianLoss({ numClasses: CLASSES, threads }, preset),
  }
}

type Layer = ReturnType<typeof randomLayer>

/** Every number of a result, the gradients as a digest of their bits. */
function everything(result: LossResult): unknown[] {
  const { loss, layers, encoder, oneToMany, normalizers, nonFinite, gradients } = result
  const digest = createHash('sha256')
  for (const part of [gradients, ...(gradients?.auxiliary ?? []), gradients?.encoder, gradients?.oneToMany]) {
    digest.update(bitsOf(part?.logits)).update(bitsOf(part?.boxes))
  }
  return [loss, layers, encoder, oneToMany, normalizers, nonFinite, digest.digest('hex')]
}

describe.each(PRESETS)('threads: %s', (preset) => {
  const { outputs, targets, criterion } = batch(preset)

  test('any number of threads gives the same bits', () => {
    const alone = everything(criterion(1).compute(outputs, targets))
    const ignoring = targets.map((target) => ({ ...target, ignore: target.labels.map((_, i) => i % 3 === 0) }))
    const aloneIgnoring = everything(criterion(1).compute(outputs, ignoring))
    // of layers and parts, too, a comparison sees every number
    expect(aloneIgnoring.slice(1, -1)).not.toEqual(alone.slice(1, -1))
    for (const threads of [2, 3]) {
      expect(everything(criterion(threads).compute(outputs, targets))).toEqual(alone)
      expect(everything(criterion(threads).compute(outputs, ignoring))).toEqual(aloneIgnoring)
      expect(criterion(threads).match(outputs, targets)).toEqual(criterion(1).match(outputs, targets))
    }
  })

  test('any number of threads finds the same fault first', () => {
    const data = outputs.logits.data.slice()
    for (const image of [11, 5, 6]) data[image * (data.length / IMAGES) + 5] = NaN
    const faulty = { ...outputs, logits: { ...outputs.logits, data } }
    const place = { code: 'NON_FINITE', argument: 'outputs.logits', layer: 2, image: 5, query: 0 }
    for (const threads of [1, 2, 3]) {
      expect(errorOf(() => criterion(threads).compute(faulty, targets))).toMatchObject(place)
      expect(errorOf(() => criterion(threads).match(faulty, targets))).toMatchObject(place)
    }
  })
})

test.runIf(process.platform === 'linux')(
  'threadCount: work is shared with one thread fewer than there are',
  async () => {
    const { outputs, targets, criterion } = batch('detr')
    criterion(THREADS).compute(outputs, targets)
    // a thread has its name once it runs, and others come and go
    const named = () => {
      const names = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/comm`, 'utf8'))
      return names.filter((name) => name.startsWith('hungarian-loss')).length
    }
    await expect.poll(named, { timeout: 30_000 }).toBe(THREADS - 1)
  },
)

/** The command line: exit codes, what is printed, and what is refused. */
import { existsSync, linkSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { run, USAGE } from '../../src/cli/command.ts'
import { VERSION } from '../../src/binding/kind.ts'
import { batchPath } from '../support/batches.ts'

const folder = mkdtempSync(join(tmpdir(), 'command-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function say(...args: string[]) {
  const [out, error] = [[] as string[], [] as string[]]
  const code = await run(args, { out: (text) => out.push(text), error: (text) => error.push(text) })
  return { code, out: out.join(''), error: error.join('') }
}

function fileOf(name: string, value: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(value))
  return path
}

const GOOD = {
  pred_logits: [
    [
      [2, 0],
      [0, 1],
    ],
  ],
  pred_boxes: [
    [
      [0.5, 0.5, 0.2, 0.2],
      [0.3, 0.3, 0.1, 0.1],
    ],
  ],
  targets: [{ labels: [0], boxes: [[0.5, 0.5, 0.2, 0.2]] }],
}

describe('doctor', () => {
  test('0 where nothing is wrong', async () => {
    expect(await say('doctor', fileOf('good.json', GOOD))).toEqual({
      code: 0,
      out: 'Nothing looks wrong.\nCriterion: detr, softmax, 1 class and no-object (if yours is another: --preset, --num-classes)\n',
      error: '',
    })
  })

  test("says what it has looked with, so that a preset that is not the model's is seen", async () => {
    const path = fileOf('criterion.json', GOOD)
    expect((await say('doctor', path, '--preset', 'rt-detr')).out).toMatch(
      /^Criterion: rtDetr, varifocal, 2 classes \(if yours is another: --num-classes\)$/m,
    )
    expect((await say('doctor', path, '--preset', 'detr', '--num-classes', '1')).out).toMatch(
      /^Criterion: detr, softmax, 1 class and no-object$/m,
    )
  })

  test('0 where there are only notes, which are printed, and what is not looked at', async () => {
    const { targets, ...outputs } = GOOD
    const note = fileOf('note.json', { outputs, targets, epoch: 3 })
    const { code, out } = await say('doctor', note, '--preset', 'deformableDetr')
    expect(out).toMatch(/^note: /)
    expect(out).toMatch(/Not looked at: epoch\n$/)
    expect(code).toBe(0)
  })

  test('what a terminal obeys is not printed, whatever names a file holds', async () => {
    const { targets, ...outputs } = GOOD
    const escape = '\u001b[2J'
    const { out } = await say('doctor', fileOf('escape.json', { outputs, targets, [escape]: 1 }))
    expect(out).toMatch(/Not looked at: \\u001b\[2J\n$/)
    const { error } = await say('doctor', fileOf('escape.json', { [escape]: 1 }))
    expect(error).toContain('\\u001b[2J')
    expect(out + error).not.toContain('\u001b')
  })

  test('1 where something is, with place, example and number', async () => {
    const targets = [{ labels: [0], boxes: [[50, 50, 20, 20]] }]
    const { code, out, error } = await say('doctor', fileOf('pixels.json', { ...GOOD, targets }))
    expect(out).toMatch(
      /^error: Target boxes lie far outside \[0, 1\].*\n {2}targets\[0\]\.boxes \(image 0, target 0\): \[50, 50, 20, 20\]\n/,
    )
    expect([code, error]).toEqual([1, ''])
  })

  test('1 where the batch is refused', async () => {
    const { code, out } = await say('doctor', fileOf('keys.json', { ...GOOD, pred_boxs: [] }), '--num-classes', '1')
    expect(out).toMatch(/^error: outputs\.pred_boxs: there is no such key/)
    expect(code).toBe(1)
  })

  test('2 where the file is none, in one sentence', async () => {
    const path = batchPath('other-keys.npz')
    const { code, out, error } = await say('doctor', path)
    expect(error).toBe(
      `hungarian-loss: ${path}: it has neither "logits" nor "pred_logits"; its arrays are "weights", "bias".\n`,
    )
    expect([code, out]).toEqual([2, ''])
  })
})

describe('report', () => {
  test('writes the page, and says so', async () => {
    const to = join(folder, 'page.html')
    const { code, out, error } = await say('report', batchPath('pytorch.npz'), '--output', to)
    expect([code, error]).toEqual([0, ''])
    expect(out).toBe(`${to}: loss 10.2858; 0 findings\n`)
    expect(readFileSync(to, 'utf8')).toMatch(/^<!doctype html>/)
  })

  test('image and layer choose what is shown', async () => {
    const to = join(folder, 'one.html')
    expect((await say('report', batchPath('pytorch.npz'), '--output', to, '--image', '1', '--layer', '0')).code).toBe(0)
    const page = readFileSync(to, 'utf8')
    expect(page).toContain('id="image-1"')
    expect(page).not.toContain('id="image-0"')
    expect(page).toContain('shown: layer 0 of 3')
  })

  test('a refused batch has a page, too', async () => {
    const to = join(folder, 'refused.html')
    const { code, out } = await say('report', batchPath('pytorch.npz'), '--output', to, '--num-classes', '7')
    expect([code, out]).toEqual([0, `${to}: no loss, since the batch is refused; 1 finding\n`])
  })

  test('2 where the page cannot be written, or would take the place of the batch', async () => {
    const path = fileOf('own.json', GOOD)
    expect(await say('report', path, '--output', folder)).toMatchObject({
      code: 2,
      error: `hungarian-loss: ${folder}: it is a folder.\n`,
    })
    const nowhere = join(folder, 'nowhere', 'page.html')
    expect((await say('report', path, '--output', nowhere)).error).toBe(
      `hungarian-loss: ${nowhere}: there is no such folder.\n`,
    )
    expect((await say('report', path, '--output', path)).error).toMatch(/must be another file/)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(GOOD)
    const link = join(folder, 'link.html')
    linkSync(path, link)
    expect((await say('report', path, '--output', link)).error).toMatch(/must be another file/)
    const options = fileOf('criterion.json', {})
    expect((await say('report', path, '--options', options, '--output', options)).error).toMatch(/must be another file/)
    expect(readFileSync(options, 'utf8')).toBe('{}')
    const lost = join(folder, 'nowhere', 'page.html')
    expect((await say('report', path, '--output', lost)).error).toBe(
      `hungarian-loss: ${lost}: there is no such folder.\n`,
    )
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(GOOD)
    expect((await say('report', path, '--image', '3', '--output', join(folder, 'no.html'))).error).toMatch(
      /--image: the batch has 1 image, from 0 to 0, got 3/,
    )
    expect(existsSync(join(folder, 'no.html'))).toBe(false)
  })
})

test('whatever a file calls its contents, a terminal does not obey it, and not all of very many are told', async () => {
  const { targets, ...outputs } = GOOD
  const names = ['\u001b[2J', 'a\nerror: b', '\u202eltr', ...Array.from({ length: 40 }, (_, i) => `k${i}`)]
  const others = Object.fromEntries(names.map((name) => [name, 1]))
  const { out } = await say('doctor', fileOf('names.json', { outputs, targets, ...others }))
  expect(out).toMatch(/\nNot looked at: \\u001b\[2J, a error: b, \\u202eltr, k0, .*k8 and 31 more\n$/)
  const { error } = await say('doctor', fileOf('keys.json', { [names[0] as string]: 1 }))
  expect(error).toMatch(/with the key \\u001b\[2J\.\n$/)
})

test('so many classes as no call takes for arguments', async () => {
  const columns = 200_001
  const path = fileOf('classes.json', { ...GOOD, pred_logits: [[Array(columns).fill(0), Array(columns).fill(1)]] })
  expect((await say('report', path, '--output', join(folder, 'classes.html'))).error).toBe('')
})

describe('the criterion', () => {
  test('presets by any spelling', async () => {
    for (const preset of ['rtDetr', 'rt-detr', 'RT_DETR']) {
      const to = join(folder, 'preset.html')
      expect((await say('report', batchPath('pytorch.npz'), '--preset', preset, '--output', to)).code).toBe(0)
      expect(readFileSync(to, 'utf8')).toMatch(
        /Criterion: rtDetr, varifocal classification, 5\sclasses, as the logits have columns for/,
      )
    }
  })

  test('options from a file, whose number of classes counts, and that of the command line before it', async () => {
    const options = fileOf('options.json', { numClasses: 2, classification: { kind: 'softmax' } })
    expect((await say('doctor', batchPath('pytorch.npz'), '--options', options)).code).toBe(1)
    expect((await say('doctor', batchPath('pytorch.npz'), '--options', options, '--num-classes', '4')).code).toBe(0)
    const focal = fileOf('focal.json', { classification: { kind: 'focal' } })
    expect((await say('doctor', batchPath('pytorch.npz'), '--options', focal, '--num-classes', '5')).code).toBe(0)
  })

  test.for([
    ['a preset that there is not', ['--preset', 'rtdet'], /there is no preset "rtdet".*did you mean rtDetr\?/],
    ['no file of options', ['--options', 'none.json'], /^hungarian-loss: none\.json: there is no such file\.\n$/],
  ] as const)('2: %s', async ([, args, message]) => {
    const { code, error } = await say('doctor', batchPath('pytorch.npz'), ...args)
    expect([code, error]).toEqual([2, expect.stringMatching(message)])
  })

  test.for([
    ['options that are none', [1], /must hold an object of options/],
    [
      'an unknown option',
      { boxformat: 'xyxy' },
      /options\.boxformat: there is no such option.*did you mean boxFormat\?/,
    ],
    ['a bad value', { cost: { class: -1 } }, /options\.cost\.class/],
  ] as const)('2: %s', async ([, options, message]) => {
    const { code, error } = await say('doctor', batchPath('pytorch.npz'), '--options', fileOf('bad.json', options))
    expect([code, error]).toEqual([2, expect.stringMatching(message)])
    expect(error.trim()).not.toContain('\n')
  })
})

describe('the command line', () => {
  test('help and version', async () => {
    expect(await say('--help')).toEqual({ code: 0, out: USAGE, error: '' })
    expect(await say('--version')).toEqual({ code: 0, out: `${VERSION}\n`, error: '' })
  })

  test.for([
    [[], /say report or doctor/],
    [['docter', 'x'], /no command "docter" \(did you mean doctor\?\)/],
    [['doctor'], /doctor needs a file/],
    [['doctor', 'a', 'b'], /takes one file, got 2/],
    [['doctor', 'a', '--layer', '1'], /--layer belongs to report/],
    [['report', 'a', '--image', '-1'], /--image/],
    [['report', 'a', '--image', 'one'], /--image must be an integer from 0 on, got "one"/],
    [['report', 'a', '--num-classes', '0'], /--num-classes must be an integer from 1 on, got "0"/],
    [['report', 'a', '--out', 'x'], /Unknown option '--out' \(did you mean --output\?\)/],
    [['report', 'a', '--preset'], /--preset/],
    [['report', 'a', '--preset', 'detr', '--preset', 'dino'], /--preset is given more than once/],
    [['report', 'a', '--output='], /--output must not be empty/],
    [['report', ''], /report needs a file/],
  ] as const)('2 and the usage: %j', async ([args, message]) => {
    const { code, out, error } = await say(...args)
    expect([code, out]).toEqual([2, ''])
    expect(error.split('\n')[0]).toMatch(message)
    expect(error.endsWith(`\n\n${USAGE}`)).toBe(true)
  })
})

/** All places of a value that another could stand in, as the keys that lead there. */
function placesIn(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  return [path, ...Object.entries(value).flatMap(([key, entry]) => placesIn(entry, [...path, key]))]
}

/** A copy of a value that has another at a place. */
function withAt(value: unknown, [key, ...rest]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other
  const copy: unknown = structuredClone(value)
  ;(copy as Record<string, unknown>)[key] = withAt((value as Record<string, unknown>)[key], rest, other)
  return copy
}

test('whatever stands anywhere in a file, both commands end with one of their exit codes', async () => {
  const layer = { pred_logits: GOOD.pred_logits, pred_boxes: GOOD.pred_boxes }
  const target = { ...GOOD.targets[0], iscrowd: [0], orig_size: [4, 3], image_id: 1 }
  const batch = { ...layer, aux_outputs: [layer], groups: 1, cost: [[[0], [1]]], targets: [target] }
  const to = join(folder, 'any.html')
  const other = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(-1, 0.5, 1e300, '', [[]], [[[]]], 2 ** 31, 'optimal'),
  )
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...placesIn(batch)), other, async (place, value) => {
      const path = fileOf('any.json', withAt(batch, place, value))
      const [doctor, report] = [await say('doctor', path), await say('report', path, '--output', to)]
      expect([0, 1, 2]).toContain(doctor.code)
      expect(report.code).toBe(doctor.code === 2 ? 2 : 0)
      expect(doctor.error === '').toBe(doctor.code !== 2)
      expect(doctor.error.trim()).not.toContain('\n')
    }),
    { numRuns: 400 },
  )
})

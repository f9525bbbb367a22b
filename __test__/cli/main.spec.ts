/** The built command, as a process of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBuilt } from '../support/built.ts'
import { batchPath } from '../support/batches.ts'
import { ROOT } from '../support/root.ts'

beforeAll(checkBuilt, 60_000)
const folder = mkdtempSync(join(tmpdir(), 'main-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Of model.npz, as tools/batches/model.py prints it. */
const MODEL_LOSS = 17.080422909

function start(args: readonly string[], variables: NodeJS.ProcessEnv = {}) {
  const command = [join(ROOT, 'dist', 'cli', 'main.js'), ...args]
  const options = { cwd: folder, encoding: 'utf8', env: { ...process.env, ...variables } } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', ...command], options)
  return { status, stdout, stderr }
}

test('doctor says that nothing is wrong, and ends with 0', () => {
  const { status, stdout, stderr } = start(['doctor', batchPath('numbered.npz')])
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^Nothing looks wrong\.\nCriterion: detr, softmax, \d+ classes and no-object .*\n$/)
})

test('doctor ends with 1 where something is found', () => {
  expect(start(['doctor', batchPath('numbered.npz'), '--num-classes', '9']).status).toBe(1)
})

test('report writes a page named as the file, in the folder where it is run', () => {
  expect(start(['report', batchPath('numbered.npz')])).toEqual({
    status: 0,
    stdout: 'numbered.html: loss 10.2858; 0 findings\n',
    stderr: '',
  })
  expect(readdirSync(folder)).toContain('numbered.html')
})

test("reads what a model in PyTorch has written, and the page has PyTorch's own loss", () => {
  expect(start(['doctor', batchPath('model.npz')]).stdout).toMatch(/^note: No target of this batch has class 0, 1, 3\./)
  expect(start(['report', batchPath('model.npz'), '--output', 'model.html']).status).toBe(0)
  const total = /"total":([\d.]+),"targets"/.exec(readFileSync(join(folder, 'model.html'), 'utf8'))?.[1]
  expect(Number(total) / MODEL_LOSS).toBeCloseTo(1, 7)
  // one layer, in half the digits
  expect(start(['report', batchPath('model-half.npz')]).stdout).toBe('model-half.html: loss 5.85394; 1 finding\n')
})

describe('2 and one sentence, never a stack', () => {
  test.for(['objects.npz', 'model.pt', 'torch.pt', 'single.npy', 'others.zip', 'other-keys.npz', 'none.npz'])(
    '%s',
    (name) => {
      for (const command of ['doctor', 'report']) {
        const { status, stdout, stderr } = start([command, batchPath(name)])
        expect([status, stdout]).toEqual([2, ''])
        expect(stderr).toMatch(/^hungarian-loss: [^\n]+\.\n$/)
        expect(stderr).not.toContain('    at ')
      }
    },
  )

  test('where the compiled core cannot be loaded', () => {
    const { status, stderr } = start(['doctor', batchPath('numbered.npz')], { HUNGARIAN_LOSS_BINDING: 'neither' })
    expect(status).toBe(2)
    expect(stderr).toMatch(/^hungarian-loss: [^\n]+\n$/)
  })
})

test.skipIf(process.platform !== 'linux')(
  'an output that fails is 2 and one sentence, or 2 alone where it is that of errors',
  () => {
    const main = `"${process.execPath}" --no-warnings "${join(ROOT, 'dist', 'cli', 'main.js')}"`
    const full = (command: string) => spawnSync('sh', ['-c', `${main} ${command}`], { encoding: 'utf8' })
    expect(full('--help > /dev/full')).toMatchObject({
      status: 2,
      stderr: 'hungarian-loss: ENOSPC: no space left on device, write.\n',
    })
    expect(full('neither 2> /dev/full')).toMatchObject({ status: 2, stderr: '' })
  },
)

test.skipIf(process.platform === 'win32')('a reader that has read enough is no fault', () => {
  const targets = Array.from({ length: 4000 }, () => ({ labels: [9] }))
  const path = join(folder, 'many.json')
  writeFileSync(path, JSON.stringify({ pred_logits: targets.map(() => [[0, 1]]), targets, unknown: 1 }))
  const main = join(ROOT, 'dist', 'cli', 'main.js')
  const { stderr } = spawnSync('sh', ['-c', `"${process.execPath}" --no-warnings "${main}" doctor "${path}" | true`], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
})

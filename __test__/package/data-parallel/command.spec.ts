/** The command of the example data-parallel: what it says, what it keeps, and how it goes on where a process was ended. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CheckpointError, versionOf, write } from '../../../examples/data-parallel/checkpoint.js'
import { startServer } from '../../../examples/data-parallel/server.js'

const MAIN = join(import.meta.dirname, '../../../examples/data-parallel/main.js')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'data-parallel-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const checkpointOf = (out: string): Buffer => readFileSync(join(folder, out, 'checkpoint.bin'))

/** Starts the command in the folder of this test. */
function start(...args: string[]) {
  const child = spawn(process.execPath, [MAIN, '--timeout', '50', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => (printed[name] += text))
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, ...printed }))
  return {
    ended,
    child,
    /** Waits until something is printed. */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      for (;;) {
        const match = pattern.exec(printed.stdout)
        if (match) return match
        const over = await Promise.race([once(child.stdout, 'data').then(() => undefined), ended])
        if (over && !pattern.test(printed.stdout))
          throw new Error(`${pattern} was not printed: ${JSON.stringify(over)}`)
      }
    },
  }
}

const run = (...args: string[]) => start(...args).ended

describe('interruption', { timeout: 240_000 }, () => {
  const training = ['--workers', '3', '--steps', '8', '--every', '2']

  test('a process that dies is named by all others, and the same command goes on to the very bits', async () => {
    const whole = await run(...training, '--out', 'whole')
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    expect(whole.stdout).toMatch(/Held-out AP50 \d/)

    const broken = start(...training, '--out', 'broken')
    const [, pids] = await broken.until(/^Started ranks 0, 1, 2 as the processes (.*)\.$/m)
    await broken.until(/step 3\/8/)
    const killed = performance.now()
    process.kill(Number(pids!.split(', ')[1]), 'SIGKILL')
    const { code, stderr } = await broken.ended
    expect(performance.now() - killed).toBeLessThan(20_000)
    expect(code).toBe(1)
    const gone = 'Rank 1 is gone: its process was ended, or its machine or connection failed.'
    expect(stderr).toContain(`Rank 0: ${gone}`)
    expect(stderr).toContain(`Rank 2: ${gone}`)
    expect(stderr).toContain('Rank 1 was ended by SIGKILL.')
    expect(stderr).toMatch(/Start all machines again with the same options to go on from step [246]\./)

    cpSync(join(folder, 'broken'), join(folder, 'fewer'), { recursive: true })
    const further = await run(...training, '--out', 'broken')
    expect(further).toMatchObject({ code: 0, stderr: '' })
    expect(further.stdout).toMatch(/, from step [246] on\./)
    expect(checkpointOf('broken').equals(checkpointOf('whole'))).toBe(true)

    const fewer = await run(...training, '--workers', '2', '--out', 'fewer')
    expect(fewer).toMatchObject({ code: 0, stderr: '' })
    expect(fewer.stdout).toMatch(/^Training on 8 scenes a step, in 2 processes, from step [246] on\.$/m)
  })

  test('Ctrl-C ends all processes after the same step, and the same command goes on to the very bits', async () => {
    // the file of the test before, made by three processes without an end
    const stopped = start(...training, '--out', 'stopped')
    await stopped.until(/step 2\/8/)
    stopped.child.kill('SIGINT')
    const { code, stdout, stderr } = await stopped.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/Stopped after step \d+; start it again to go on\./)
    expect(await run(...training, '--out', 'stopped')).toMatchObject({ code: 0, stderr: '' })
    expect(checkpointOf('stopped').equals(checkpointOf('whole'))).toBe(true)
  })
})

describe('checkpoint', { timeout: 120_000 }, () => {
  const training = ['--workers', '2', '--steps', '2', '--every', '1', '--out', 'kept']

  test('one that is damaged, cut off, of other settings or no checkpoint is refused by all ranks, and left as it is', async () => {
    expect(await run(...training)).toMatchObject({ code: 0 })
    const file = join('kept', 'checkpoint.bin')
    const path = join(folder, file)
    const whole = readFileSync(path)
    const expectRefusal = async (message: string, ...more: string[]) => {
      const bytes = readFileSync(path)
      const { code, stderr } = await run(...training, ...more)
      expect(code).toBe(1)
      expect(stderr).toContain(`Rank 0: ${file} ${message}`)
      expect(stderr).toContain(`Rank 1: Rank 0 has failed: ${file} ${message}`)
      expect(readFileSync(path).equals(bytes)).toBe(true)
    }
    await expectRefusal(
      'is of a training with --seed 1, and this one has 2; --out names another folder.',
      '--seed',
      '2',
    )
    const damaged = Buffer.from(whole)
    damaged[damaged.length - 100]! ^= 1
    writeFileSync(path, damaged)
    await expectRefusal('is damaged (the digest is another)')
    truncateSync(path, 30)
    await expectRefusal('is damaged (')
    writeFileSync(path, 'weights')
    await expectRefusal('is no checkpoint of this example')
  })

  test('one that another program changes meanwhile is not written over, and nothing is left of one that cannot be written', () => {
    const file = join(folder, 'versions.bin')
    const first = write(file, Buffer.from('first'), undefined)
    const second = write(file, Buffer.from('second'), first)
    for (const known of [first, undefined]) {
      expect(() => write(file, Buffer.from('third'), known)).toThrow(
        /was changed or removed by another program: give each training a folder/,
      )
    }
    expect(readFileSync(file, 'utf8')).toBe('second')
    expect(versionOf(file)).toBe(second)

    const taken = join(folder, 'taken.bin')
    mkdirSync(taken)
    expect(() => write(taken, Buffer.from('x'), versionOf(taken))).toThrow(CheckpointError)
    expect(() => write(taken, Buffer.from('x'), versionOf(taken))).toThrow(/cannot be written \(\w+\)/)
    expect(existsSync(`${taken}.new`)).toBe(false)
    expect(() => write(join(folder, 'nowhere', 'x.bin'), Buffer.from('x'), undefined)).toThrow(
      /cannot be written \(ENOENT\)/,
    )
  })
})

describe('machines', { timeout: 120_000 }, () => {
  test('several machines train together, by the server of one of them or by another one, to the bits of one machine', async () => {
    const training = ['--workers', '2', '--steps', '3']
    expect(await run(...training, '--out', 'one')).toMatchObject({ code: 0 })

    const free = await startServer({ host: '127.0.0.1', port: 0 })
    const other = new URL(free.url).host
    const first = run(...training, '--server', free.url, '--ranks', '0', '--out', 'two')
    expect(await run(...training, '--server', other, '--ranks', '1', '--out', 'no')).toMatchObject({
      code: 0,
      stderr: '',
    })
    expect(await first).toMatchObject({ code: 0, stderr: '' })
    await free.close()
    expect(existsSync(join(folder, 'no'))).toBe(false)
    expect(checkpointOf('two').equals(checkpointOf('one'))).toBe(true)

    // the port that has become free
    const listening = start(...training, '--listen', other, '--ranks', '0', '--out', 'three')
    await listening.until(/^Started rank 0 as/m)
    expect(await run(...training, '--server', other, '--ranks', '1')).toMatchObject({ code: 0, stderr: '' })
    expect(await listening.ended).toMatchObject({ code: 0, stderr: '' })
    expect(checkpointOf('three').equals(checkpointOf('one'))).toBe(true)
  })
})

describe('options', () => {
  test('a folder that cannot be made, and an address that is taken, are told before anything is started', async () => {
    writeFileSync(join(folder, 'file'), '')
    const taken = await startServer({ host: '127.0.0.1', port: 0 })
    const { host } = new URL(taken.url)
    const message = (text: string) => ({ code: 2, stdout: '', stderr: `${text} Try --help.\n` })
    expect(await run('--out', 'file/x')).toEqual(message('Cannot create the folder "file/x" (ENOTDIR).'))
    expect(await run('--listen', host)).toEqual(message(`Cannot listen at ${host} (EADDRINUSE).`))
    await taken.close()
  })

  test.each([
    [['--workers', '0'], '--workers needs a whole number from 1 to 64, got "0".'],
    [['--workers', '9'], '--batch 8 is less than a scene for each of 9 processes (--workers).'],
    [['--ranks', '0'], 'The processes that are not of --ranks 0 cannot join without --listen or --server.'],
    [['--ranks', '1-2'], '--ranks needs A-B or A, from 0 to 1 (--workers), got "1-2".'],
    [['--listen', 'here'], '--listen needs HOST:PORT, got "here".'],
    [['--server', 'http://a'], '--server needs HOST:PORT or a URL of mqtt:// or mqtts://, got "http://a".'],
    [
      ['--server', 'a:1', '--listen', 'b:1'],
      '--server names a server, and --listen starts another one: give one of the two.',
    ],
    [['--job', 'a/b'], '--job needs a name of letters, digits, ".", "_" and "-", got "a/b".'],
    [['--timeout', '1h'], '--timeout needs a whole number from 1 to 86400, got "1h".'],
    [['--speed', '2'], 'Unknown option --speed.'],
    [['2'], 'Unexpected argument "2".'],
  ])('%j is refused', async (args, message) => {
    expect(await run('--workers', '2', ...args)).toEqual({ code: 2, stdout: '', stderr: `${message} Try --help.\n` })
  })

  test('--help names every option', async () => {
    const { code, stdout } = await run('--help')
    expect(code).toBe(0)
    for (const name of [
      'workers',
      'steps',
      'batch',
      'seed',
      'denoising',
      'out',
      'every',
      'timeout',
      'ranks',
      'listen',
      'server',
      'job',
    ])
      expect(stdout).toContain(`  --${name} `)
  })
})

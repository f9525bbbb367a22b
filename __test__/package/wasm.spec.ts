/** The package on WebAssembly, in brief. `npm run test:wasm` runs every spec on it, `npm run test:browser` a page in Chromium. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CallMemory } from '../../crates/node/wasm/memory.js'
import { isFresh, layOutPackage } from '../../scripts/wasm/package.js'
import { checkBuilt } from '../support/built.ts'
import { ROOT } from '../support/root.ts'

/** Where it is not, or older than its sources, `npm test` says how to build it. */
const isHere = isFresh()

beforeAll(checkBuilt, 60_000)

/** What a program prints as JSON, and its warnings. */
function run(url: string, code: string, variables: NodeJS.ProcessEnv = {}, flags: readonly string[] = []) {
  const { HUNGARIAN_LOSS_BINDING: _, ...own } = process.env
  const script = `import * as it from ${JSON.stringify(url)}\nconsole.log(JSON.stringify(await (${code})(it)))`
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--input-type=module', '-e', script], {
    env: { ...own, ...variables },
    encoding: 'utf8',
  })
  return { printed: stdout === '' ? undefined : (JSON.parse(stdout) as Record<string, unknown>), stderr }
}

const BUILT = pathToFileURL(join(ROOT, 'dist', 'index.js')).href
const BOTH = ['native', 'wasm'].map((kind) => [kind, { HUNGARIAN_LOSS_BINDING: kind }] as const)

/** Gradients, a matching, a large and a small assignment now and later, a refusal and an abort, as text. */
const SAMPLE = `async ({ HungarianLoss, linearSumAssignment, linearSumAssignmentAsync, linearSumAssignmentBatch, verifyAssignment }) => {
  let state = 1
  const random = () => (state = (state * 16807) % 2147483647) / 2147483647
  const floats = (...shape) => ({ data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => 0.1 + 0.5 * random()), shape })
  const outputs = { logits: floats(2, 3, 20, 9), boxes: floats(2, 3, 20, 4) }
  const targets = [4, 0, 7].map((n) => ({ labels: Array.from({ length: n }, (_, i) => i % 8), boxes: floats(n, 4).data }))
  const results = []
  for (const criterion of [HungarianLoss.detr({ numClasses: 8 }), HungarianLoss.dino({ numClasses: 9 })]) {
    const now = criterion.compute(outputs, targets)
    results.push(now, criterion.match(outputs, targets), criterion.cost(outputs, targets))
    results.push(await criterion.computeAsync(outputs, targets))
  }
  for (const n of [3, 90]) {
    const cost = { data: Float64Array.from({ length: n * n }, random), shape: [n, n] }
    const found = linearSumAssignment(cost, { duals: true })
    results.push(found, await linearSumAssignmentAsync(cost), verifyAssignment(cost, found))
  }
  results.push(linearSumAssignmentBatch({ data: Float32Array.from({ length: 13 }, random), shapes: [[2, 2], [3, 3]] }))
  const refusal = (call) => { try { call() } catch (error) { return error } }
  results.push(refusal(() => linearSumAssignment([[1, NaN]])), refusal(() => HungarianLoss.detr({ numClasses: 3 }).compute(outputs, targets)))
  const controller = new AbortController()
  const stopped = linearSumAssignmentAsync([[1]], { signal: controller.signal }).catch(({ name }) => name)
  controller.abort()
  results.push(await stopped)
  return results
}`

/** Of which the types know no values without those of the DOM. */
const { Memory, RuntimeError } = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly

interface Engine {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer }
  readonly RuntimeError: ErrorConstructor
}

describe('CallMemory: a call', () => {
  const array = Float32Array.of(1, 2, 3)
  const memory = new Memory({ initial: 1 })
  /** The export `run` of a binding, whose module has memory from an address on, or none. */
  const exportOf = (address: number, run: (read: () => void) => unknown) => {
    const calls = new CallMemory(memory, { jsValueFromNapiValue: () => array, napiValueFromJsValue: () => 1 })
    const freed: number[] = []
    calls.useHeap({ malloc: () => address, free: (place) => freed.push(place) })
    const imports = calls.importsInPlaceOf({ napi_get_typedarray_info: () => 1 })
    const read = () => {
      if (imports.napi_get_typedarray_info(0, 1, 0, 0, 8, 0, 0) !== 0) throw new Error('Get TypedArray info failed')
    }
    const { run: call } = calls.exportsOf({ run: () => run(read) } as never) as unknown as { run: () => unknown }
    return { call, freed }
  }

  test('has a copy of an array as long as it lasts', () => {
    const { call, freed } = exportOf(1024, (read) => (read(), [...new Float32Array(memory.buffer, 1024, 3)]))
    expect(call()).toEqual([1, 2, 3])
    expect(freed).toEqual([1024])
  })

  test('keeps it until its promise is settled', async () => {
    const { call, freed } = exportOf(1024, (read) => (read(), Promise.resolve()))
    const promise = call()
    expect(freed).toEqual([])
    await promise
    expect(freed).toEqual([1024])
  })

  test('that gets no memory is refused as V8 refuses arrays', () => {
    expect(exportOf(0, (read) => read()).call).toThrow(new RangeError('Array buffer allocation failed'))
  })

  test('after a trap is refused', () => {
    const trap = new RuntimeError('unreachable')
    const { call } = exportOf(1024, () => {
      throw trap
    })
    expect(call).toThrow(trap)
    expect(call).toThrow('an earlier call ended in a trap: load the package anew')
  })

  /** The function of an exchange, whose memory is `array`, and which runs `solve` in the module. */
  const exchangeOf = (solve: () => void) => {
    const calls = new CallMemory(memory, { jsValueFromNapiValue: () => array, napiValueFromJsValue: () => 1 })
    calls.useHeap({ malloc: () => 1024, free: () => {} })
    const imports = calls.importsInPlaceOf({ napi_get_typedarray_info: () => 1 })
    const createExchange = () => {
      imports.napi_get_typedarray_info(0, 1, 0, 0, 8, 0, 0)
      return solve
    }
    const { createExchange: create } = calls.exportsOf({ createExchange } as never) as unknown as {
      createExchange: (memory: Float32Array) => () => void
    }
    return create(array)
  }

  test('of a small matrix has what its memory holds, and its memory what the call leaves', () => {
    const inside = () => new Float32Array(memory.buffer, 1024, 3)
    const solve = exchangeOf(() => inside().forEach((value, i, all) => (all[i] = 2 * value)))
    array.set([4, 5, 6])
    solve()
    expect([...array]).toEqual([8, 10, 12])
    array.set([1, 2, 3])
  })

  test('of a small matrix is refused after a trap, too', () => {
    const trap = new RuntimeError('unreachable')
    const solve = exchangeOf(() => {
      throw trap
    })
    expect(solve).toThrow(trap)
    expect(solve).toThrow('an earlier call ended in a trap: load the package anew')
  })
})

describe.runIf(isHere)('WebAssembly', () => {
  test('computes what the native addon does, to the last bit, errors among them', () => {
    const [native, wasm] = BOTH.map(([, variables]) => run(BUILT, SAMPLE, variables).printed)
    expect(native).toHaveLength(8 + 6 + 4)
    expect(native?.[15]).toMatchObject({ code: 'NON_FINITE', row: 0, column: 1 })
    expect(wasm).toEqual(native)
  })

  test('needs no more memory the more calls there are, without a turn of the event loop', () => {
    const calls = `({ HungarianLoss, linearSumAssignment }) => {
      const criterion = HungarianLoss.detr({ numClasses: 90 })
      const memory = () => process.memoryUsage().rss
      const floats = (...shape) => ({ data: new Float32Array(shape.reduce((a, b) => a * b)).fill(0.5), shape })
      const call = () => {
        const { loss } = criterion.compute({ logits: floats(8, 100, 91), boxes: floats(8, 100, 4) }, Array(8).fill({ labels: [1], boxes: [[0.5, 0.5, 0.1, 0.1]] }))
        return loss + linearSumAssignment({ data: new Float32Array(40000), shape: [200, 200] }).total
      }
      for (let i = 0; i < 200; i++) call()
      const before = memory()
      for (let i = 0; i < 2000; i++) call()
      return { megabytes: (memory() - before) / 1e6 }
    }`
    // 2,000 calls read 1 GB and write half of that
    expect(run(BUILT, calls, { HUNGARIAN_LOSS_BINDING: 'wasm' }).printed?.['megabytes']).toBeLessThan(150)
  })

  test('leaves no listener in the process, however many instances there are, as of test runners', () => {
    const loader = join(ROOT, 'native', 'wasm', 'hungarian-loss.wasip1.cjs')
    const instances = `async () => {
      const require = process.getBuiltinModule('node:module').createRequire(import.meta.url)
      for (let i = 0; i < 12; i++) {
        delete require.cache[${JSON.stringify(loader)}]
        if (require(${JSON.stringify(loader)}).threadCount() !== 1) throw new Error('it does not work')
      }
      return { listeners: process.eventNames().map((name) => process.listenerCount(name)).filter((count) => count > 2) }
    }`
    const { printed, stderr } = run(BUILT, instances, { HUNGARIAN_LOSS_BINDING: 'wasm' })
    expect(stderr).toBe('')
    expect(printed).toEqual({ listeners: [] })
  })

  describe('where there is no native addon', () => {
    const folder = mkdtempSync(join(tmpdir(), 'without-native-'))
    const installed = join(folder, 'node_modules', 'hungarian-loss')
    const url = pathToFileURL(join(installed, 'dist', 'index.js')).href
    const info = '({ binding }) => binding()'

    beforeAll(() => {
      mkdirSync(join(installed, 'native'), { recursive: true })
      for (const path of ['dist', 'package.json', 'native/binding.cjs']) {
        cpSync(join(ROOT, path), join(installed, path), { recursive: true })
      }
      layOutPackage(join(folder, 'node_modules', 'hungarian-loss-wasm32-wasip1'))
    })
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    test('its package runs, with one warning that says so', () => {
      const { printed, stderr } = run(url, info)
      expect(printed).toMatchObject({ kind: 'wasm', target: 'wasm32-wasip1', simd: 'simd128', threads: 1 })
      expect(stderr.match(/\[HUNGARIAN_LOSS_WASM\] HungarianLossWarning: there is no native addon/g)).toHaveLength(1)
    })

    test('HUNGARIAN_LOSS_BINDING=wasm asks for it, without a warning', () => {
      const { printed, stderr } = run(url, info, { HUNGARIAN_LOSS_BINDING: 'wasm' })
      expect(printed).toMatchObject({ kind: 'wasm' })
      expect(stderr).toBe('')
    })

    test('HUNGARIAN_LOSS_BINDING=native refuses it', () => {
      const { printed, stderr } = run(url, info, { HUNGARIAN_LOSS_BINDING: 'native' })
      expect(printed).toBeUndefined()
      expect(stderr).toMatch(/HungarianLossError: HUNGARIAN_LOSS_BINDING=native allows no other core/)
    })
  })
})

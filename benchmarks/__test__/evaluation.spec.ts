/** The benchmark of the evaluation: what is evaluated, who is right, who is timed. */
import { gzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { withFolder } from '../files.js'
import { findFault, runCase } from '../evaluation/contest.js'
import { randomInputs, readJson } from '../evaluation/inputs.js'
import { evaluateOurs } from '../evaluation/ours.js'

const BRIEF = { rounds: 1, maxTime: 0.001, minTime: 0.0001, minSamples: 1 }
const SIZE = { images: 12, targets: 5, detections: 20 }

describe('the benchmark of the evaluation', () => {
  test('random images are the same for the same seed, and others for another', () => {
    const inputs = randomInputs(SIZE, 8)
    expect(randomInputs(SIZE, 8)).toEqual(inputs)
    expect(randomInputs(SIZE, 9)).not.toEqual(inputs)
    expect(inputs.dataset.images).toHaveLength(12)
    expect(inputs.dataset.annotations.length).toBeGreaterThan(20)
    expect(inputs.results.length).toBeGreaterThan(100)
  })

  test('ours gives twelve numbers, the same on every number of threads', () => {
    const inputs = randomInputs(SIZE, 8)
    const numbers = evaluateOurs(inputs, 1)
    expect(numbers).toHaveLength(12)
    expect(numbers[0]).toBeGreaterThan(0)
    expect(evaluateOurs(inputs)).toEqual(numbers)
  })

  test('all of ours are timed where there is nothing to compare with', async () => {
    const outcomes = await runCase(randomInputs(SIZE, 8), BRIEF, [])
    expect(outcomes[0]).toMatchObject({ name: 'ours', isRival: false, wrong: undefined, failure: undefined })
    for (const { figures } of outcomes) expect(figures?.median).toBeGreaterThan(0)
  })

  test('a number that differs is named', () => {
    const numbers = Array.from({ length: 12 }, (_, i) => i / 12)
    expect(findFault(numbers, numbers)).toBeUndefined()
    expect(findFault(numbers, undefined)).toBeUndefined()
    expect(findFault(numbers.with(3, 0.26), numbers)).toBe('number 4 is 0.26 for 0.25')
    expect(findFault(numbers.with(3, NaN), numbers)).toBe('number 4 is NaN for 0.25')
    expect(findFault([], numbers)).toBe('0 numbers')
  })

  test('files of JSON are read, compressed or not', async () => {
    await withFolder(async (folder) => {
      const [plain, packed] = ['a.json', 'a.json.gz'].map((name) => join(folder, name)) as [string, string]
      writeFileSync(plain, '{"images":[1]}')
      writeFileSync(packed, gzipSync('{"images":[1]}'))
      expect(readJson(plain)).toEqual({ images: [1] })
      expect(readJson(packed)).toEqual({ images: [1] })
    })
  })
})

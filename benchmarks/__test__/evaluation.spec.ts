/** The benchmark of the evaluation: its images, our numbers of them, and what counts as wrong. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { cocoTargets } from 'hungarian-loss'
import type { CocoDataset } from 'hungarian-loss'
import { expect, test } from 'vitest'
import { findFault, runCase } from '../evaluation/contest.js'
import { randomInputs, readJson } from '../evaluation/inputs.js'
import { evaluateOurs } from '../evaluation/ours.js'
import { withFolder } from '../files.js'

const inputs = randomInputs({ images: 20, targets: 7, detections: 50 }, 8)

test('random images are those of their seed, and a data set of COCO’s form', () => {
  const { images, classes, groundTruth, dropped } = cocoTargets(inputs.dataset as unknown as CocoDataset)
  expect([images.length, classes.length, dropped]).toEqual([20, 80, []])
  const targets = groundTruth.reduce((sum, { labels }) => sum + labels.length, 0)
  expect(Math.abs(targets / 20 - 7)).toBeLessThan(4)
  expect(Math.abs(inputs.results.length / 20 - 50)).toBeLessThan(25)
  expect(randomInputs({ images: 20, targets: 7, detections: 50 }, 8)).toEqual(inputs)
  expect(randomInputs({ images: 20, targets: 7, detections: 50 }, 9)).not.toEqual(inputs)
})

test('a number that is off is a fault, and so is one too few', () => {
  const numbers = evaluateOurs(inputs)
  expect(numbers).toHaveLength(12)
  expect(numbers[0]).toBeGreaterThan(0.05)
  expect(findFault(numbers, numbers)).toBeUndefined()
  expect(findFault(numbers, undefined)).toBeUndefined()
  expect(findFault(numbers.with(3, NaN), numbers)).toMatch(/^number 4 is NaN for /)
  expect(findFault(numbers, numbers.with(11, numbers[11]! + 1e-6))).toMatch(/^number 12 is /)
  expect(findFault(numbers.slice(1), numbers)).toBe('11 numbers')
})

test('a case without rivals has our times alone, and nothing wrong', async () => {
  const outcomes = await runCase(inputs, { rounds: 1, maxTime: 0, minTime: 0, minSamples: 1 }, [])
  expect(outcomes.length).toBeGreaterThan(0)
  for (const { isRival, figures, wrong, failure } of outcomes) {
    expect([isRival, wrong, failure]).toEqual([false, undefined, undefined])
    expect(figures?.median).toBeGreaterThan(0)
  }
})

test('a file of JSON is read, compressed or not', () =>
  withFolder(async (folder: string) => {
    const [plain, compressed] = [join(folder, 'a.json'), join(folder, 'a.json.gz')]
    writeFileSync(plain, JSON.stringify(inputs.dataset))
    writeFileSync(compressed, gzipSync(JSON.stringify(inputs.dataset)))
    expect(readJson(plain)).toEqual(inputs.dataset)
    expect(readJson(compressed)).toEqual(inputs.dataset)
  }))

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { DetectionEvaluator } from '../../src/evaluate.ts'
import type { DetectionMetrics, EvaluationResult } from '../../src/evaluate.ts'
import { digestOfNumbers, makeSet } from '../support/evaluations.ts'

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

import { describe, expect, test } from 'vitest'
import { DetectionEvaluator, formatSummary } from '../../src/evaluate.ts'
import { makeSet } from '../support/evaluations.ts'
import { errorOf, untyped } from '../support/helpers.ts'

const evaluate = (seed: number) => {
  const { options, detections, groundTruth } = makeSet(seed)
  return new DetectionEvaluator(options).add(detections, groundTruth).result()
}

describe('formatSummary', () => {
  test('prints the lines that pycocotools prints', () => {
    expect(formatSummary(evaluate(1)).split('\n')).toEqual(PRINTED)
  })

  test('a line for each range and maximum of the options', () => {
    const lines = formatSummary(evaluate(3)).split('\n')
    expect(lines).toHaveLength(3 + 2 + 3 + 2)
    expect(lines[0]).toBe(' Average Precision  (AP) @[ IoU=0.30:1.00 | area=   all | maxDets=100 ] = 0.752')
    expect(lines[3]).toMatch('area=narrow')
    expect(lines[9]).toMatch('area= small | maxDets=100')
  })

  test('of two roundings that are as near it takes the even one, as Python does', () => {
    const result = structuredClone(evaluate(1))
    for (const [ap, text] of [
      [0.0625, '0.062'],
      [0.1875, '0.188'],
      [0.4375, '0.438'],
      [0.5625, '0.562'],
      [0.1235, '0.123'],
      [-1, '-1.000'],
      [1, '1.000'],
    ] as const) {
      Object.assign(result.areas['all'] as object, { ap })
      expect(formatSummary(result).split('\n')[0]?.split('= ').at(-1)).toBe(text)
    }
  })

  test('it takes what JSON makes of a result, and refuses what is none', () => {
    const result = evaluate(1)
    expect(formatSummary(JSON.parse(JSON.stringify(result)))).toBe(formatSummary(result))
    expect(errorOf(() => formatSummary(untyped({})))).toMatchObject({ code: 'DTYPE', argument: 'result.maxDetections' })
    expect(errorOf(() => formatSummary({ ...result, areas: {} }))).toMatchObject({ argument: 'result.areas' })
  })
})

/** What pycocotools prints of set 1. */
const PRINTED = [
  ' Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.488',
  ' Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.619',
  ' Average Precision  (AP) @[ IoU=0.75      | area=   all | maxDets=100 ] = 0.488',
  ' Average Precision  (AP) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.189',
  ' Average Precision  (AP) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 0.701',
  ' Average Precision  (AP) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 0.358',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=  1 ] = 0.111',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets= 10 ] = 0.889',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.889',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area= small | maxDets=100 ] = 0.500',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area=medium | maxDets=100 ] = 1.000',
  ' Average Recall     (AR) @[ IoU=0.50:0.95 | area= large | maxDets=100 ] = 1.000',
]

import { expect, test } from 'vitest'
import * as evaluate from '../src/evaluate.ts'
import * as main from '../src/index.ts'
import * as tfjs from '../src/tfjs.ts'

test('the package: the package offers these names and no others', () => {
  expect(Object.keys(main).toSorted()).toEqual([
    'HungarianLoss',
    'HungarianLossError',
    'batchIndices',
    'binding',
    'cocoTargets',
    'combineNormalizers',
    'convertBoxes',
    'decodeMasks',
    'encodeMask',
    'inspectBatch',
    'linearSumAssignment',
    'linearSumAssignmentAsync',
    'linearSumAssignmentBatch',
    'logitsFromProbabilities',
    'maskFromPolygons',
    'padTargets',
    'simdLevel',
    'threadCount',
    'toCocoResults',
    'toDetections',
    'unpadTargets',
    'verifyAssignment',
  ])
  expect(Object.keys(evaluate).toSorted()).toEqual(['DetectionEvaluator', 'formatSummary', 'precisionRecall'])
  expect(Object.keys(tfjs).toSorted()).toEqual(['fitLoss', 'hungarianLoss', 'lossGradients', 'packTargets'])
})

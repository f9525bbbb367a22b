import { expect, test } from 'vitest'
import * as main from '../src/index.ts'
import * as tfjs from '../src/tfjs.ts'

test('the package offers these names and no others', () => {
  expect(Object.keys(main).sort()).toEqual([
    'HungarianLoss',
    'HungarianLossError',
    'linearSumAssignment',
    'simdLevel',
    'verifyAssignment',
  ])
  expect(Object.keys(tfjs).sort()).toEqual(['hungarianLoss', 'lossGradients'])
})

test('the instruction set in use has a name', () => {
  expect(main.simdLevel()).toMatch(/^[\w .+-]+$/)
})

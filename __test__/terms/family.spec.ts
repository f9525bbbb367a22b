import { expect, test } from 'vitest'
import { DESCRIPTION } from '../../src/binding/description.ts'
import { BOXES } from '../../src/terms/boxes.ts'
import { isSigmoid } from '../../src/terms/classification.ts'
import type { Kind } from '../../src/terms/classification.ts'
import { CLASSES } from '../../src/terms/classes.ts'
import { EDGES } from '../../src/terms/edges.ts'
import { FIELDS, FOREIGN_FIELDS, TARGET_FIELDS, TERMS } from '../../src/terms/index.ts'
import { MASKS } from '../../src/terms/masks.ts'
import { POINTS } from '../../src/terms/points.ts'
import { PRESENCE } from '../../src/terms/presence.ts'
import { SPANS } from '../../src/terms/spans.ts'

const FAMILIES = [CLASSES, BOXES, EDGES, SPANS, POINTS, MASKS, PRESENCE]

test('terms and fields have what the core says of them', () => {
  expect(TERMS.map(({ name, inCost, needsSigmoid }) => ({ name, inCost, needsSigmoid }))).toEqual(DESCRIPTION.terms)
  const gradients = DESCRIPTION.queryFields.map(({ name, hasGradient }) => [name, hasGradient])
  expect(FIELDS.map(({ name, hasGradient }) => [name, hasGradient])).toEqual(gradients)
  const optional = DESCRIPTION.targetFields.map(({ name, isOptional }) => [name, isOptional])
  expect(TARGET_FIELDS.map(({ name, isOptional }) => [name, isOptional])).toEqual(optional)
  for (const { name, isSigmoid: expected } of DESCRIPTION.kinds) expect(isSigmoid(name as Kind)).toBe(expected)
})

test('families do not say it again', () => {
  // the classes stand apart in the core
  expect(FAMILIES).toHaveLength(1 + DESCRIPTION.families.length)
  const said = FAMILIES.flatMap(({ terms, fields, targets }) => [...terms, ...fields, ...targets].flatMap(Object.keys))
  for (const fact of ['inCost', 'needsSigmoid', 'hasGradient', 'isOptional', 'form', 'heldBy', 'sizes'])
    expect(said).not.toContain(fact)
})

test('names that others have for fields stand for fields that the family has, and for one each', () => {
  for (const { fields, targets, foreignFields } of FAMILIES) {
    const known: readonly string[] = fields.map(({ name }) => name)
    const ofTargets: readonly string[] = [...targets.map(({ name }) => name), 'labels']
    expect(known).toEqual(expect.arrayContaining(Object.values(foreignFields.queries)))
    expect(ofTargets).toEqual(expect.arrayContaining(Object.values(foreignFields.targets)))
  }
  for (const side of ['queries', 'targets'] as const) {
    const names = FAMILIES.flatMap(({ foreignFields }) => Object.keys(foreignFields[side]))
    expect(Object.keys(FOREIGN_FIELDS[side])).toEqual(names)
    expect(new Set(names).size).toBe(names.length)
  }
})

/** The playground's modules that know no page: its presets, scenes, links, boxes and steps. The page itself is tested in a browser. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { choicesOf } from '../../examples/playground/criterion.ts'
import { LOGIT_RATE, stepped } from '../../examples/playground/descent.ts'
import { explain } from '../../examples/playground/explain.ts'
import {
  contains,
  CORNERS,
  cornerOf,
  fit,
  grown,
  LEAST_SIDE,
  moved,
  stretched,
} from '../../examples/playground/geometry.ts'
import type { Box } from '../../examples/playground/geometry.ts'
import { BadLink, fromHash, toHash } from '../../examples/playground/hash.ts'
import { PRESETS } from '../../examples/playground/presets.ts'
import type { BoxPreset } from '../../examples/playground/presets.ts'
import { SCENES } from '../../examples/playground/scenes.ts'
import type { SceneName } from '../../examples/playground/scenes.ts'
import { classOf, probabilities } from '../../examples/playground/scores.ts'
import { CLASSES, LIMITS, SCORES, settle } from '../../examples/playground/state.ts'
import type { State } from '../../examples/playground/state.ts'
import { study } from '../../examples/playground/study.ts'
import { centreArrow, sizeArrows } from '../../examples/playground/view/arrows.ts'
import { HungarianLoss } from '../../src/index.ts'
import { PRESETS as ALL } from '../../src/options/presets.ts'
import type { Preset } from '../../src/options/presets.ts'

const NAMES = Object.keys(PRESETS) as BoxPreset[]
const SCENE_NAMES = Object.keys(SCENES) as SceneName[]
const stateOf = (scene: SceneName, preset: BoxPreset): State => ({ ...choicesOf(preset), ...SCENES[scene] })

const numbers = (length: number, max: number, min = -max) =>
  fc.array(fc.double({ min, max, noNaN: true }), { minLength: length, maxLength: length })
const boxes = numbers(4, 2).map((box) => box as unknown as Box)
const weights = numbers(3, LIMITS.weight, 0).map(([ofClass, l1, giou]) => ({ class: ofClass!, l1: l1!, giou: giou! }))
const states: fc.Arbitrary<State> = fc.record({
  preset: fc.constantFrom(...NAMES),
  cost: weights,
  weights,
  noObject: fc.double({ min: 0, max: 1, noNaN: true }),
  queries: fc.array(fc.record({ box: boxes, logits: numbers(SCORES, 9) }), { minLength: 1, maxLength: LIMITS.queries }),
  targets: fc.array(fc.record({ box: boxes, label: fc.nat(CLASSES.length - 1) }), { maxLength: LIMITS.targets }),
})

test('presets: all of the package whose objects are boxes with classes alone, each with its published weights', () => {
  const hasOthers = (name: string) =>
    ['momentDetr', 'sam3', 'groundingDino', 'mmGroundingDino', 'mdetr', 'owlViT'].includes(name)
  const hasMasks = ({ weights }: Preset) => (weights.maskDice ?? 0) > 0
  expect(NAMES).toEqual(
    Object.entries(ALL).flatMap(([name, preset]) => (hasOthers(name) || hasMasks(preset) ? [] : [name])),
  )
  for (const name of NAMES) {
    const { options } = new HungarianLoss({ numClasses: 3 }, name)
    const { cost, weights } = choicesOf(name)
    expect(options, name).toMatchObject({ cost, weights })
  }
})

describe('study', () => {
  const cases = SCENE_NAMES.flatMap((scene) => NAMES.map((name) => [scene, name] as const))

  test.each(cases)('%s under %s: terms add up to the loss, and parts to the cost', (scene, name) => {
    const state = stateOf(scene, name)
    const { loss, terms, cost, parts, targetOf, queryOf } = study(state)
    expect(terms.reduce((sum, { weighted }) => sum + weighted, 0)).toBeCloseTo(loss, 5)
    cost.forEach((row, q) =>
      row.forEach((value, t) => {
        const of = (term: keyof typeof parts): number => state.cost[term] * parts[term][q]![t]!
        // a cost leaves out what is the same for all pairs of an image
        expect(of('class') + of('l1') + of('giou')).toBeCloseTo(value, 4)
      }),
    )
    targetOf.forEach((target, query) => target !== undefined && expect(queryOf[target]).toBe(query))
    expect(targetOf.filter((target) => target !== undefined)).toHaveLength(
      Math.min(state.queries.length, state.targets.length),
    )
  })

  test('any state within the limits is taken', () => {
    fc.assert(
      fc.property(states, (state) => {
        const { loss, gradients } = study(settle(state))
        expect(Number.isFinite(loss) && gradients.boxes.flat().every(Number.isFinite)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })
})

describe('explain', () => {
  test('the hint of a scene comes true: the cheapest query of both targets serves one', () => {
    const state = stateOf('chain', 'detr')
    expect(explain(state, study(state))).toContain('The cheapest for T2 is Q1, which serves T1: so the total is less.')
  })

  test('targets and queries that are left over are named, and boxes that do not touch', () => {
    const crowd = stateOf('crowd', 'dino')
    expect(explain(crowd, study(crowd)).join(' ')).toMatch(/T\d finds no query\. It adds nothing to the sums/)
    const walk = stateOf('walk', 'detr')
    expect(explain(walk, study(walk))).toContain(
      'Q4 has no target: its scores are drawn to no-object, and its box gets no gradient.',
    )
    const apart = stateOf('apart', 'detr')
    expect(explain(apart, study(apart))).toContain(
      'Q1 and T1; Q2 and T2 do not overlap. GIoU has a gradient there all the same, where IoU has none.',
    )
    const fine = stateOf('walk', 'dFine')
    expect(explain(fine, study(fine)).at(-1)).toBe(
      'D-FINE classifies by a sigmoid for each class, drawn to the IoU of the pair. Its terms of edges have no part here: ' +
        'they need distributions, which these queries lack.',
    )
    const none = { ...walk, targets: [] }
    expect(explain(none, study(none))[0]).toMatch(/^There is no target/)
  })
})

describe('link', () => {
  test('a state comes back from its hash with every digit', () => {
    fc.assert(
      fc.property(states, (given) => {
        const state = settle(given)
        expect(fromHash(`#${toHash(state)}`)).toEqual(state)
      }),
    )
  })

  const good = toHash(settle(stateOf('walk', 'detr')))
  const change = (key: string, value: string): string => good.replace(new RegExp(`\\b${key}=[^&]*`), `${key}=${value}`)

  test.each([
    ['preset', 'momentDetr', 'there is no preset momentDetr'],
    ['preset', 'toString', 'there is no preset toString'],
    ['cost', '1,2', 'cost needs 3 numbers, got 1,2'],
    ['weights', '1,,2', 'weights needs 3 numbers, got 1,,2'],
    ['no-object', 'Infinity', 'no-object needs 1 numbers, got Infinity'],
    ['q', '', 'q has no query'],
    ['q', '1,2;3', 'q needs 8 numbers, got 1,2'],
    ['t', Array(7).fill('0.5,0.5,0.1,0.1,0').join(';'), 't has 7 rows, and 6 are the most'],
    ['t', '0.5,0.5,0.1,0.1,3', 'there is no label 3'],
    ['preset', 'x'.repeat(99), `there is no preset ${'x'.repeat(40)}…`],
    ['t', '1,'.repeat(99), `t needs 5 numbers, got ${'1,'.repeat(20)}…`],
  ])('%s=%s is refused', (key, value, rule) => {
    expect(() => fromHash(change(key, value))).toThrow(new BadLink(rule))
  })

  test('an absent entry is named, an empty hash is none, and numbers beyond their limits are drawn to them', () => {
    expect(() => fromHash('#preset=detr')).toThrow(new BadLink('q is missing'))
    expect(fromHash('#')).toBeUndefined()
    expect(fromHash(change('cost', '-1,1e9,2'))?.cost).toEqual({ class: 0, l1: LIMITS.weight, giou: 2 })
  })
})

describe('boxes', () => {
  const isWithin = ([cx, cy, w, h]: Box): boolean =>
    [cx - w / 2, cy - h / 2, 1 - cx - w / 2, 1 - cy - h / 2].every((room) => room > -1e-12) &&
    Math.min(w, h) >= LEAST_SIDE - 1e-12
  const points = numbers(2, 3).map(([x, y]) => ({ x: x!, y: y! }))

  test('whatever is done to them, they stay within the image', () => {
    fc.assert(
      fc.property(boxes, points, fc.constantFrom(...CORNERS), (given, point, corner) => {
        const box = fit(given)
        for (const changed of [box, moved(box, point), grown(box, point), stretched(box, corner, point)]) {
          expect(isWithin(changed), `${changed}`).toBe(true)
        }
      }),
    )
  })

  test('a corner that is drawn leaves the opposite one where it is', () => {
    const box: Box = [0.5, 0.5, 0.2, 0.2]
    const [first, , third] = CORNERS
    expect(stretched(box, third!, { x: 0.7, y: 0.8 })).toEqual([
      expect.closeTo(0.55),
      expect.closeTo(0.6),
      expect.closeTo(0.3),
      expect.closeTo(0.4),
    ])
    expect(cornerOf(stretched(box, first!, { x: 0.9, y: 0.9 }), third!)).toEqual({
      x: expect.closeTo(0.6),
      y: expect.closeTo(0.6),
    })
  })

  test('moving keeps the size, and growing keeps the centre', () => {
    expect(moved([0.5, 0.5, 0.2, 0.2], { x: 9, y: -0.1 })).toEqual([0.9, 0.4, 0.2, 0.2])
    expect(grown([0.2, 0.5, 0.2, 0.2], { x: 9, y: 0.1 })).toEqual([0.2, 0.5, 0.4, expect.closeTo(0.3)])
    expect(contains([0.5, 0.5, 0.2, 0.2], { x: 0.6, y: 0.41 })).toBe(true)
    expect(contains([0.5, 0.5, 0.2, 0.2], { x: 0.61, y: 0.5 })).toBe(false)
  })
})

describe('descent', () => {
  test('a step takes each number against its gradient', () => {
    const state = settle(stateOf('walk', 'detr'))
    const { gradients } = study(state)
    const [before, after] = [state.queries[0]!, stepped(state, { gradients }, 0.001).queries[0]!]
    after.box.forEach((value, i) => expect(value).toBeCloseTo(before.box[i]! - 0.001 * gradients.boxes[0]![i]!, 5))
    after.logits.forEach((value, i) =>
      expect(value).toBeCloseTo(before.logits[i]! - LOGIT_RATE * 0.001 * gradients.logits[0]![i]!, 5),
    )
  })

  test.each(NAMES)('%s: a hundred steps lower the loss of every scene', (name) => {
    for (const scene of SCENE_NAMES) {
      let state = settle(stateOf(scene, name))
      const first = study(state).loss
      for (let i = 0; i < 100; i++) state = stepped(state, study(state), 0.002)
      expect(study(state).loss, scene).toBeLessThan(0.85 * first)
    }
  })
})

describe('arrows', () => {
  const size = { x: 400, y: 300 }
  /** Where the shafts of a path begin and end. */
  const shafts = (path: string): number[][] =>
    Array.from(path.matchAll(/M(\S+) (\S+)L(\S+) (\S+)M/g), ([, ...ends]) => ends.map(Number))

  test('the centre is drawn along minus the gradient, by less than a ninth of the picture', () => {
    const [[x, y, toX, toY] = []] = shafts(centreArrow([0.5, 0.5, 0.2, 0.2], [3, -4, 0, 0], size))
    expect([x, y]).toEqual([200, 150])
    expect((toX! - 200) / (toY! - 150)).toBeCloseTo(-3 / 4, 1)
    expect(toX).toBeLessThan(200)
    const [[, , far] = []] = shafts(centreArrow([0.5, 0.5, 0.2, 0.2], [-1e9, 0, 0, 0], size))
    expect(far).toBeCloseTo(244, 1)
  })

  test('sides are drawn outwards where a step makes the box larger, inwards where smaller, and not where nothing pulls', () => {
    const [right, left, bottom, top] = shafts(sizeArrows([0.5, 0.5, 0.2, 0.2], [0, 0, -5, 5], size))
    expect([right![0], left![0], bottom![1], top![1]]).toEqual([240, 160, 180, 120])
    expect(right![2]! > 240 && left![2]! < 160 && bottom![3]! < 180 && top![3]! > 120).toBe(true)
    expect(sizeArrows([0.5, 0.5, 0.2, 0.2], [0, 0, 0, 0], size)).toBe('')
    expect(centreArrow([0.5, 0.5, 0.2, 0.2], [0, 0, 0, 0], size)).toBe('')
  })
})

describe('scores', () => {
  test('softmax over all columns, or a sigmoid of each class; and the class that they speak for', () => {
    expect(probabilities([1, 1, 1, 1], 4)).toEqual([0.25, 0.25, 0.25, 0.25])
    expect(probabilities([0, 0, 0, 9], 3)).toEqual([0.5, 0.5, 0.5])
    expect([classOf([0, 1, 0, 2], 4), classOf([0, 1, 0, 2], 3), classOf([-1, -2, -3, 0], 3)]).toEqual([
      undefined,
      1,
      undefined,
    ])
  })
})

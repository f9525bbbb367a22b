/** Situations to begin with, each with something to see. */
import type { Query, State, Target } from './state.ts'

/** A situation, and what to look at. */
export interface Scene extends Pick<State, 'queries' | 'targets'> {
  readonly title: string
  readonly hint: string
}

const [PERSON, DOG, KITE] = [0, 1, 2]

const target = (label: number, ...box: [number, number, number, number]): Target => ({ label, box })
const query = (logits: number[], ...box: [number, number, number, number]): Query => ({ logits, box })

export const SCENES = {
  walk: {
    title: 'A walk in the park',
    hint: 'Drag Q4 towards a target until it takes over.',
    targets: [
      target(PERSON, 0.24, 0.56, 0.2, 0.62),
      target(DOG, 0.55, 0.76, 0.26, 0.26),
      target(KITE, 0.76, 0.24, 0.2, 0.24),
    ],
    queries: [
      query([2, -1, -1, 0], 0.29, 0.5, 0.24, 0.5),
      query([-1, 1, -1.5, 0.5], 0.48, 0.7, 0.2, 0.34),
      query([-1, -1.5, 1.5, 0], 0.83, 0.32, 0.18, 0.2),
      query([-0.5, 0, -1, 1], 0.72, 0.62, 0.22, 0.2),
    ],
  },
  crossed: {
    title: 'Place against class',
    hint: 'Each query has the class of one target and the place of the other. The weights of the cost decide.',
    targets: [target(PERSON, 0.28, 0.52, 0.26, 0.52), target(DOG, 0.7, 0.58, 0.28, 0.34)],
    queries: [
      query([-2, 2.5, -1.5, 0], 0.34, 0.47, 0.24, 0.46),
      query([2.5, -2, -1.5, 0], 0.65, 0.52, 0.3, 0.3),
      query([-1, -1, -1, 2], 0.5, 0.2, 0.16, 0.16),
    ],
  },
  rivals: {
    title: 'Two want the same',
    hint: 'One target, two queries on it: the one that is left over learns to say no-object.',
    targets: [target(DOG, 0.46, 0.52, 0.36, 0.44)],
    queries: [
      query([-1.5, 2, -1, 0], 0.5, 0.47, 0.32, 0.4),
      query([-1.5, 2, -1, 0], 0.41, 0.58, 0.34, 0.4),
      query([-1, -1, -1, 2], 0.82, 0.24, 0.18, 0.2),
    ],
  },
  chain: {
    title: 'Not the nearest one',
    hint: 'Q1 is the cheapest for both targets. The best total gives it to the target that has no good other.',
    targets: [target(PERSON, 0.36, 0.5, 0.2, 0.4), target(PERSON, 0.56, 0.5, 0.2, 0.4)],
    queries: [
      query([2, -1, -1, 0], 0.47, 0.5, 0.2, 0.4),
      query([1.5, -1, -1, 0], 0.83, 0.46, 0.2, 0.4),
      query([-1, -1, -1, 2], 0.14, 0.2, 0.16, 0.2),
    ],
  },
  apart: {
    title: 'Far apart',
    hint: 'No box touches its target. GIoU draws them together all the same; let it descend.',
    targets: [target(KITE, 0.22, 0.26, 0.2, 0.24), target(DOG, 0.74, 0.74, 0.26, 0.26)],
    queries: [query([-1, -1, 1, 0], 0.62, 0.2, 0.14, 0.14), query([-1, 1, -1, 0], 0.3, 0.78, 0.16, 0.18)],
  },
  crowd: {
    title: 'More targets than queries',
    hint: 'A target finds no query: it adds nothing to the terms, and still counts in the divisor of L1 and GIoU.',
    targets: [
      target(PERSON, 0.2, 0.54, 0.16, 0.5),
      target(PERSON, 0.42, 0.52, 0.16, 0.54),
      target(PERSON, 0.64, 0.56, 0.16, 0.48),
      target(KITE, 0.84, 0.24, 0.18, 0.22),
    ],
    queries: [
      query([1.5, -1, -1, 0], 0.27, 0.5, 0.18, 0.46),
      query([1.5, -1, -1, 0], 0.55, 0.56, 0.18, 0.46),
      query([-1, -1, 1.5, 0], 0.78, 0.32, 0.2, 0.2),
    ],
  },
} as const satisfies Readonly<Record<string, Scene>>

export type SceneName = keyof typeof SCENES

/** The scene that the page opens with. */
export const FIRST_SCENE: SceneName = 'walk'

/** Whether a word names a scene. */
export const isScene = (word: string): word is SceneName => Object.hasOwn(SCENES, word)

/**
 * Denoising queries: each starts from what a true object might be taken for, and learns to say what is really there. It knows
 * its target, so it learns from the first step on, without waiting for the matching to settle (Li et al. 2022, DN-DETR). The
 * negatives start farther away and learn to be background (Zhang et al. 2023, DINO).
 */
import { CLASSES } from './data.js'

/** How often a label is replaced by a random one. */
const LABEL_NOISE = 0.5
/** How far a positive may start from its object's centre, in halves of the box; a negative starts up to twice as far. */
const PLACE_NOISE = 0.5
/** Distance of a place from the canvas's edge. */
const MARGIN = 0.02

/**
 * @typedef {{ labels: number[], places: [number, number][], groups: number }} Noisy
 *   The queries of all images, and in each image of all groups: first the positives, one for each target, then as many
 *   negatives. Where another image has more targets, the rest start anywhere. Places `[x, y]` in (0, 1).
 * @param {import('./random.js').Random} random
 * @param {import('./data.js').Target[]} targets of each image
 * @param {number} groups how often each target is given
 * @returns {Noisy}
 */
export function drawNoisy(random, targets, groups) {
  const most = Math.max(1, ...targets.map(({ labels }) => labels.length))
  const queries = targets.flatMap((target) =>
    Array.from({ length: groups * 2 * most }, (_, query) =>
      drawQuery(random, target, query % most, Math.floor(query / most) % 2),
    ),
  )
  return { labels: queries.map(({ label }) => label), places: queries.map(({ place }) => place), groups }
}

/** One query for object `index` of an image, or for none if it has fewer. `negative`: 0 or 1. */
function drawQuery(random, { labels, boxes }, index, negative) {
  const exists = index < labels.length
  const label = exists && random.uniform() >= LABEL_NOISE ? labels[index] : random.integer(CLASSES)
  const place = [0, 1].map((axis) => {
    if (!exists) return inside(random.uniform())
    const [centre, side] = [boxes[4 * index + axis], boxes[4 * index + 2 + axis]]
    const distance = PLACE_NOISE * (side / 2) * (random.uniform() + negative)
    return inside(centre + (random.uniform() < 0.5 ? -distance : distance))
  })
  return { label, place }
}

const inside = (coordinate) => Math.min(1 - MARGIN, Math.max(MARGIN, coordinate))

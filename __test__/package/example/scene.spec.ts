/** The pictures of the training example: what is there, what was found, and which of it is right. */
import { expect, test } from 'vitest'
import { CANVAS } from '../../../examples/train-digits/data.js'
import { meanIou } from '../../../examples/train-digits/metrics.js'
import { scenePicture } from '../../../examples/train-digits/report/scene.js'

const boxesOf = (...boxes: number[][]) => Float64Array.from(boxes.flat())

/** Two digits, both matched, the second as another digit; of two more queries one is sure. */
const picture = () =>
  scenePicture(
    new Float32Array(CANVAS ** 2),
    { labels: Int32Array.of(3, 8), boxes: Float32Array.of(8, 8, 24, 24, 40, 40, 56, 56), boxFormat: 'xyxy' },
    {
      boxes: boxesOf([8, 9, 24, 25], [40, 41, 56, 57], [42, 40, 58, 56], [0, 50, 20, 60]),
      scores: Float64Array.of(0.991, 0.6, 0.52, 0.49),
      labels: Int32Array.of(3, 5, 8, 1),
      queryIndices: Int32Array.of(7, 2, 9, 0),
      boxFormat: 'xyxy',
    },
    { queryIndices: Int32Array.of(2, 7), targetIndices: Int32Array.of(1, 0) },
    0.5,
  )

test('scenePicture: a match of the true digit is right, of another wrong, and only a sure query without a match is drawn', () => {
  const texts = Array.from(picture().matchAll(/<text class="(\w+)"[^>]*><title>([^<]*)<\/title>([^<]*)/g), (found) =>
    found.slice(1),
  )
  expect(texts).toEqual([
    ['truth', 'true 3', '3'],
    ['truth', 'true 8', '8'],
    ['wrong', 'true 8, matched with query 2: 5, 60% sure', '5 60%'],
    ['right', 'true 3, matched with query 7: 3, 99% sure', '3 99%'],
    ['extra', 'not matched: query 9: 8, 52% sure', '8 52%'],
  ])
  expect(picture()).toContain('aria-label="True: 3, 8. Found: 5 60%, 3 99%, 8 52%."')
})

test('scenePicture: boxes are where they are on the canvas, and a line joins each matched pair', () => {
  const rects = Array.from(picture().matchAll(/<rect class="(\w+)" x="(\S+)" y="(\S+)" width="(\S+)"/g), (found) =>
    found.slice(1).join(' '),
  )
  expect(rects).toEqual(['truth 8 8 16', 'truth 40 40 16', 'wrong 40 41 16', 'right 8 9 16', 'extra 42 40 16'])
  const links = Array.from(picture().matchAll(/<path class="(\w+) link" d="([^"]+)"/g), (found) => found.slice(1))
  expect(links).toEqual([
    ['wrong', 'M56 48L116 49'],
    ['right', 'M24 16L84 17'],
  ])
})

test('scenePicture: sixteen queries at one place, all of them sure, have sixteen labels that do not touch', () => {
  const queries = Array.from({ length: 16 }, (_, query) => query)
  const html = scenePicture(
    new Float32Array(CANVAS ** 2),
    { labels: Int32Array.of(7), boxes: Float32Array.of(24, 24, 40, 44), boxFormat: 'xyxy' },
    {
      boxes: boxesOf(...queries.map((query) => [24 + query / 8, 24, 40, 44])),
      scores: Float64Array.from(queries, () => 0.999),
      labels: Int32Array.from(queries, () => 7),
      queryIndices: Int32Array.from(queries),
      boxFormat: 'xyxy',
    },
    { queryIndices: Int32Array.of(3), targetIndices: Int32Array.of(0) },
    0.5,
  )
  const found = Array.from(
    html.matchAll(/<text class="\w+" x="(\S+)" y="(\S+)" textLength="(\S+)"[^>]*><title>[^<]*<\/title>7 /g),
  )
  const labels = found.map(([, x, y, width]) => ({ x: Number(x), y: Number(y), width: Number(width) }))
  expect(labels).toHaveLength(16)
  for (const [i, a] of labels.entries())
    for (const b of labels.slice(0, i))
      expect(Math.abs(a.y - b.y) > 4.6 || a.x >= b.x + b.width + 0.7 || b.x >= a.x + a.width + 0.7).toBe(true)
})

test('scenePicture: an image without objects, where nothing was found', () => {
  const none = { boxes: boxesOf(), scores: boxesOf(), labels: Int32Array.of(), queryIndices: Int32Array.of() }
  const html = scenePicture(
    new Float32Array(CANVAS ** 2),
    { labels: Int32Array.of(), boxes: new Float32Array(0), boxFormat: 'xyxy' },
    { ...none, boxFormat: 'xyxy' },
    { queryIndices: Int32Array.of(), targetIndices: Int32Array.of() },
    0.5,
  )
  expect(html).toContain('True: nothing. Found: nothing.')
  expect(html).not.toContain('<rect')
})

test('meanIou: each true box counts with the sure detection of its image that overlaps it most, or with 0', () => {
  const truths = [Float32Array.of(0, 0, 2, 2, 4, 4, 6, 6), new Float32Array(0), Float32Array.of(0, 0, 2, 2)]
  const detections = [
    { boxes: boxesOf([0, 0, 2, 1], [0, 0, 2, 1.5], [0, 0, 2, 2]), scores: Float64Array.of(0.9, 0.5, 0.49) },
    { boxes: boxesOf([0, 0, 2, 2]), scores: Float64Array.of(1) },
    { boxes: boxesOf(), scores: boxesOf() },
  ]
  const images = truths.map((boxes) => ({ boxes }))
  expect(meanIou(detections, images, 0.5)).toBeCloseTo(0.75 / 3, 12)
})

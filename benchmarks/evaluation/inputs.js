/** What is evaluated: COCO's JSON objects, of files or random. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Random } from '../random.js'

/**
 * @typedef {object} Inputs
 * @property {{ images: object[], annotations: object[], categories: object[] }} dataset COCO's annotations
 * @property {object[]} results COCO's results
 */

/** Parses a file of JSON, compressed by gzip or not. */
export function readJson(file) {
  const bytes = readFileSync(file)
  return JSON.parse(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes)
}

/**
 * Random images with as many classes as COCO has: boxes of all sizes, a crowd among a hundred objects; detections near
 * most objects, mostly of the right class, and others anywhere.
 * @param {{ images: number, targets: number, detections: number }} size with the mean numbers of an image
 * @param {number} seed
 * @returns {Inputs}
 */
export function randomInputs({ images, targets, detections }, seed) {
  const random = new Random(seed)
  const categories = Array.from({ length: 80 }, (_, k) => ({ id: k + 1 + Math.floor(k / 8) }))
  const category = () => categories[Math.min(79, Math.floor(80 * random.uniform() ** 2))].id
  const box = () => {
    const [w, h] = [8, 8].map((least) => least + 400 * random.uniform() ** 3)
    return [round((640 - w) * random.uniform()), round((480 - h) * random.uniform()), round(w), round(h)]
  }
  const dataset = { images: [], annotations: [], categories }
  const results = []
  for (let image = 0; image < images; image++) {
    const id = 3 * image + 1
    dataset.images.push({ id, width: 640, height: 480 })
    const own = Array.from({ length: random.integer(2 * targets + 1) }, () => {
      const bbox = box()
      const area = round(bbox[2] * bbox[3] * (0.4 + 0.6 * random.uniform()))
      return { image_id: id, category_id: category(), bbox, area, iscrowd: Number(random.uniform() < 0.01) }
    })
    for (const annotation of own) dataset.annotations.push({ id: dataset.annotations.length + 1, ...annotation })
    const count = random.integer(2 * detections + 1)
    for (let k = 0; k < count; k++) {
      const near = own.length > 0 && random.uniform() < 0.6 ? own[random.integer(own.length)] : undefined
      const bbox = near === undefined ? box() : near.bbox.map((side) => round(side + 4 * random.normal()))
      const category_id = near !== undefined && random.uniform() < 0.8 ? near.category_id : category()
      const score = round(near === undefined ? random.uniform() / 2 : random.uniform(), 1e4)
      results.push({ image_id: id, category_id, bbox: bbox.map((side) => Math.max(side, 0)), score })
    }
  }
  return { dataset, results }
}

function round(value, factor = 100) {
  return Math.round(value * factor) / factor
}

/** Masks in pictures. */
import { describe, expect, test } from 'vitest'
import { readBatch } from '../../../src/cli/file/read.ts'
import { bitmapOf, middleOf, outlineOf, runsOf } from '../../../src/cli/page/mask.ts'
import { pageOf } from '../../../src/cli/page/page.ts'
import { studyBatch } from '../../../src/cli/study/study.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import { batchPath } from '../../support/batches.ts'
import { randomNumbers } from '../../support/helpers.ts'

const FACTS = { name: 'masks.npz', preset: 'maskFormer', isGuessed: true, leftOut: [] }
const isIn = (value: number) => value === 1

/** The pixels that rectangles of one row cover, each as often as it is covered. */
function painted(path: string, height: number, width: number): number[] {
  const pixels = Array.from({ length: height * width }, () => 0)
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let i = 0; i < Number(length); i++) {
      const at = Number(y) * width + Number(x) + i
      pixels[at] = (pixels[at] as number) + 1
    }
  }
  return pixels
}

describe('paths', () => {
  const random = randomNumbers(4)
  const masks = Array.from({ length: 20 }, () => {
    const [height, width] = [1 + Math.floor(9 * random()), 1 + Math.floor(9 * random())]
    return { data: Array.from({ length: height * width }, () => Number(random() < 0.5)), height, width }
  })

  test('runs cover each pixel of a mask once, and no other', () => {
    for (const mask of masks) {
      expect(painted(runsOf(bitmapOf(mask, isIn)), mask.height, mask.width)).toEqual(mask.data)
    }
  })

  test('an outline has as long lines as there are borders', () => {
    for (const { data, height, width } of masks) {
      const at = (x: number, y: number) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : data[y * width + x])
      let borders = 0
      for (let y = 0; y <= height; y++) {
        for (let x = 0; x <= width; x++)
          borders += Number(at(x, y) !== at(x, y - 1)) + Number(at(x, y) !== at(x - 1, y))
      }
      const lengths = Array.from(outlineOf(bitmapOf({ data, height, width }, isIn)).matchAll(/[hv](\d+)/g), ([, n]) =>
        Number(n),
      )
      expect(lengths.reduce((a, b) => a + b, 0)).toBe(borders)
    }
  })

  test('the middle is that of the pixels, and an empty mask has none', () => {
    expect(middleOf(bitmapOf({ data: [0, 0, 0, 1, 0, 0, 0, 1], height: 2, width: 4 }, isIn))).toEqual([0.875, 0.5])
    expect(middleOf(bitmapOf({ data: [0, 0], height: 1, width: 2 }, isIn))).toBeUndefined()
  })

  test('a large mask is drawn with fewer pixels', () => {
    const mask = { data: new Uint8Array(1000 * 1500).fill(1), height: 1000, width: 1500 }
    const { height, width } = bitmapOf(mask, isIn)
    expect([height, width]).toEqual([63, 94])
    expect(outlineOf(bitmapOf(mask, isIn))).toBe('M0 0h94M0 63h94M0 0v63M94 0v63')
  })
})

test.each([
  ['masks.npz', HungarianLoss.maskFormer({ numClasses: 4 }), ['maskFocal', 'maskDice']],
  ['masks.json', HungarianLoss.detrMasks({ numClasses: 4 }), ['maskFocal', 'maskDice', 'giou']],
] as const)('the page of %s shows both masks of every pair, and their terms', async (file, criterion, terms) => {
  const batch = await readBatch(batchPath(file))
  const study = studyBatch(batch, criterion, { images: [], layer: undefined })
  const page = pageOf(study, FACTS)
  for (const { image, pairs, targets, queries } of study.loss?.drawn ?? []) {
    const article = page.split(`id="image-${image}"`)[1]?.split('</article>')[0] as string
    expect(article.match(/<path class="mask truth"/g)).toHaveLength(targets.length)
    for (const { query, target } of pairs) {
      const [group] = new RegExp(`<g class="tie c${target}" data-target="${target}">.*?</g>`).exec(
        article,
      ) as RegExpExecArray
      const shown = targets[target] as (typeof targets)[number]
      const { data, height, width } = shown.mask as NonNullable<typeof shown.mask>
      const [, truth] = /class="mask truth"[^>]* d="([^"]+)"/.exec(group) as RegExpExecArray
      expect(painted(truth as string, height, width)).toEqual(Array.from(data))
      const isSeen = queries[query]?.mask?.data.some((logit) => logit > 0)
      expect(group.includes('class="mask guess"')).toBe(isSeen)
    }
  }
  for (const term of terms) expect(page).toContain(`<dt>${term}</dt>`)
  expect(page).toContain('its mask filled')
  if (criterion.options.cost.maskFocal === 0) return
  expect(page).toMatch(/<input type="radio"[^>]*>maskFocal/)
})

/** The page: its numbers are the library's, it needs nothing else, and no text of a file becomes a part of it. */
import { describe, expect, test } from 'vitest'
import { readBatch } from '../../../src/cli/file/read.ts'
import { pageOf } from '../../../src/cli/page/page.ts'
import { number } from '../../../src/cli/page/text.ts'
import { studyBatch } from '../../../src/cli/study/study.ts'
import type { LossStudy } from '../../../src/cli/study/study.ts'
import { HungarianLoss } from '../../../src/criterion/criterion.ts'
import { batchPath } from '../../support/batches.ts'

const FACTS = { name: 'batch.npz', preset: 'detr', isGuessed: true, leftOut: ['image_id'] }
const batch = await readBatch(batchPath('pytorch.npz'))
const criterion = HungarianLoss.detr({ numClasses: 4 })
const study = studyBatch(batch, criterion, { images: [], layer: undefined })
const page = pageOf(study, FACTS)

/** What the page holds as JSON. */
const numbers = JSON.parse(/id="numbers">(.*?)<\/script>/.exec(page)?.[1] ?? '') as LossStudy

/** The costs of a map's cells, by row and column. */
function cellsOf(image: number, map: number): number[][] {
  const [, article] = page.split(`id="image-${image}"`)
  const [, table] = (article as string).split(`data-map="${map}"`)
  const rows = (table as string).split('</table>')[0]?.split('<tr>').slice(2) as string[]
  return rows.map((row) => Array.from(row.matchAll(/data-cost="([^"]+)"/g), ([, cost]) => Number(cost)))
}

describe("the library's numbers", () => {
  test('loss, terms and layers', () => {
    const result = criterion.compute(batch.outputs, batch.targets)
    expect(numbers.total).toBe(result.loss)
    expect(numbers.layers.map(({ terms }) => terms)).toEqual(result.layers.map(({ terms }) => terms))
    expect(page).toContain(`<dt>loss</dt><dd>${number(result.loss)}</dd>`)
    for (const { terms } of result.layers) expect(page).toContain(`<td>${number(terms.giou)}</td>`)
  })

  test('pairs and costs, whole and by term', () => {
    const { matches } = criterion.match(batch.outputs, batch.targets)
    const { images } = criterion.cost(batch.outputs, batch.targets)
    for (const [image, { queryIndices, targetIndices }] of matches.entries()) {
      const drawn = numbers.drawn[image] as LossStudy['drawn'][number]
      expect(drawn.pairs.map(({ query }) => query)).toEqual(Array.from(queryIndices))
      expect(drawn.pairs.map(({ target }) => target)).toEqual(Array.from(targetIndices))
      const { data, shape } = images[image] as (typeof images)[number]
      const [whole, ...terms] = [0, 1, 2, 3].map((map) => cellsOf(image, map))
      expect(whole).toHaveLength(shape[0])
      for (const row of whole as number[][]) {
        const query = Array.from({ length: shape[0] }, (_, q) => q).find((q) => data[q * shape[1]] === row[0]) as number
        expect(row).toEqual(Array.from(data.subarray(query * shape[1], (query + 1) * shape[1])))
      }
      for (const [r, row] of (whole as number[][]).entries()) {
        for (const [t, cost] of row.entries()) {
          expect(terms.reduce((all, map) => all + (map[r]?.[t] as number), 0)).toBeCloseTo(cost, 4)
        }
      }
    }
  })

  test('every pair is in a picture and in the list, with its loss', () => {
    for (const { image, pairs, queries } of numbers.drawn) {
      const article = page.split(`id="image-${image}"`)[1]?.split('</article>')[0] as string
      for (const { query, target } of pairs) {
        const { loss } = queries.find((entry) => entry.query === query) as (typeof queries)[number]
        expect(article).toMatch(
          new RegExp(`<g class="tie c${target % 8}" data-target="${target}"><title>[^<]*query ${query} predicts`),
        )
        expect(article).toContain(`<td>${number(loss)}</td>`)
      }
    }
  })
})

test('the page needs nothing else', () => {
  expect(page).not.toMatch(/https?:|\ssrc=|<link|@import|url\(|fetch\(/)
  expect(page).toMatch(/<meta http-equiv="Content-Security-Policy" content="default-src 'none'; /)
  expect(page.match(/<a href="([^"]+)"/g)).toEqual(expect.arrayContaining(['<a href="#image-0"']))
})

test('what a file is called, and what its keys are called, is text', () => {
  const name = `</script><script>alert("'&")</script>.npz`
  const hostile = pageOf(study, { ...FACTS, name, leftOut: [name] })
  expect(hostile.match(/<script/g)).toEqual(page.match(/<script/g))
  expect(hostile.includes('alert("')).toBe(false)
})

test('labels and examples that hold markup stay text', () => {
  const { findings } = studyBatch(
    { ...batch, targets: [{ '<b>': 1, labels: [] }, { labels: [] }] as unknown as typeof batch.targets },
    criterion,
    { images: [], layer: undefined },
  )
  const refused = pageOf({ ...study, findings, loss: undefined }, FACTS)
  expect(refused).toContain('&#60;b&#62;')
  expect(refused).not.toContain('<b>')
  expect(refused).toContain('The batch is refused')
})

test('a batch without targets, and one without images, have pages', () => {
  const logits = { data: new Float32Array(12), shape: [1, 3, 4] }
  const boxes = { data: new Float32Array(12).fill(0.25), shape: [1, 3, 4] }
  const detr = HungarianLoss.detr({ numClasses: 3 })
  const none = { outputs: { logits, boxes }, targets: [{ labels: [], boxes: [] }], sizes: [], leftOut: [] }
  expect(pageOf(studyBatch(none, detr, { images: [], layer: undefined }), FACTS)).toContain('has no target')
  const empty = { logits: { data: [], shape: [0, 3, 4] }, boxes: { data: [], shape: [0, 3, 4] } }
  const nothing = { outputs: empty, targets: [], sizes: [], leftOut: [] }
  expect(pageOf(studyBatch(nothing, detr, { images: [], layer: undefined }), FACTS)).toContain(
    '<dt>images</dt><dd>0</dd>',
  )
})

test('targets and queries beyond what a map shows are counted', () => {
  const [queries, targets] = [100, 50]
  const of = (length: number, value: (i: number) => number) => Float32Array.from({ length }, (_, i) => value(i))
  const many = {
    outputs: {
      logits: { data: of(queries * 3, (i) => Math.sin(i)), shape: [1, queries, 3] },
      boxes: { data: of(queries * 4, (i) => 0.3 + 0.2 * Math.sin(i)), shape: [1, queries, 4] },
    },
    targets: [
      { labels: Array.from({ length: targets }, () => 0), boxes: of(targets * 4, (i) => 0.3 + 0.2 * Math.cos(i)) },
    ],
    sizes: [],
    leftOut: [],
  }
  const shown = pageOf(studyBatch(many, HungarianLoss.detr({ numClasses: 2 }), { images: [], layer: undefined }), FACTS)
  const rows = shown.split('<main>')[1]?.split('data-map="0"')[1]?.split('</table>')[0]?.match(/<tr>/g)
    ?.length as number
  const said = /not shown: [^<]+/.exec(shown)?.[0].replaceAll('\u00a0', ' ')
  expect(said).toBe(`not shown: ${queries - (rows - 1)} further queries and 10 targets`)
})

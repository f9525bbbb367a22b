/** All numbers that the playground shows, read from its page; and the same of its link, computed by the native addon. */
import { HungarianLoss } from 'hungarian-loss'

const TERMS = ['class', 'l1', 'giou']
const NUM_CLASSES = 3

/** What the page shows, with all digits. The link is that of the same state. */
export async function shownBy(page) {
  await page.click('#share')
  const shown = await page.evaluate(`(() => {
    const numbers = (selector, within = document) => Array.from(within.querySelectorAll(selector), ({ value }) => Number(value))
    const rows = (selector) => Array.from(document.querySelectorAll(selector), (row) => numbers('data', row))
    const matched = Array.from(document.querySelectorAll('#matrix tbody tr'), (row) => {
      const place = Array.from(row.querySelectorAll('td')).findIndex((cell) => 'matched' in cell.dataset)
      return place < 0 ? null : place
    })
    return {
      hash: location.hash,
      loss: Number(document.getElementById('loss').value),
      terms: rows('#terms tr'),
      cost: rows('#matrix tbody tr'),
      matched,
      logits: rows('#scores tbody tr'),
    }
  })()`)
  const boxes = []
  for (let query = 1; query <= shown.logits.length; query++) {
    await page.click(`#scores tbody tr:nth-child(${query})`)
    boxes.push(await page.evaluate(`Array.from(document.querySelectorAll('#box data'), ({ value }) => Number(value))`))
  }
  return { ...shown, boxes }
}

/** The numbers of a link, by the addon. */
export function computed(hash) {
  const { preset, cost, weights, noObject, queries, targets } = readLink(hash)
  const { kind } = new HungarianLoss({ numClasses: NUM_CLASSES }, preset).options.classification
  const classification = kind === 'softmax' ? { kind, noObjectWeight: noObject } : undefined
  const criterion = new HungarianLoss({ numClasses: NUM_CLASSES, classification, cost, weights }, preset)
  const columns = kind === 'softmax' ? NUM_CLASSES + 1 : NUM_CLASSES
  const outputs = {
    logits: { data: queries.flatMap((row) => row.slice(4, 4 + columns)), shape: [1, queries.length, columns] },
    boxes: { data: queries.flatMap((row) => row.slice(0, 4)), shape: [1, queries.length, 4] },
  }
  const batch = [{ labels: targets.map((row) => row[4]), boxes: targets.map((row) => row.slice(0, 4)) }]
  const { loss, terms, matches, gradients } = criterion.compute(outputs, batch)
  const [{ queryIndices, targetIndices }] = matches
  return {
    hash,
    loss,
    terms: TERMS.map((term) => [terms[term], weights[term], terms[term] * weights[term]]),
    cost: rowsOf(criterion.cost(outputs, batch).images[0].data, queries.length, targets.length),
    matched: queries.map((_, query) => targetIndices[queryIndices.indexOf(query)] ?? null),
    logits: rowsOf(gradients.logits, queries.length, columns),
    boxes: rowsOf(gradients.boxes, queries.length, 4),
  }
}

/** What a link says, without the page's own code. */
export function readLink(hash) {
  const entries = Object.fromEntries(
    hash
      .slice(1)
      .split('&')
      .map((entry) => entry.split('=')),
  )
  const list = (text) => text.split(',').map(Number)
  const rows = (text) => (text === '' ? [] : text.split(';').map(list))
  const byTerm = (text) => Object.fromEntries(list(text).map((weight, i) => [TERMS[i], weight]))
  return {
    preset: entries.preset,
    cost: byTerm(entries.cost),
    weights: byTerm(entries.weights),
    noObject: Number(entries['no-object']),
    queries: rows(entries.q),
    targets: rows(entries.t),
  }
}

// a number that is written has no sign of zero
const rowsOf = (data, rows, columns) =>
  Array.from({ length: rows }, (_, row) =>
    Array.from(data.slice(row * columns, (row + 1) * columns), (value) => value + 0),
  )

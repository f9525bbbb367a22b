/** One image: its picture, its pairs, its costs and its queries. */
import type { ResolvedOptions } from '../../options/options.ts'
import type { ImageStudy, LossStudy, QueryStudy } from '../study/study.ts'
import { chip } from './colours.ts'
import { labelOf, mapsOf } from './heat.ts'
import { layerName, track } from './loss.ts'
import { pictureOf } from './picture.ts'
import { count, escape, number, percent, scrolling } from './text.ts'

/** So many queries are listed. */
const LISTED = 12

/** All that is shown of an image. */
export function imageOf(image: ImageStudy, loss: LossStudy, options: ResolvedOptions): string {
  const picture = pictureOf(image, options)
  const share = loss.total > 0 ? image.loss / loss.total : 0
  const layer = layerName(loss.layers, loss.layer)
  const facts = [
    `loss ${number(image.loss)}, ${percent(share)} of the batch`,
    count(image.targets.length, 'target'),
    ...(layer === '' ? [] : [`shown: ${layer}`]),
  ]
  return `<article class="card image" id="image-${image.image}">
  <header><h3>Image ${image.image}</h3><p>${facts.join(' · ')}</p></header>
  <div class="sides${picture === undefined ? '' : ' two'}">${picture === undefined ? '' : `<section>${picture}</section>`}${pairsOf(image)}</div>
  ${mapsOf(image)}
  ${queriesOf(image)}
</article>`
}

/** The pairs, and targets without one. */
function pairsOf({ image, pairs, targets, queries, unmatched }: ImageStudy): string {
  if (targets.length === 0)
    return '<section><h4>Pairs</h4><p>The image has no target: all queries are background.</p></section>'
  const byQuery = new Map(queries.map((query) => [query.query, query]))
  const lines = pairs
    .toSorted((a, b) => a.target - b.target)
    .map(({ query, target, cost, margin }) => {
      const { label, probability, loss } = byQuery.get(query) as QueryStudy
      return `<tr class="tie" data-target="${target}"><th scope="row">${chip(`t${target}`, target)} ${labelOf(targets[target])}</th>
      <td class="left">${chip(`q${query}`, target)} label ${label}, ${percent(probability)}</td>
      <td>${number(cost)}</td><td>${margin === undefined ? '' : `+${number(margin)}`}</td><td>${number(loss)}</td></tr>`
    })
  const found = new Set(pairs.map(({ target }) => target))
  for (const [target, { isIgnored }] of targets.entries()) {
    if (found.has(target)) continue
    const why = isIgnored ? 'ignored' : 'no query left'
    lines.push(
      `<tr class="tie" data-target="${target}"><th scope="row">${chip(`t${target}`, target)} ${labelOf(targets[target])}</th><td class="left" colspan="4">${why}</td></tr>`,
    )
  }
  const lack = unmatched.length === 0 ? '' : `<p>${count(unmatched.length, 'target')} found no query.</p>`
  return `<section><h4>Pairs</h4>${lack}${scrolling(
    `Pairs of image ${image}`,
    `<table class="wide"><thead><tr><th scope="col">target</th><th class="left" scope="col">query, its best class</th><th scope="col">cost</th><th scope="col">next best</th><th scope="col">loss</th></tr></thead><tbody>${lines.join('')}</tbody></table>`,
  )}<p class="legend">Next best: by how much the best matching without the pair costs more. A small number is a matching that may change at the next step.</p></section>`
}

/** The queries that lose most. */
function queriesOf({ image, queries }: ImageStudy): string {
  const sorted = queries.toSorted((a, b) => b.loss - a.loss)
  const total = queries.reduce((sum, { loss }) => sum + loss, 0)
  const terms = [...new Set(queries.flatMap(({ shares }) => shares.map(({ name }) => name)))]
  const fields = [...new Set(queries.flatMap(({ norms }) => Object.keys(norms)))]
  const head = [
    '<th scope="col">query</th><th class="left" scope="col">role</th><th scope="col">loss</th><th scope="col">share</th><td class="aside"></td>',
    ...terms.map((name) => `<th scope="col">${escape(name)}</th>`),
    ...fields.map((name) => `<th scope="col">gradient<br>by ${escape(name)}</th>`),
  ]
  const lines = sorted.slice(0, LISTED).map((query) => {
    const share = total > 0 ? query.loss / total : 0
    const cells = [
      `<td class="left">${roleOf(query)}</td><td>${number(query.loss)}</td><td>${percent(share)}</td><td class="aside">${track(share)}</td>`,
      ...terms.map((name) => `<td>${termOf(query, name)}</td>`),
      ...fields.map((name) => `<td>${query.norms[name] === undefined ? '' : number(query.norms[name])}</td>`),
    ]
    return `<tr><th scope="row">${chip(`q${query.query}`, query.target)}</th>${cells.join('')}</tr>`
  })
  const others = sorted.slice(LISTED)
  if (others.length > 0) {
    const rest = others.reduce((sum, { loss }) => sum + loss, 0)
    const share = total > 0 ? rest / total : 0
    lines.push(
      `<tr class="rest"><th scope="row">${count(others.length, 'other')}</th><td></td><td>${number(rest)}</td><td>${percent(share)}</td><td class="aside"></td><td colspan="${terms.length + fields.length}"></td></tr>`,
    )
  }
  return `<section><h4>Queries that lose most</h4>${scrolling(
    `Queries of image ${image}`,
    `<table class="wide"><thead><tr>${head.join('')}</tr></thead><tbody>${lines.join('')}</tbody></table>`,
  )}</section>`
}

function roleOf({ role, target, label, probability }: QueryStudy): string {
  if (role === 'matched') return `matched with t${target}`
  return role === 'ignored' ? 'left out, on an ignored target' : `background; label ${label}, ${percent(probability)}`
}

function termOf({ shares }: QueryStudy, name: string): string {
  const share = shares.find((entry) => entry.name === name)
  return share === undefined ? '' : number(share.loss)
}

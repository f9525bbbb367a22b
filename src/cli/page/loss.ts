/** What the loss is made of: terms, layers, images. */
import type { LayerStudy } from '../study/gains.ts'
import type { LossStudy } from '../study/study.ts'
import { TERMS } from '../../terms/index.ts'
import { count, escape, number, percent, scrolling } from './text.ts'

/** So many images are listed. */
const LISTED = 24

/** What each term is of the loss. */
export function termsOf({ total, shares }: LossStudy): string {
  const bars = shares.toSorted((a, b) => b.loss - a.loss).map(({ name, loss }) => bar(name, loss, total))
  return `<section aria-labelledby="terms"><h2 id="terms">What the loss would gain</h2>
  <p>The share of each term in the total, weights included, over all layers. So much lower would the loss be if the term were perfect.</p>
  <div class="card"><dl class="bars">${bars.join('')}</dl></div></section>`
}

function bar(name: string, loss: number, total: number): string {
  const share = total > 0 ? loss / total : 0
  return `<div class="bar"><dt>${escape(name)}</dt><dd class="long">${track(share)}</dd><dd class="value">${number(loss)} <span>${percent(share)}</span></dd></div>`
}

/** A share as a bar. */
export function track(share: number): string {
  const width = Math.min(Math.max(100 * share, 0), 100)
  return `<div class="track"><i style="width: ${width.toFixed(1)}%"></i></div>`
}

/** The layers beside each other, where there are several. */
export function layersOf({ layers, total, layer: shown }: LossStudy): string {
  if (layers.length < 2) return ''
  const names = TERMS.flatMap(({ name }) => (layers.some(({ terms }) => terms[name] !== undefined) ? [name] : []))
  const head = ['layer', 'loss', 'share', ...names, 'class error', 'cardinality error', 'pairs as last']
  const lines = layers.map((entry) => {
    const { part, layer, loss, terms, metrics, agreement } = entry
    const cells = [
      number(loss),
      percent(total > 0 ? loss / total : 0),
      ...names.map((name) => (terms[name] === undefined ? '' : number(terms[name]))),
      percent(metrics.classError / 100),
      number(metrics.cardinalityError),
      agreement === undefined ? '' : percent(agreement),
    ]
    const name = `${part === undefined ? 'decoder' : part} ${layer}${part === undefined && layer === shown ? ', shown below' : ''}`
    return `<tr><th scope="row">${name}</th>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`
  })
  return `<section aria-labelledby="layers"><h2 id="layers">Layers</h2>
  <p>Terms are unweighted. Pairs as last: how many of the pairs of the part's last layer an earlier one has, too.</p>
  <div class="card">${scrolling(
    'Layers',
    `<table class="wide"><thead><tr>${head.map((cell) => `<th scope="col">${escape(cell)}</th>`).join('')}</tr></thead><tbody>${lines.join('')}</tbody></table>`,
  )}</div></section>`
}

/** The name of a layer of the decoder. */
export const layerName = (layers: readonly LayerStudy[], layer: number): string => {
  const many = layers.filter(({ part }) => part === undefined).length
  return many === 1 ? '' : `layer ${layer} of ${many}`
}

/** The images by what they lose. */
export function imagesOf({ images, drawn, total }: LossStudy): string {
  if (images.length < 2) return ''
  const sorted = images.toSorted((a, b) => b.loss - a.loss)
  const shown = new Set(drawn.map(({ image }) => image))
  const lines = sorted.slice(0, LISTED).map(({ image, loss, targets }) => {
    const name = shown.has(image) ? `<a href="#image-${image}">image ${image}</a>` : `image ${image}`
    const share = total > 0 ? loss / total : 0
    return `<tr><th scope="row">${name}</th><td>${targets}</td><td>${number(loss)}</td><td>${percent(share)}</td><td class="aside">${track(share)}</td></tr>`
  })
  const others = sorted.slice(LISTED)
  const rest = others.reduce((sum, { loss }) => sum + loss, 0)
  if (others.length > 0) {
    lines.push(
      `<tr class="rest"><th scope="row">${count(others.length, 'other')}</th><td></td><td>${number(rest)}</td><td>${percent(total > 0 ? rest / total : 0)}</td><td class="aside"></td></tr>`,
    )
  }
  return `<section aria-labelledby="images"><h2 id="images">Images</h2>
  <p>What each adds to the loss of the batch, over all layers.${shown.size < images.length ? ' Those that are links are shown below; --image shows another.' : ''}</p>
  <div class="card">${scrolling(
    'Images',
    `<table class="wide"><thead><tr><th scope="col">image</th><th scope="col">targets</th><th scope="col">loss</th><th scope="col">share</th><td class="aside"></td></tr></thead><tbody>${lines.join('')}</tbody></table>`,
  )}</div></section>`
}

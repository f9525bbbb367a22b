/** What all reports have: the page around them, tables, and curves of many steps in few points. */
import { cpus } from 'node:os'
import { mean } from '../metrics.js'

/** Points of a curve, at most. */
export const CURVE_POINTS = 80

/**
 * A page that needs nothing else.
 * @param {{ title: string, lead: string, facts: { [name: string]: string }, style: string, body: string }} content
 *   lead: what stands below the title; facts: a few numbers, by their names; style: CSS
 * @returns {string} HTML
 */
export function page({ title, lead, facts, style, body }) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header>
  <h1>${title}</h1>
  <p>${lead}</p>
  <dl class="facts">${Object.entries(facts)
    .map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
    .join('')}</dl>
</header>
${body}</body>
</html>
`
}

/** A table of names and values, on a card. */
export function table(title, rows) {
  const lines = Object.entries(rows).map(
    ([name, value]) => `<tr><th scope="row">${name}</th><td>${escape(value)}</td></tr>`,
  )
  return `<div class="card"><h3>${title}</h3><table>${lines.join('')}</table></div>`
}

/** What the training ran on. */
export function machineRows() {
  return {
    Processor: cpus()[0]?.model ?? 'unknown',
    Cores: `${cpus().length}, one of them used`,
    'Node.js': process.version,
    System: `${process.platform} ${process.arch}`,
    Backend: 'TensorFlow.js, WebAssembly',
    Finished: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
  }
}

/** The history cut into stretches of so many steps, each as its last step and its mean. */
export function averaged(history, length, value) {
  return Array.from({ length: Math.ceil(history.length / length) }, (_, i) => {
    const stretch = history.slice(i * length, (i + 1) * length)
    return [stretch.at(-1).step, mean(stretch.map(value))]
  })
}

const escape = (value) => String(value).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)

/** The page: one file that needs nothing else. */
import { VERSION } from '../../binding/kind.ts'
import { listed } from '../doctor.ts'
import type { LossStudy, Study } from '../study/study.ts'
import { findingsOf } from './findings.ts'
import { imageOf } from './image.ts'
import { imagesOf, layersOf, termsOf } from './loss.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'
import { count, embed, escape, number } from './text.ts'

/** What the page says of the file and the criterion. */
export interface PageFacts {
  /** The file's name. */
  readonly name: string
  readonly preset: string
  readonly isGuessed: boolean
  readonly leftOut: readonly string[]
}

/** What the page may load: nothing but what stands in it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"

/** The page as HTML. */
export function pageOf(study: Study, facts: PageFacts): string {
  const { findings, loss, options } = study
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<title>${escape(facts.name)}: Hungarian loss</title>
<style>${STYLE}</style>
</head>
<body>
<header>
  <p class="kicker">Hungarian loss, ${escape(facts.preset)}</p>
  <h1>${escape(facts.name)}</h1>
  ${loss === undefined ? '' : factsOf(loss, options.numClasses)}
</header>
<main>
${findingsOf(findings)}
${loss === undefined ? refused() : lossPart(study, loss)}
</main>
${footer(study, facts)}
<script type="application/json" id="numbers">${embed(numbersOf(study))}</script>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function factsOf({ total, images, targets, queries, layers }: LossStudy, classes: number): string {
  const facts = {
    loss: number(total),
    images: images.length.toLocaleString('en'),
    targets: targets.toLocaleString('en'),
    queries: queries.toLocaleString('en'),
    classes: classes.toLocaleString('en'),
    ...(layers.length > 1 && { layers: `${layers.length}` }),
  }
  const shown = Object.entries(facts).map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`)
  return `<dl class="facts">${shown.join('')}</dl>`
}

function refused(): string {
  return `<section><h2>No loss</h2><div class="card"><p>The batch is refused, so that there is no matching to show. Mend what is an error above, and write the report again.</p></div></section>`
}

function lossPart({ options }: Study, loss: LossStudy): string {
  const partial = loss.isPartial
    ? ' Some of the loss is of no single query (pairs of the union matching, or terms that compare layers); it is left out of what queries lose.'
    : ''
  const redrawn = loss.isRedrawn
    ? ' Images and queries by themselves have their masks compared at other points than the batch, so that they add up to its loss only roughly.'
    : ''
  return `${termsOf(loss)}${layersOf(loss)}${imagesOf(loss)}
<section aria-labelledby="details"><h2 id="details">${loss.drawn.length === 1 ? 'The image' : 'One by one'}</h2>
  <p>Targets and what the matching pairs them with, what each pair costs, and which queries lose most.${partial}${redrawn}</p>
  ${loss.drawn.map((image) => imageOf(image, loss, options)).join('\n')}</section>`
}

function footer({ options }: Study, { isGuessed, leftOut, preset }: PageFacts): string {
  const lines = [
    `Criterion: ${escape(preset)}, ${escape(options.classification.kind)} classification, ${count(options.numClasses, 'class', 'classes')}${isGuessed ? ', as the logits have columns for' : ''}.`,
    ...(leftOut.length > 0 ? [`In the file and not looked at: ${escape(listed(leftOut))}.`] : []),
    `Made by hungarian-loss ${VERSION}. All numbers of this page in full stand in it as JSON, in the element with the id numbers.`,
  ]
  return `<footer>${lines.map((line) => `<p>${line}</p>`).join('')}</footer>`
}

/** The numbers in full; of the costs, the page's cells have them. */
function numbersOf({ findings, loss }: Study): unknown {
  if (loss === undefined) return { findings }
  const { drawn, ...others } = loss
  return {
    findings,
    ...others,
    drawn: drawn.map(({ image, loss: own, shares, pairs, unmatched, queries }) => ({
      image,
      loss: own,
      shares,
      pairs,
      unmatched,
      queries: queries.map(({ query, role, target, label, probability, loss: lost, shares: parts, norms }) => {
        return { query, role, target, label, probability, loss: lost, shares: parts, norms }
      }),
    })),
  }
}

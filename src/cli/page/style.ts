/** The look of the page: calm, light and dark, down to 320 pixels. */
import { TERMS } from '../../terms/index.ts'
import { COLOURS, STRONGEST } from './colours.ts'

/** Colours of pairs, told apart by hue and lightness. */
const LIGHT = ['#2f63d6', '#b4560a', '#16803f', '#8a3ffc', '#b3245c', '#0b7285', '#7a5c00', '#5c5f66']
const DARK = ['#8fb1ff', '#ffb169', '#6bd996', '#c9a6ff', '#ff8fb8', '#66d1e0', '#e3c766', '#c2c7d0']

const paint = (colours: readonly string[]): string => colours.map((colour, i) => `--c${i}: ${colour};`).join(' ')

const classes = Array.from({ length: COLOURS }, (_, i) => `.c${i} { --own: var(--c${i}); }`).join('\n')

/** At most so many maps of costs are chosen from: the whole, and each term. */
const MAPS = 1 + TERMS.filter(({ inCost }) => inCost).length

const maps = Array.from(
  { length: MAPS },
  (_, i) => `.maps:has(input[value="${i}"]:checked) .map:not([data-map="${i}"])`,
).join(',\n')

export const STYLE = `
:root {
  --page: #f6f6f3; --card: #ffffff; --sunk: #f1f1ec; --text: #1c1f23; --muted: #5d636c; --line: #e1e1db; --heat: #2f63d6;
  --error: #b3261e; --warning: #8a5300; --note: #2f5aa8; --good: #16803f; ${paint(LIGHT)}
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --sunk: #16191e; --text: #e8e9ec; --muted: #a3a9b3; --line: #30343c; --heat: #7ea6ff;
    --error: #ff8f86; --warning: #ffbf66; --note: #8fb1ff; --good: #6bd996; ${paint(DARK)}
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0 auto; padding: clamp(24px, 6vw, 56px) clamp(14px, 4vw, 32px) 80px; max-width: 1160px; background: var(--page);
  color: var(--text); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; overflow-wrap: anywhere; }
a { color: inherit; text-decoration-color: var(--muted); text-underline-offset: 3px; }
a:hover { text-decoration-color: currentColor; }
:focus-visible { outline: 2px solid var(--heat); outline-offset: 2px; border-radius: 4px; }
h1 { margin: 0; font-size: clamp(26px, 6vw, 36px); line-height: 1.15; letter-spacing: -0.02em; }
h2 { margin: 56px 0 4px; font-size: 22px; line-height: 1.25; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 19px; letter-spacing: -0.01em; }
h4 { margin: 0 0 4px; font-size: 15px; }
p { margin: 0 0 14px; max-width: 68ch; color: var(--muted); }
.kicker { margin: 0 0 6px; font-size: 14px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px 40px; margin: 24px 0 0; }
.facts dt { color: var(--muted); font-size: 14px; }
.facts dd { margin: 0; font-size: 28px; font-weight: 600; line-height: 1.25; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.card { margin: 16px 0 0; padding: clamp(14px, 3vw, 22px); background: var(--card); border: 1px solid var(--line); border-radius: 14px; }
.card > p:last-child { margin-bottom: 0; }

.findings { margin: 0; padding: 0; list-style: none; }
.findings li { padding: 14px 0; border-top: 1px solid var(--line); }
.findings li:first-child { padding-top: 0; border-top: 0; }
.findings li:last-child { padding-bottom: 0; }
.findings p { margin: 6px 0 0; color: var(--text); max-width: 78ch; }
.findings small { display: block; margin-top: 4px; color: var(--muted); font-size: 14px; }
.badge { display: inline-block; padding: 1px 9px; border: 1px solid currentColor; border-radius: 99px; font-size: 13px; font-weight: 600; }
.badge.error { color: var(--error); } .badge.warning { color: var(--warning); }
.badge.note { color: var(--note); } .badge.good { color: var(--good); }

.bars { display: grid; gap: 14px; margin: 0; }
.bar { display: grid; grid-template-columns: minmax(56px, 120px) 1fr minmax(104px, auto); gap: 4px 14px; align-items: center; }
.bar dt { font-weight: 600; }
.bar dd { margin: 0; }
.track { height: 12px; border-radius: 6px; background: var(--sunk); overflow: hidden; }
.track i { display: block; height: 100%; border-radius: 6px; background: var(--own, var(--heat)); }
.bar .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.value span { color: var(--muted); }
@media (max-width: 480px) { .bar { grid-template-columns: 1fr auto; } .bar .long { grid-column: 1 / -1; grid-row: 2; } }

.scroll { overflow-x: auto; margin: 0 calc(-1 * clamp(14px, 3vw, 22px)); padding: 0 clamp(14px, 3vw, 22px); overscroll-behavior-x: contain; }
table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
.wide { width: 100%; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap; }
th { font-weight: 400; color: var(--muted); }
thead th { vertical-align: bottom; }
tbody th { color: var(--text); }
tbody tr > * { border-top: 1px solid var(--line); }
.wide > * > tr > :first-child { padding-left: 0; text-align: left; }
.wide > * > tr > :last-child { padding-right: 0; }
.left { text-align: left; }
.rest > * { color: var(--muted); }
td .track { width: 110px; margin-left: auto; }
@media (max-width: 480px) { .aside { display: none; } }

.image { scroll-margin-top: 12px; }
.image > header { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; margin-bottom: 14px; }
.image > header p { margin: 0; }
.image section { margin-top: 26px; }
.sides { display: grid; gap: 20px 28px; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 860px) { .sides.two { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); } }
.sides section { margin-top: 0; min-width: 0; }
@media (min-width: 860px) { .sides.two section:first-child { position: sticky; top: 16px; align-self: start; } }
.picture { display: block; width: 100%; max-height: 560px; border-radius: 8px; background: var(--sunk); }
.legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 8px 0 0; font-size: 14px; }
.legend span { display: inline-flex; align-items: center; gap: 6px; }
.legend .picture { width: 26px; height: 10px; background: none; border-radius: 0; flex: none; }
.picture .frame { fill: none; stroke: var(--line); }
.picture .truth { fill: var(--own); fill-opacity: 0.09; stroke: var(--own); stroke-width: 2; }
.picture .guess { fill: none; stroke: var(--own); stroke-width: 2; stroke-dasharray: 5 4; }
.picture .join { stroke: var(--own); stroke-width: 1.5; stroke-dasharray: 1 3; stroke-linecap: round; }
.picture .mask.truth { fill-opacity: 0.3; stroke: none; }
.picture .mask.guess { stroke-width: 1.5; stroke-dasharray: 3 2; }
.picture .dot { fill: var(--own); stroke: none; }
.picture .path { fill: none; stroke-width: 1; opacity: 0.55; }
.picture .dot.open { fill: var(--card); stroke: var(--own); }
.picture :is(.truth, .guess, .join, .frame) { vector-effect: non-scaling-stroke; }
.picture text { font-size: 12px; font-weight: 600; fill: var(--own); paint-order: stroke; stroke: var(--sunk); stroke-width: 3px; stroke-linejoin: round; }
.picture .stray { --own: var(--muted); }
.picture .stray .guess { stroke-width: 1; }
.picture.crowded text { font-size: 9px; stroke-width: 2px; }
.lit .picture g:not(.on), .lit .tie:not(.on) { opacity: 0.25; }
.tie { transition: opacity 0.12s; } .picture g { transition: opacity 0.12s; }
@media (prefers-reduced-motion: reduce) { .tie, .picture g { transition: none; } }

.chip { display: inline-block; min-width: 34px; padding: 0 7px; border-radius: 6px; text-align: center; font-weight: 600; font-size: 13px; line-height: 1.5;
  color: color-mix(in srgb, var(--own) 82%, var(--text)); background: color-mix(in srgb, var(--own) 12%, var(--card)); }
.chip.none { color: var(--muted); background: var(--sunk); font-weight: 400; }
${classes}

.maps fieldset { display: flex; flex-wrap: wrap; gap: 6px; margin: 0 0 12px; padding: 0; border: 0; }
.maps legend { padding: 0 0 6px; color: var(--muted); font-size: 14px; }
.maps label { padding: 3px 12px; border: 1px solid var(--line); border-radius: 99px; font-size: 14px; cursor: pointer; }
.maps input { position: absolute; opacity: 0; pointer-events: none; }
.maps label:has(:checked) { border-color: var(--heat); color: var(--heat); font-weight: 600; }
.maps label:has(:focus-visible) { outline: 2px solid var(--heat); outline-offset: 2px; }
${maps} { display: none; }
.map tbody td { min-width: 62px; border: 2px solid var(--card); border-radius: 6px; text-align: center;
  background: color-mix(in srgb, var(--heat) var(--h, 0%), var(--sunk)); }
.map tbody tr > * { border-top: 2px solid var(--card); }
.map tbody th { position: sticky; left: 0; background: var(--card); padding-left: 0; text-align: left; }
.map thead th { text-align: center; }
.map td.pair { font-weight: 700; box-shadow: inset 0 0 0 2px var(--own); }
.scale { display: flex; flex-wrap: wrap; gap: 2px 8px; align-items: center; margin: 10px 0 0; font-size: 14px; }
.scale i { width: 110px; height: 10px; border-radius: 5px; background: linear-gradient(90deg, color-mix(in srgb, var(--heat) ${STRONGEST}%, var(--sunk)), var(--sunk)); border: 1px solid var(--line); }
footer { margin-top: 56px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 14px; }
footer p { margin-bottom: 6px; }
@media print { body { max-width: none; } .card { break-inside: avoid; } }
`

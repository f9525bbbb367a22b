/** How the report looks: by the light and in the dark, from 320 pixels on. */
import { KINDS } from './scene.js'

export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --text: #1c1f23; --muted: #60666f; --line: #e3e3de;
  --blue: #2f63d6; --violet: #8a3ffc; --green: #16864a; --orange: #c2570c;
  --truth: #35c2f0; --right: #3ddc84; --wrong: #ff6b5e; --extra: #ffb020;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1d2026; --text: #e8e9ec; --muted: #9aa1ac; --line: #30343c;
    --blue: #7ea6ff; --violet: #bd93ff; --green: #58d28c; --orange: #ff9c55;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: clamp(24px, 4vw, 48px) clamp(12px, 2.5vw, 24px) 64px; max-width: 1120px; background: var(--page);
  color: var(--text); font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; -webkit-text-size-adjust: 100%; }
h1 { margin: 0 0 8px; font-size: clamp(26px, 5vw, 34px); line-height: 1.15; letter-spacing: -0.02em; }
h2 { margin: 48px 0 6px; font-size: 22px; letter-spacing: -0.01em; }
h3 { margin: 0; font-size: 15px; }
p { margin: 0 0 14px; max-width: 68ch; color: var(--muted); }
b, td, dd { font-variant-numeric: tabular-nums; }
.card { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.facts { display: flex; flex-wrap: wrap; gap: 12px clamp(24px, 4vw, 44px); margin: 22px 0 0; }
.facts dt { color: var(--muted); font-size: 14px; }
.facts dd { margin: 0; font-size: clamp(24px, 4vw, 30px); font-weight: 600; letter-spacing: -0.02em; }
.legend { max-width: none; display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 14px; color: var(--muted); }
.legend i { display: inline-block; width: 10px; height: 10px; margin-right: 6px; border-radius: 3px; }
.legend b { color: var(--text); }
.scenes, .columns { display: grid; gap: 14px; }
.scenes { grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); }
.columns { grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); margin-top: 16px; }
.columns > .card { display: flex; flex-direction: column; padding: 16px; min-width: 0; }
@media (min-width: 872px) { .columns > .wide { grid-column: span 2; } }

.scene { width: 100%; display: block; padding: 5px; }
.scene image { image-rendering: pixelated; }
.scene rect, .scene path { fill: none; stroke-width: 0.7; }
.scene rect.extra { stroke-dasharray: 1.8 0.9; }
.scene .link { stroke-width: 0.5; stroke-dasharray: 1.6 1; }
.scene .leader { stroke-width: 0.4; }
.scene text { font-size: 5px; font-weight: 600; paint-order: stroke; stroke: #000; stroke-width: 1; stroke-linejoin: round; }
${Object.keys(KINDS)
  .map(
    (kind) => `.scene .${kind} { stroke: var(--${kind}); } .scene text.${kind} { fill: var(--${kind}); stroke: #000; }`,
  )
  .join('\n')}

.plot { position: relative; flex: 1 0 190px; margin: 18px 0 26px 42px; }
.plot svg { position: absolute; width: 100%; height: 100%; overflow: visible; }
.plot path { fill: none; stroke-width: 2; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot .dot { stroke-width: 7; stroke-linecap: round; }
.plot, .axis { font-size: 12px; line-height: 1; color: var(--muted); white-space: nowrap; }
.plot .y { position: absolute; right: calc(100% + 8px); transform: translateY(-50%); }
.plot .x { position: absolute; top: calc(100% + 9px); transform: translateX(-50%); }
.axis { text-align: right; margin-top: -2px; }

table { width: 100%; margin-top: 8px; border-collapse: collapse; font-size: 14px; }
th { width: 34%; padding: 5px 12px 5px 0; text-align: left; font-weight: 400; color: var(--muted); vertical-align: top; }
td { padding: 5px 0; overflow-wrap: anywhere; }
.bars th, .bars td { width: auto; padding: 3px 0 3px 10px; }
.bars tr > :first-child { padding-left: 0; }
.bars thead th, .bars .number { text-align: right; white-space: nowrap; }
.bars thead th:first-child { text-align: left; }
.bars thead i { display: inline-block; width: 8px; height: 8px; margin-right: 5px; border-radius: 2px; }
.bars .bar { width: 100%; padding-right: 4px; }
.bars .bar i { display: block; height: 6px; margin: 2px 0; border-radius: 3px;
  background: linear-gradient(var(--color) 0 0) 0 / var(--part) 100% no-repeat var(--line); }
@media (max-width: 420px) { .bars .count { display: none; } }
`

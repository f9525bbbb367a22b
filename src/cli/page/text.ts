/** Text and numbers as the page has them. */

/** Text that HTML takes for nothing else. */
export function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** JSON within a page, which no text in it can end. */
export function embed(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

const MINUS = '\u2212'
const SPACE = '\u00a0'

/** A number in about four digits. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'none' : value < 0 ? `${MINUS}∞` : '∞'
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2).replaceAll('-', MINUS).replace('+', '')
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : size >= 0.1 ? 3 : 4
  return value.toFixed(digits).replace('-', MINUS)
}

/** A share, 0 to 1, in per cent. */
export function percent(share: number): string {
  const value = 100 * share
  if (!Number.isFinite(value)) return 'none'
  const digits = value !== 0 && Math.abs(value) < 10 ? 1 : 0
  return `${value.toFixed(digits).replace('-', MINUS)}${SPACE}%`
}

/** So many of something. */
export function count(many: number, one: string, several = `${one}s`): string {
  return `${many.toLocaleString('en')}${SPACE}${many === 1 ? one : several}`
}

/** Coordinates in a picture. */
export const round = (value: number): number => Math.round(value * 100) / 100

/** A table that scrolls by itself where it is too wide. */
export function scrolling(label: string, table: string): string {
  return `<div class="scroll" role="region" aria-label="${escape(label)}" tabindex="0">${table}</div>`
}

/** The colours of pairs, and how strong those of costs are. */

/** How many colours pairs have. */
export const COLOURS = 8

/** The class that gives a target, and the query it is matched with, their colour. */
export const colourOf = (target: number): string => `c${target % COLOURS}`

/** The mark of a target or query in its colour. */
export function chip(name: string, target: number | undefined): string {
  return target === undefined
    ? `<span class="chip none">${name}</span>`
    : `<span class="chip ${colourOf(target)}">${name}</span>`
}

/** How strong the colour of the cheapest cost is, in per cent; letters must stay readable on it. */
export const STRONGEST = 46

/** Ids of images, categories and annotations: integers, as COCO's are, or strings. */

/** Whether a value may be an id: an integer or a string that is not empty. */
export function isId(value: unknown): value is number | string {
  return Number.isSafeInteger(value) || (typeof value === 'string' && value !== '')
}

/** Which of two ids comes first: numbers, ascending; then strings, by their characters. */
export function compareIds(a: number | string, b: number | string): number {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1
  return a === b ? 0 : a < b ? -1 : 1
}

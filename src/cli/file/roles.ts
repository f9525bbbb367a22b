/** What the names of arrays mean. */
import { lettersOf } from '../../common/words.ts'
import { shorten } from '../../common/validate.ts'
import { isPredicted, isSize, partField, queryField, targetField } from './names.ts'
import type { NumpyArray } from './npy.ts'

const COUNTS: ReadonlySet<string> = new Set(['counts', 'sizes', 'lengths', 'valid', 'numtargets', 'targetcounts'])
const OF_TARGETS = /^(?:targets?|tgt|gt)[_./]/
const OF_OUTPUTS = /^(?:outputs?|predictions?)[_./]/
/** `aux_logits`, `aux_outputs_0_pred_logits`, `aux_logits_0`. */
const OF_AUXILIARY = /^aux(?:iliary)?(?:_outputs)?[_./](?:(\d+)[_./])?(.+?)(?:[_./](\d+))?$/
/** `labels_0`. */
const NUMBERED = /^(.+?)[_./](\d+)$/

/** What an array is. */
export type Role =
  | { readonly is: 'output'; readonly field: string }
  | { readonly is: 'part'; readonly field: string }
  | { readonly is: 'auxiliary'; readonly field: string; readonly layer: number | undefined }
  | { readonly is: 'target'; readonly field: string; readonly image: number | undefined }
  | { readonly is: 'counts' }
  | { readonly is: 'size' }

/** An array that means something. */
export interface Given {
  readonly name: string
  readonly role: Role
  readonly array: NumpyArray
}

/** What each array is; undefined for what is left out. */
export function rolesOf(names: readonly string[]): ReadonlyArray<Role | undefined> {
  const predicted = new Set(names.filter(isPredicted).map(queryField))
  return names.map((name) => roleOf(name, predicted))
}

/** `predicted`: fields of which there is an array of predictions that says so, by which a bare name is the targets'. */
function roleOf(name: string, predicted: ReadonlySet<string | undefined>): Role | undefined {
  const auxiliary = OF_AUXILIARY.exec(name)
  if (auxiliary !== null) {
    const [, before, rest, after] = auxiliary
    const field = queryField(rest as string)
    const layer = before ?? after
    if (field === undefined) return undefined
    return { is: 'auxiliary', field, layer: layer === undefined ? undefined : Number(layer) }
  }
  if (COUNTS.has(lettersOf(name))) return { is: 'counts' }
  if (isSize(name)) return { is: 'size' }
  const [isOutput, isTarget] = [OF_OUTPUTS.test(name), OF_TARGETS.test(name)]
  const bare = name.replace(isTarget ? OF_TARGETS : OF_OUTPUTS, '')
  if (isTarget && COUNTS.has(lettersOf(bare))) return { is: 'counts' }
  const ofPart = isTarget ? undefined : partField(bare)
  if (ofPart !== undefined) return { is: 'part', field: ofPart }
  const output = queryField(bare)
  if (!isTarget && output !== undefined && (isOutput || isPredicted(bare) || !predicted.has(output))) {
    return { is: 'output', field: output }
  }
  const numbered = NUMBERED.exec(bare)
  const field = targetField(numbered?.[1] ?? bare)
  if (isOutput || field === undefined) return undefined
  return { is: 'target', field, image: numbered === null ? undefined : Number(numbered[2]) }
}

/** Names of arrays as messages have them. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 12).map((name) => `"${shorten(name)}"`)
  return `${shown.join(', ')}${names.length > shown.length ? ` and ${names.length - shown.length} more` : ''}`
}

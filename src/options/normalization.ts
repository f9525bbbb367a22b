/** What the terms of a layer are divided by: one word for all geometric terms, or one for each family. */
import { DESCRIPTION } from '../binding/description.ts'
import { checkRecord, isRecord } from '../common/validate.ts'
import type { GeometricFamily } from '../terms/index.ts'
import { keysOf, resolveOption } from '../terms/option.ts'

/**
 * What geometric terms are divided by:
 *
 * - `'num-boxes'`: N, the number of targets in the batch, multiplied by a part's groups and repetitions.
 * - `'num-pairs'`: the pairs of the layer, which are fewer than N where an image has more targets than queries (Moment-DETR; the
 *   heads of mmdetection).
 * - `'num-queries'`: the queries of the layer in all images, B · Q.
 * - `'per-image'`: each image by its own targets, and then by the number of images (OWL-ViT).
 *
 * Each is at least 1.
 */
export type Normalization = 'num-boxes' | 'num-pairs' | 'num-queries' | 'per-image'

/** A {@link Normalization} for each family of geometric terms, by name. Terms that compare layers have means of their own. */
export type FamilyNormalizations = { readonly [Family in GeometricFamily]?: Normalization | undefined }

/** With every default filled in: the word of all families, or that of each. */
export type ResolvedNormalization = Normalization | Readonly<Record<string, Normalization>>

const FAMILIES = keysOf(
  'normalization',
  DESCRIPTION.families.flatMap(({ options }) => options),
)

/** Checks what divides the geometric terms. `usual`: the preset's, where nothing is given. */
export function resolveNormalization(value: unknown, usual: Normalization): ResolvedNormalization {
  if (!isRecord(value)) return resolveOption('normalization', value, { usual })
  const given: { readonly [family: string]: unknown } = checkRecord(value, FAMILIES, 'options.normalization')
  const words = FAMILIES.map((family) => {
    return [family, resolveOption<Normalization>(`normalization.${family}`, given[family], { usual })]
  })
  return Object.freeze(Object.fromEntries(words))
}

/** What divides the terms of a family, by its name. */
export function normalizationOf(normalization: ResolvedNormalization, family: string): Normalization {
  return typeof normalization === 'string' ? normalization : (normalization[family] ?? 'num-boxes')
}

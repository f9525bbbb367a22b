/** The criteria to choose from: every preset of the package whose objects are boxes with labels, by the name of its paper. */
import type { PresetName } from 'hungarian-loss'

/** Presets that have masks. */
type OfMasks = 'detrMasks' | 'maskFormer' | 'mask2Former' | 'eoMT' | 'maskDino' | 'rfDetrSeg' | 'ecSeg' | 'sam3'

/** Presets whose targets have words in place of classes. */
type OfWords = 'groundingDino' | 'mmGroundingDino' | 'mdetr' | 'owlViT'

/** Presets of boxes with classes alone. Moment-DETR's are spans, and SAM 3 has one class, that of a phrase. */
export type BoxPreset = Exclude<PresetName, 'momentDetr' | 'sam3' | OfMasks | OfWords>

/** Each with its name as people say it. */
export const PRESETS: Readonly<Record<BoxPreset, string>> = {
  detr: 'DETR',
  conditionalDetr: 'Conditional DETR',
  deformableDetr: 'Deformable DETR',
  dabDetr: 'DAB-DETR',
  dino: 'DINO',
  hDetr: 'H-DETR',
  groupDetr: 'Group DETR',
  lwDetr: 'LW-DETR',
  rtDetr: 'RT-DETR',
  dFine: 'D-FINE',
  deim: 'DEIM',
  deimV2: 'DEIMv2',
  rfDetr: 'RF-DETR',
  coDino: 'Co-DINO',
  rankDetr: 'Rank-DETR',
  alignDetr: 'Align-DETR',
  stableDino: 'Stable-DINO',
}

/** Whether a word names one of them. */
export const isPreset = (word: string): word is BoxPreset => Object.hasOwn(PRESETS, word)

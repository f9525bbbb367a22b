/** The parts of a step: the decoder, the proposals of an encoder, denoising queries, a one-to-many branch. */
import type { PartKey } from '../binding/plan.ts'
import { fail } from '../common/errors.ts'
import { checkFlag, checkInteger, checkWord, MAX_SIZE, show } from '../common/validate.ts'
import type { ResolvedOptions } from '../options/options.ts'
import type { Layers, Pairs, PartOutputs } from './layers.ts'
import {
  checkGroups,
  hasRules,
  listWeights,
  place,
  PLAIN,
  rangeOf,
  readLayerWeights,
  readQueryWeights,
  rest,
  weightsOf,
} from './part.ts'
import type { Part, PartWeights, QueryRange, Range } from './part.ts'

/** The most targets of a batch, each counted for every group and repetition: those without a query are all reported. */
const MAX_COPIES = 2 ** 24

/** Settings of {@link EncoderOutputs}. */
export interface EncoderSettings extends PartWeights {
  /**
   * Whether all targets count as of the first class, so that proposals learn objects alone. The logits then have all
   * columns, of which only the first learns objects, as in Deformable DETR; or those of the first class alone: one, as in
   * RT-DETRv2 and D-FINE with `query_select_method: agnostic`, and with softmax classification one more, for no-object,
   * which comes first where `noObjectIndex` is 0, otherwise last. Default: false.
   */
  readonly classAgnostic?: boolean | undefined
  /** As {@link Outputs.groups}. Default: 1. */
  readonly groups?: number | undefined
}

/** The proposals of a two-stage encoder (Zhu et al. 2021, Deformable DETR), matched by themselves. */
export type EncoderOutputs = PartOutputs & EncoderSettings

/**
 * Queries made from the targets with noise (Li et al. 2022, DN-DETR; Zhang et al. 2023, DINO). They are not matched: in
 * each of the groups, which lie one after the other, the k-th query belongs to the image's k-th target. The terms are
 * divided by N · `groups`, N as for the main part.
 *
 * Source: IDEA-Research/DINO, `models/dino/dn_components.py`; lyuwenyu/RT-DETR, `get_cdn_matched_indices`.
 */
export type DenoisingOutputs = ((PartOutputs & { readonly queries?: undefined }) | QueryRange) & DenoisingSettings

/** Settings of {@link DenoisingOutputs}. */
export interface DenoisingSettings extends PartWeights {
  /** Equal groups of queries, each with all targets. Default: 1. */
  readonly groups?: number | undefined
  /** Whether the second half of every group are negatives, which are background. Default: true, as in DINO. */
  readonly contrastive?: boolean | undefined
  /**
   * What the positives are that have no target, where other images have more: `'background'`, as in DINO and RT-DETR,
   * or `'ignore'`, without a part in the loss, as in DN-DETR. Default: `'background'`.
   */
  readonly padding?: 'background' | 'ignore' | undefined
  /** Pairs for each image, for another arrangement of the queries. `groups` is then a mere divisor. */
  readonly matching?: readonly Pairs[] | undefined
}

/**
 * A branch whose targets are repeated, so that several queries learn each (Jia et al. 2023, H-DETR;
 * HDETR/H-Deformable-DETR, `train_hybrid`). Its N is that of the repeated targets.
 */
export type OneToManyOutputs = ((PartOutputs & { readonly queries?: undefined }) | QueryRange) & OneToManySettings

/** Settings of {@link OneToManyOutputs}. */
export interface OneToManySettings extends PartWeights {
  /**
   * How often every target is repeated, at least 1; 6 in H-DETR. At most 16,777,216 times divided by the number of
   * targets in the batch. What exceeds the number of queries is reported as unmatched, and takes no memory.
   */
  readonly repeat: number
  /**
   * Whether an image with many targets repeats them less: min(⌊Q/2/n⌋, `repeat`) times, with Q the queries and n the image's
   * targets, so that at most half of the queries find a target, and none do where n is above Q/2. N then does not count
   * repetitions (Cai et al. 2023, Align-DETR; detrex, `MixedMatcher`, whose number, once lowered, stays so for later images
   * of the batch; here each image has its own). Default: false.
   */
  readonly adaptive?: boolean | undefined
}

/** What else than the decoder is trained. */
export interface FurtherParts {
  /**
   * Equal groups that the queries are split in, one after the other; each is matched by itself with all targets, and the
   * terms are divided by N · `groups` (Chen et al. 2023, Group DETR; Atten4Vis/LW-DETR). At most 16,777,216 divided by
   * the number of targets in the batch. Default: 1.
   */
  readonly groups?: number | undefined
  /** The proposals of a two-stage encoder. */
  readonly encoder?: EncoderOutputs | undefined
  /** Queries made from the targets with noise. */
  readonly denoising?: DenoisingOutputs | undefined
  /** A branch whose targets are repeated. */
  readonly oneToMany?: OneToManyOutputs | undefined
}

/** What a part with tensors of its own may have. */
type MainSettings = Pick<PartOutputs, 'queryWeights' | 'layerWeights'>

/** What the parts are made of: the layers that were given under each name. */
export type GivenLayers = { readonly main: Layers } & { readonly [Key in PartKey]?: Layers | undefined }

/** The parts of a step, the main one first. */
export function makeParts(
  outputs: FurtherParts & MainSettings,
  given: GivenLayers,
  options: ResolvedOptions,
  images: number,
): readonly Part[] {
  const { encoder, denoising, oneToMany } = outputs
  const main = given.main
  const ofMain = readQueryWeights(outputs.queryWeights, images, main.rows, 'outputs')
  if (encoder === undefined && denoising === undefined && oneToMany === undefined) {
    return [mainPart(outputs, main, 0, main.rows, options, ofMain)]
  }
  const ranges = [
    rangeOf(denoising, given.denoising, main.rows, 'denoising'),
    rangeOf(oneToMany, given.oneToMany, main.rows, 'oneToMany'),
  ]
  const [first, end] = rest(ranges, main.rows)
  const parts = [mainPart(outputs, main, first, end, options, ofMain)]
  const weighed = (part: Part, { queryWeights }: MainSettings): Part => {
    if (part.tensors === undefined) return { ...part, queryWeights: ofMain }
    const own = readQueryWeights(queryWeights, images, part.layers.rows, `outputs.${part.tensors}`)
    return own === undefined ? part : { ...part, queryWeights: own }
  }
  if (given.encoder !== undefined) {
    const proposals = encoder as EncoderOutputs
    parts.push(weighed(encoderPart(proposals, given.encoder, options), proposals))
  }
  if (denoising !== undefined) {
    parts.push(weighed(denoisingPart(denoising, given.denoising, main, ranges[0], options), denoising))
  }
  if (oneToMany !== undefined) {
    parts.push(weighed(oneToManyPart(oneToMany, given.oneToMany, main, ranges[1], options), oneToMany))
  }
  return parts
}

/** Written out, since it is all that most calls have. */
function mainPart(
  { groups, layerWeights }: FurtherParts & MainSettings,
  layers: Layers,
  first: number,
  end: number,
  { boxMatching, weights }: ResolvedOptions,
  queryWeights: Float32Array | undefined,
): Part {
  return {
    key: undefined,
    tensors: undefined,
    layers,
    first,
    end,
    groups: groups === undefined ? 1 : checkGroups(groups, end - first, 'outputs.groups'),
    repeat: 1,
    adaptive: false,
    classAgnostic: false,
    union: boxMatching === 'union',
    isRanked: true,
    normalizerFactor: 1,
    weight: 1,
    layerWeights: layerWeights === undefined ? undefined : readLayerWeights(layerWeights, layers.layers, 'outputs'),
    weights,
    weightList: listWeights(weights),
    queryWeights,
    denoising: undefined,
    hasRules: hasRules(layers),
  }
}

function encoderPart(given: EncoderOutputs, layers: Layers, options: ResolvedOptions): Part {
  return {
    ...PLAIN,
    ...place('encoder', layers, layers, undefined),
    classAgnostic: given.classAgnostic === true, // checked with the shape of the logits
    groups: checkGroups(given.groups, layers.rows, 'outputs.encoder.groups'),
    union: options.boxMatching === 'union',
    ...weightsOf(given, layers, options, 'outputs.encoder'),
  }
}

function denoisingPart(
  given: DenoisingOutputs,
  own: Layers | undefined,
  main: Layers,
  range: Range | undefined,
  options: ResolvedOptions,
): Part {
  const name = 'outputs.denoising'
  const where = place('denoising', own, main, range)
  const queries = where.end - where.first
  const groups = checkGroups(given.groups, queries, `${name}.groups`)
  const contrastive = checkFlag(given.contrastive, true, `${name}.contrastive`)
  const padding = checkWord(given.padding, ['background', 'ignore'], 'background', `${name}.padding`)
  const size = queries / groups
  if (given.matching === undefined && contrastive && size % 2 !== 0) {
    const rule = 'a contrastive group is half positive, half negative: expected an even number of queries'
    fail('SHAPE', name, `${rule}, got ${size}`)
  }
  if (given.matching !== undefined && !Array.isArray(given.matching)) {
    fail('DTYPE', `${name}.matching`, `must be pairs for each image, got ${show(given.matching)}`)
  }
  if (own !== undefined) checkNoRules(own, name)
  const positives = contrastive ? size / 2 : size
  return {
    ...PLAIN,
    ...where,
    normalizerFactor: groups,
    isRanked: false,
    ...weightsOf(given, where.layers, options, name),
    denoising: { groups, positives, leavesOut: padding === 'ignore', matching: given.matching },
    hasRules: true,
  }
}

function oneToManyPart(
  given: OneToManyOutputs,
  own: Layers | undefined,
  main: Layers,
  range: Range | undefined,
  options: ResolvedOptions,
): Part {
  const where = place('oneToMany', own, main, range)
  return {
    ...PLAIN,
    ...where,
    repeat: checkInteger(given.repeat, 1, MAX_SIZE, 'outputs.oneToMany.repeat'),
    adaptive: checkFlag(given.adaptive, false, 'outputs.oneToMany.adaptive'),
    ...weightsOf(given, where.layers, options, 'outputs.oneToMany'),
  }
}

/** Refuses what would be dropped, since all layers of a denoising part have the same pairs. */
function checkNoRules({ tensors }: Layers, part: string): void {
  for (const { name, given } of tensors) {
    if (given.cost !== undefined) fail('OPTION', `${name}.cost`, 'denoising queries are not matched by cost')
    if (given.matching !== undefined && name !== part) {
      fail('OPTION', `${name}.matching`, `belongs to all layers, as ${part}.matching`)
    }
  }
}

/** Refuses groups and repetitions that would make more of a batch's targets than can be reported. */
export function checkCopies(parts: readonly Part[], targets: number): void {
  for (const { key, groups, repeat } of parts) {
    if (groups * repeat * targets <= MAX_COPIES) continue
    const [name, what] = repeat > 1 ? ['repeat', 'repetitions'] : ['groups', 'groups']
    const rule = `must make at most ${MAX_COPIES} of all targets, got ${groups * repeat} ${what} of ${targets}`
    fail('RANGE', `outputs${key === undefined ? '' : `.${key}`}.${name}`, rule)
  }
}

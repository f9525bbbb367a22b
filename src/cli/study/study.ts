/** Everything that a report tells of a batch, as plain numbers. */
import type { HungarianLoss } from '../../criterion/criterion.ts'
import { inspectBatch } from '../../criterion/inspect/inspect.ts'
import { planesOf } from '../../criterion/inspect/planes.ts'
import type { ImagePlanes } from '../../criterion/inspect/planes.ts'
import type { Finding } from '../../criterion/inspect/finding.ts'
import { combineNormalizers } from '../../criterion/normalizers.ts'
import type { CombinedNormalizers } from '../../criterion/normalizers.ts'
import { packTargets } from '../../input/packing.ts'
import type { PackedTargets } from '../../input/packing.ts'
import { readPredictions } from '../../input/outputs.ts'
import type { Part } from '../../input/part.ts'
import { targetShape } from '../../input/targets.ts'
import type { MappedTarget, Target } from '../../input/targets.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import type { LayerResult } from '../../result/loss.ts'
import type { Matches } from '../../result/matches.ts'
import { TARGET_FIELDS, TERMS } from '../../terms/index.ts'
import { UsageFault } from '../fault.ts'
import type { Batch } from '../file/batch.ts'
import { costCriteria, marginsOf, studyCosts } from './costs.ts'
import type { CostMap } from './costs.ts'
import { studyLayers, sumShares } from './gains.ts'
import type { LayerStudy, TermShare } from './gains.ts'
import { bestClasses, divisorsOf, gradientNorms, isOfImage, lossOfQueries, queryCriterion, rolesOf } from './queries.ts'
import type { GradientNorms, QueryLoss, Role } from './queries.ts'
import { isRedrawn, targetsOnCanvas, withPoints } from './masks.ts'
import { rowsOf } from './rows.ts'
import type { Plane } from './rows.ts'
import { sliceImage } from './slice.ts'

/** So many images are drawn where the command line names none: those that lose most. */
export const DRAWN = 6

/** A query of an image. */
export interface QueryStudy extends QueryLoss {
  readonly query: number
  readonly role: Role
  readonly target: number | undefined
  readonly norms: GradientNorms
  readonly label: number
  readonly probability: number
  /** What it predicts but the logits, by field. */
  readonly fields: { readonly [field: string]: Float32Array }
  /** The logits of its mask; undefined where it has none, or no target. */
  readonly mask: Plane | undefined
}

/** A target of an image. */
export interface TargetStudy {
  readonly labels: readonly number[]
  readonly isIgnored: boolean
  readonly fields: { readonly [field: string]: Float32Array }
  /** Its mask, where that is known. */
  readonly mask: ImagePlanes | undefined
}

/** A pair of an image. */
export interface PairStudy {
  readonly query: number
  readonly target: number
  /** Its matching cost. */
  readonly cost: number
  /** By how much the best matching without it costs more; undefined where nothing was solved or there is no other. */
  readonly margin: number | undefined
}

/** An image that is shown. */
export interface ImageStudy {
  readonly image: number
  readonly loss: number
  readonly shares: readonly TermShare[]
  readonly size: readonly [height: number, width: number] | undefined
  readonly targets: readonly TargetStudy[]
  readonly queries: readonly QueryStudy[]
  readonly pairs: readonly PairStudy[]
  readonly unmatched: readonly number[]
  readonly costs: readonly CostMap[]
  /** Whether the matching was solved for, and not given or taken over. */
  readonly isSolved: boolean
  /** The first query of the costs' rows. */
  readonly first: number
}

/** What a batch comes to. */
export interface Study {
  readonly findings: readonly Finding[]
  readonly options: ResolvedOptions
  /** Absent where the batch is refused. */
  readonly loss?: LossStudy | undefined
}

/** What its loss comes to. */
export interface LossStudy {
  readonly total: number
  readonly targets: number
  readonly queries: number
  /** By term, over all layers and parts. */
  readonly shares: readonly TermShare[]
  readonly layers: readonly LayerStudy[]
  /** The layer of the decoder that images are shown of. */
  readonly layer: number
  /** The loss of each image, over all layers and parts. */
  readonly images: ReadonlyArray<{ readonly image: number; readonly loss: number; readonly targets: number }>
  readonly drawn: readonly ImageStudy[]
  /** Whether what queries add to the loss leaves something out: pairs of the union, or terms between layers. */
  readonly isPartial: boolean
  /** Whether images and queries by themselves have their masks compared at other points than the batch. */
  readonly isRedrawn: boolean
}

/** What is to be shown. */
export interface StudySettings {
  /** Empty for those that lose most. */
  readonly images: readonly number[]
  /** The last one unless given. */
  readonly layer: number | undefined
}

/** Looks at a batch. */
export function studyBatch(batch: Batch, criterion: HungarianLoss, settings: StudySettings): Study {
  const { outputs, targets } = batch
  const findings = inspectBatch(outputs, targets, criterion)
  const { options } = criterion
  if (findings.some(({ severity }) => severity === 'error')) return { findings, options }
  return { findings, options, loss: studyLoss(batch, criterion, settings) }
}

function studyLoss(
  { outputs, targets: given, sizes }: Batch,
  criterion: HungarianLoss,
  settings: StudySettings,
): LossStudy {
  const { options } = criterion
  const targets = targetsOnCanvas(given)
  const result = criterion.compute(outputs, targets, { gradients: false })
  const layers = studyLayers(result, outputs, options)
  const layer = chooseLayer(settings.layer, result.layers.length)
  const divisors = combineNormalizers([result], { reduce: 'sum' })
  const own = (image: number) => withPoints(sliceImage(outputs, image, result), image, result, options)
  const images = targets.map((target, image) => {
    const { loss } = criterion.compute(own(image), [target], { ...divisors, gradients: false })
    return { image, loss, targets: countTargets(target) }
  })
  const study = studier(criterion, divisors, layer)
  const drawn = chooseImages(settings.images, images).map((image) => {
    return study(own(image), targets[image] as Target, image, sizes[image])
  })
  const { first, end } = readPredictions(outputs, options).parts[0] as Part
  return {
    total: result.loss,
    targets: images.reduce((sum, { targets: count }) => sum + count, 0),
    queries: end - first,
    shares: sumShares(layers.map(({ shares }) => shares)),
    layers,
    layer,
    images,
    drawn,
    isRedrawn: isRedrawn(outputs, options),
    isPartial: options.boxMatching === 'union' || layers.some(leavesOut),
  }
}

/** Whether a layer of the decoder has a share of a term that is of no single query. */
function leavesOut({ part, shares }: LayerStudy): boolean {
  return (
    part === undefined &&
    shares.some(({ name }) =>
      TERMS.some((term) => term.name === name && (term.comparesLayers || isOfImage(term.field))),
    )
  )
}

function countTargets({ labels, positives, valid }: Target | MappedTarget): number {
  if (valid !== undefined) return valid
  if (labels === undefined) {
    const { shape } = positives as { readonly shape?: readonly number[] }
    return shape?.[0] ?? (positives as ArrayLike<unknown>).length
  }
  const { data } = labels as { readonly data?: ArrayLike<unknown> }
  return (data ?? (labels as ArrayLike<unknown>)).length
}

function chooseLayer(given: number | undefined, count: number): number {
  if (given === undefined) return count - 1
  if (given < count) return given
  throw beyond('layer', 'the decoder', count, given)
}

function chooseImages(given: readonly number[], images: LossStudy['images']): readonly number[] {
  const wrong = given.find((image) => image >= images.length)
  if (wrong !== undefined) throw beyond('image', 'the batch', images.length, wrong)
  if (given.length > 0) return [...new Set(given)]
  const worst = images.toSorted((a, b) => b.loss - a.loss).slice(0, DRAWN)
  return worst.map(({ image }) => image).sort((a, b) => a - b)
}

/** The fault of a number that is not below how many there are. */
function beyond(what: 'image' | 'layer', holder: string, count: number, given: number): UsageFault {
  const range = count === 0 ? '' : `, from 0 to ${count - 1}`
  return new UsageFault(`--${what}: ${holder} has ${count} ${what}${count === 1 ? '' : 's'}${range}, got ${given}`)
}

/** What looks at images, one after the other. */
function studier(criterion: HungarianLoss, divisors: CombinedNormalizers, layer: number) {
  const { options } = criterion
  const costs = costCriteria(criterion)
  const single = new Map<boolean, HungarianLoss>()
  return (outputs: Batch['outputs'], target: Target, image: number, size: ImageStudy['size']): ImageStudy => {
    const result = criterion.compute(outputs, [target], divisors)
    const predictions = readPredictions(outputs, options)
    const rows = rowsOf(predictions, layer)
    const packed = packTargets([target], targetShape(predictions, options))
    const found = (result.layers[layer] as LayerResult).matches[0] as Matches
    const of = single.get(rows.hasMasks) ?? queryCriterion(criterion, rows.hasMasks)
    single.set(rows.hasMasks, of)
    const own = divisorsOf(result.layers[layer] as LayerResult, packed, options, rows.groups)
    const losses = lossOfQueries(of, rows, target, found, own)
    const norms = gradientNorms(result.gradients as object, rows)
    const classes = bestClasses(rows, options)
    const roles = rolesOf(rows, found)
    const maps = studyCosts(costs, outputs, target, layer)
    const solved = isSolved(outputs, layer)
    const shown = studyTargets(packed)
    return {
      image,
      loss: result.loss,
      shares: sumShares(studyLayers(result, outputs, options).map(({ shares }) => shares)),
      size,
      targets: shown,
      queries: losses.map(({ shares, loss }, i): QueryStudy => {
        const { label, probability } = classes[i] as (typeof classes)[number]
        const { role, target: matched } = roles[i] as (typeof roles)[number]
        const { logits: _, ...fields } = rows.fieldsOf(i)
        const mask = role === 'matched' ? rows.planeOf(i) : undefined
        const own = norms[i] as GradientNorms
        return {
          query: rows.first + i,
          role,
          target: matched,
          label,
          probability,
          loss,
          shares,
          norms: own,
          fields,
          mask,
        }
      }),
      pairs: studyPairs(maps, found, shown, rows.groups, rows.first, solved),
      unmatched: [...new Set(found.unmatchedTargets)],
      costs: maps,
      isSolved: solved,
      first: rows.first,
    }
  }
}

/** Whether a layer's matching is solved for, and not given. */
function isSolved({ matching, auxiliary }: Batch['outputs'], layer: number): boolean {
  const own = auxiliary !== undefined && layer < auxiliary.length ? auxiliary[layer]?.matching : matching
  return own === undefined || own === 'optimal'
}

function studyPairs(
  maps: readonly CostMap[],
  matches: Matches,
  targets: readonly TargetStudy[],
  groups: number,
  first: number,
  solved: boolean,
): readonly PairStudy[] {
  const { block } = maps[0] as CostMap
  const counted = targets.map(({ isIgnored }) => !isIgnored)
  const margins = solved ? marginsOf(block, matches, counted, groups, first) : []
  return Array.from(matches.queryIndices, (query, i) => {
    const target = matches.targetIndices[i] as number
    return { query, target, cost: block.data[(query - first) * block.shape[1] + target] as number, margin: margins[i] }
  })
}

function studyTargets(targets: PackedTargets): readonly TargetStudy[] {
  const { total, labels, labelOffsets, fields, ignores } = targets
  const [masks] = planesOf(targets, 'masks')
  return Array.from({ length: total }, (_, target) => {
    const [from, to] =
      labelOffsets === undefined ? [target, target + 1] : [labelOffsets[target], labelOffsets[target + 1]]
    const own = TARGET_FIELDS.flatMap(({ name }, place) => {
      const values = fields[place]
      if (values === undefined) return []
      const width = values.length / total
      return [[name, values.slice(target * width, (target + 1) * width)] as const]
    })
    return {
      labels: Array.from(labels.subarray(from, to)),
      isIgnored: ignores?.[target] === 1,
      fields: Object.fromEntries(own),
      mask: masks === undefined || !isKnown(own) ? undefined : planeOf(masks, target),
    }
  })
}

/** Whether a target's mask is known. */
function isKnown(fields: ReadonlyArray<readonly [string, Float32Array]>): boolean {
  return fields.every(([name, values]) => name !== 'hasMask' || values[0] !== 0)
}

/** The mask of a target. */
function planeOf({ data, height, width }: ImagePlanes, target: number): ImagePlanes {
  const size = height * width
  return { data: data.subarray(target * size, (target + 1) * size), height, width }
}

/** A result as the lines that COCO's own code prints. */
import { fail } from '../common/errors.ts'
import { toReadError } from '../common/reading.ts'
import { isRecord, show } from '../common/validate.ts'
import { readNumbers } from './numbers.ts'
import { ALL, MOST } from './options.ts'
import type { EvaluationResult } from './result.ts'

/** The part of a result that its summary shows. */
export type SummarySource = Pick<EvaluationResult, 'areas' | 'iouThresholds' | 'maxDetections'>

/** A range's numbers, as a line needs them. */
interface Area {
  readonly name: string
  readonly ap: number
  readonly ap50: number
  readonly ap75: number
  readonly ar: readonly number[]
}

/**
 * A result of {@link DetectionEvaluator.result}, or a clone of it, as the lines that pycocotools prints: average precision, that at
 * 0.5 and 0.75 and of each range of areas; average recall with each maximum of detections and of each range. Twelve lines
 * where the options are COCO's. -1.000 stands where there is nothing to evaluate.
 *
 * Throws `DTYPE` and `SHAPE` for what is no result.
 *
 * @example
 * console.log(formatSummary(evaluator.result()))
 */
export function formatSummary(result: SummarySource): string {
  const { areas, ious, maxima } = readSource(result)
  const others = areas.filter(({ name }) => name !== ALL)
  const all = areas.find(({ name }) => name === ALL)
  if (all === undefined) fail('DTYPE', 'result.areas', `must have the range ${ALL}`)
  const last = maxima.length - 1
  const most = maxima[last] as number
  const range = `${fixed(ious[0] as number, 2)}:${fixed(ious.at(-1) as number, 2)}`
  const precision = (value: number, area: string, threshold = range): string =>
    line('Average Precision', '(AP)', threshold, area, most, value)
  const recall = (value: number, area: string, maximum: number): string =>
    line('Average Recall', '(AR)', range, area, maximum, value)
  return [
    precision(all.ap, ALL),
    precision(all.ap50, ALL, '0.50'),
    precision(all.ap75, ALL, '0.75'),
    ...others.map(({ name, ap }) => precision(ap, name)),
    ...maxima.map((maximum, i) => recall(all.ar[i] as number, ALL, maximum)),
    ...others.map(({ name, ar }) => recall(ar[last] as number, name, most)),
  ].join('\n')
}

function line(title: string, kind: string, threshold: string, area: string, most: number, value: number): string {
  const where = `IoU=${threshold.padEnd(9)} | area=${area.padStart(6)} | maxDets=${String(most).padStart(3)}`
  return ` ${title.padEnd(18)} ${kind} @[ ${where} ] = ${fixed(value, 3)}`
}

/** Digits after the point as Python writes them: of two that are as near, the even one. */
function fixed(value: number, digits: number): string {
  const factor = 10 ** digits
  // two are as near only where the value is a multiple of 1/16, so that the product is exact
  const scaled = value * factor
  if (!Number.isInteger(value * 16) || Math.abs(scaled % 1) !== 0.5) return value.toFixed(digits)
  const below = Math.floor(scaled)
  return ((below % 2 === 0 ? below : below + 1) / factor).toFixed(digits)
}

/** What is used of a result, each field read once. */
function readSource(result: unknown) {
  try {
    if (!isRecord(result)) fail('DTYPE', 'result', `must be the result of an evaluation, got ${show(result)}`)
    const { areas, iouThresholds, maxDetections } = result
    const maxima = readNumbers(maxDetections, [1, MOST.maxDetections], 'result.maxDetections')
    if (!isRecord(areas)) fail('DTYPE', 'result.areas', `must be the ranges of areas, got ${show(areas)}`)
    return {
      ious: readNumbers(iouThresholds, [1, MOST.iouThresholds], 'result.iouThresholds'),
      maxima,
      areas: Object.keys(areas).map((name) => readArea(name, areas[name], maxima.length)),
    }
  } catch (error) {
    throw toReadError(error, 'result')
  }
}

function readArea(name: string, value: unknown, maxima: number): Area {
  const argument = `result.areas.${name}`
  if (!isRecord(value)) fail('DTYPE', argument, `must be the numbers of a range of areas, got ${show(value)}`)
  const { ap, ap50, ap75, ar } = value
  const recalls = readNumbers(ar, [maxima, maxima], `${argument}.ar`)
  const number = (given: unknown, key: string): number =>
    typeof given === 'number' ? given : fail('DTYPE', `${argument}.${key}`, `must be a number, got ${show(given)}`)
  return { name, ap: number(ap, 'ap'), ap50: number(ap50, 'ap50'), ap75: number(ap75, 'ap75'), ar: recalls }
}

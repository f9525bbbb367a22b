/** Looks for what trains badly and says nothing. */
import { fail } from '../../common/errors.ts'
import type { HungarianLossError } from '../../common/errors.ts'
import { readPredictions } from '../../input/outputs.ts'
import type { ExactOutputs, Outputs, OutputsWithoutBoxes } from '../../input/outputs.ts'
import { toReadError } from '../../common/reading.ts'
import type { Canvas } from '../../input/canvas.ts'
import { packRead } from '../../input/packing.ts'
import { readTargets, targetShape } from '../../input/targets.ts'
import type { Target, TargetsOf } from '../../input/targets.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { shapeOf, showShape } from '../../common/tensors.ts'
import { isSigmoid } from '../../terms/classification.ts'
import { isRecord, show } from '../../common/validate.ts'
import { readInspectCall } from '../call.ts'
import type { MatchOptions } from '../call.ts'
import type { Finding } from './finding.ts'
import { inspectPredictions } from './predictions.ts'
import { inspectTargets } from './targets.ts'

/** What an inspection needs of a criterion. */
export interface Inspector {
  /** The options in force. */
  readonly options: ResolvedOptions
  /** Matches a batch, or throws for it. */
  match(outputs: Outputs, targets: readonly Target[], call?: InspectOptions): unknown
}

/** Settings of a call that an inspection looks at. */
export type InspectOptions = Pick<MatchOptions, 'maskCanvas'>

/** Errors first. */
const SEVERITIES: readonly Finding['severity'][] = ['error', 'warning', 'note']

/**
 * Looks through a batch for mistakes that `compute` refuses, and for those that it cannot refuse: boxes in another format,
 * probabilities in place of logits, class ids that begin at 1, and the like. Changes nothing, and never throws for what it is
 * given but a wrong criterion. It reads its input more than once, and takes a few times as long as a call of `match`: for the first batch, or while something is wrong.
 *
 * @param outputs as for {@link HungarianLoss.compute}
 * @param targets likewise
 * @param criterion the one that is to compute their loss
 * @param call settings of that call which say what the batch is: its `maskCanvas`
 * @returns what was found, errors first; empty where nothing looks wrong. Without an `'error'`, `compute` accepts the batch.
 *
 * @example
 * for (const { severity, message, argument, count, total } of inspectBatch(outputs, targets, criterion)) {
 *   console.log(`${severity}: ${message} (${argument}; ${count} of ${total})`)
 * }
 */
export function inspectBatch<O extends Outputs | OutputsWithoutBoxes>(
  outputs: ExactOutputs<O>,
  targets: TargetsOf<O>,
  criterion: Inspector,
  call?: InspectOptions,
): readonly Finding[]
export function inspectBatch(
  outputs: unknown,
  targets: unknown,
  criterion: Inspector,
  call: InspectOptions = {},
): readonly Finding[] {
  const options = optionsOf(criterion)
  const { maskCanvas } = readInspectCall(call)
  const findings = lookThrough(outputs as Outputs, targets as readonly Target[], criterion, options, maskCanvas)
  return findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity))
}

/** The options of a criterion, if it is one. */
function optionsOf(criterion: Inspector): ResolvedOptions {
  try {
    if (isRecord(criterion) && isRecord(criterion['options'])) return criterion.options
  } catch (error) {
    throw toReadError(error, 'criterion')
  }
  return fail('DTYPE', 'criterion', `must be a HungarianLoss, got ${show(criterion)}`)
}

function lookThrough(
  outputs: Outputs,
  targets: readonly Target[],
  criterion: Inspector,
  options: ResolvedOptions,
  canvas: Canvas | undefined,
): Finding[] {
  const findings: Finding[] = []
  let argument = 'outputs'
  try {
    const predictions = readPredictions(outputs, options, targets)
    argument = 'targets'
    const shape = targetShape(predictions, options)
    const read = readTargets(targets, shape)
    const { planes, ...others } = packRead(read, shape)
    // the masks are looked at as they are, without what is beside them
    const packed = { ...others, planes: planes && { ...planes, canvas } }
    const areMapped = read.some(({ positives }) => positives !== undefined)
    findings.push(...inspectTargets(packed, options, areMapped))
    findings.push(...inspectPredictions(predictions, packed, options))
    if (!findings.some(({ severity }) => severity === 'error'))
      criterion.match(outputs, targets, { maskCanvas: canvas })
  } catch (error) {
    const refused = toReadError(error, argument)
    findings.push(transposedShape(outputs, refused, options) ?? refusal(refused))
  }
  return findings
}

/** What `compute` would throw. */
function refusal(error: HungarianLossError): Finding {
  const { layer, image, query, target } = error
  return {
    code: 'refused',
    severity: 'error',
    argument: error.argument ?? 'outputs',
    place: present({ layer, image, query, target }),
    count: 1,
    total: 1,
    example: error.code,
    message: `${error.message}.`,
  }
}

/** Logits whose second axis has the size that the third should have. */
function transposedShape(
  outputs: Outputs,
  { code, argument }: HungarianLossError,
  options: ResolvedOptions,
): Finding | undefined {
  if (code !== 'SHAPE' || argument !== 'outputs.logits') return undefined
  const shape = shapeOfLogits(outputs)
  const columns = options.numClasses + Number(!isSigmoid(options.classification.kind))
  if (shape.length < 3 || shape.at(-2) !== columns || shape.at(-1) === columns) return undefined
  const expected = [...shape.slice(0, -2), shape.at(-1) as number, columns]
  return {
    code: 'transposed-logits',
    severity: 'error',
    argument,
    place: {},
    count: 1,
    total: 1,
    example: shape,
    message:
      `The logits' shape ${showShape(shape)} has its ${columns} classes before its queries. Transpose them to ` +
      `${showShape(expected)}.`,
  }
}

/** The shape of the logits that were given, or none where it cannot be read. */
function shapeOfLogits(outputs: Outputs): readonly number[] {
  try {
    return shapeOf(outputs.logits, 'outputs.logits')
  } catch {
    return []
  }
}

/** The fields that are there. */
function present<Fields extends object>(fields: Fields): Partial<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<Fields>
}

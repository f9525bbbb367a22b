/** Says once what an inspection has found. */
import { warn } from '#host'
import type { Outputs } from '../../input/outputs.ts'
import type { Target } from '../../input/targets.ts'
import { inspectBatch } from './inspect.ts'
import type { InspectOptions, Inspector } from './inspect.ts'

/** Inspects a batch and warns of all that is no mere note, in one warning of the process named `HungarianLossWarning`. */
export function warnOfFindings(
  outputs: Outputs,
  targets: readonly Target[],
  criterion: Inspector,
  call: InspectOptions,
): void {
  const findings = inspectBatch(outputs, targets, criterion, call).filter(({ severity }) => severity !== 'note')
  if (findings.length === 0) return
  const lines = findings.map(
    ({ message, argument, count, total }) => `- ${message} (${argument}; ${count} of ${total})`,
  )
  warn(`The first batch looks wrong:\n${lines.join('\n')}`, 'HUNGARIAN_LOSS_BATCH')
}

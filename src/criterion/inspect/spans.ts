/** What is suspicious of the spans of targets: two numbers may be centre and width, start and end, or start and width. */
import type { PackedTargets } from '../../input/packing.ts'
import type { ResolvedOptions } from '../../options/options.ts'
import { atTarget, rowOf } from './entries.ts'
import type { TargetEntry } from './entries.ts'
import { Tally } from './finding.ts'
import type { Finding } from './finding.ts'

type SpanReading = 'cxw' | 'xx' | 'xw'

const READINGS: readonly SpanReading[] = ['cxw', 'xx', 'xw']

/** By how far a normalised span may leave [0, 1]. */
const SLACK = 1e-3

/** How the criterion's format is made of another reading, for messages. */
const CONVERSIONS: { readonly [To in 'cxw' | 'xx']: { readonly [From in SpanReading]: string } } = {
  cxw: { cxw: '[cx, w]', xx: '[(start + end) / 2, end - start]', xw: '[start + w / 2, w]' },
  xx: { cxw: '[cx - w / 2, cx + w / 2]', xx: '[start, end]', xw: '[start, start + w]' },
}

/**
 * Spans that are not finite, and normalised ones that leave [0, 1] as the criterion reads them. In seconds, nothing tells where
 * they should end.
 */
export function inspectSpans(
  entries: readonly TargetEntry[],
  targets: PackedTargets,
  { spanFormat, normalizedSpans }: ResolvedOptions,
): Finding[] {
  const spans = entries.map((entry) => rowOf(targets, 'spans', entry))
  const isCertain = ({ length }: number[]) => length === 2
  if (!spans.every(isCertain)) return []
  const isFinite = (span: readonly number[]) => span.every(Number.isFinite)
  const [nonFinite, outside] = [new Tally(), new Tally()]
  for (const [i, span] of spans.entries()) {
    const describe = () => atTarget(entries[i] as TargetEntry, 'spans', span)
    nonFinite.add(!isFinite(span), describe)
    if (isFinite(span)) outside.add(normalizedSpans && !isInside(span, spanFormat), describe)
  }
  const finite = spans.filter(isFinite)
  const others = READINGS.filter((reading) => reading !== spanFormat && finite.every((span) => isInside(span, reading)))
  const cures = others.map((reading) => cureFor(reading, spanFormat)).join(' ')
  const found = `Read as spanFormat '${spanFormat}', target spans leave [0, 1] or have widths below 0.`
  return [
    ...nonFinite.finding(
      'non-finite',
      'error',
      'Target spans must be finite numbers. Look where these annotations come from.',
    ),
    ...outside.finding('span-outside-range', 'warning', `${found} ${cures || 'Check their format, or clip them.'}`),
  ]
}

/** Whether a span, in a reading, has its ends in order and in [0, 1], give or take a little. */
function isInside([a = NaN, b = NaN]: readonly number[], reading: SpanReading): boolean {
  const start = reading === 'cxw' ? a - b / 2 : a
  const end = { cxw: a + b / 2, xx: b, xw: a + b }[reading]
  return end >= start && start >= -SLACK && end <= 1 + SLACK
}

/** What is to be done with spans that fit into another reading. */
function cureFor(reading: SpanReading, spanFormat: 'cxw' | 'xx'): string {
  const instead = reading === 'xw' ? '' : `, or set spanFormat: '${reading}'`
  return `As '${reading}' all of them fit: convert them to ${CONVERSIONS[spanFormat][reading]}${instead}.`
}

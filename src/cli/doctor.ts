/** Findings as lines of text. */
import type { Finding } from '../criterion/inspect/finding.ts'
import type { Chosen } from './settings.ts'

/** What was found, or that nothing was; what the batch was read as, and what of the file was not looked at. */
export function diagnose(findings: readonly Finding[], leftOut: readonly string[], chosen: Chosen): string {
  const lines = findings.map((finding) => `${finding.severity}: ${finding.message}\n  ${placeOf(finding)}\n`)
  if (lines.length === 0) lines.push('Nothing looks wrong.\n')
  lines.push(`${criterionOf(chosen)}\n`)
  if (leftOut.length > 0) lines.push(`Not looked at: ${leftOut.join(', ')}\n`)
  return lines.join('')
}

/** What the batch was looked at with, and how to say otherwise where nobody has said it. */
function criterionOf({ criterion, preset, isGuessed, isPresetGuessed }: Chosen): string {
  const { classification, numClasses } = criterion.options
  const columns = `${numClasses} ${numClasses === 1 ? 'class' : 'classes'}`
  const noObject = classification.kind === 'softmax' ? ' and no-object' : ''
  const options = [...(isPresetGuessed ? ['--preset'] : []), ...(isGuessed ? ['--num-classes'] : [])]
  const others = options.length === 0 ? '' : ` (if yours is another: ${options.join(', ')})`
  return `Criterion: ${preset}, ${classification.kind}, ${columns}${noObject}${others}`
}

/** Where the example of a finding is, what stands there, and how many there are. */
export function placeOf({ argument, place, example, count, total }: Finding): string {
  const where = Object.entries(place).map(([name, number]) => `${name} ${number}`)
  const value = Array.isArray(example) ? `[${example.map(short).join(', ')}]` : short(example)
  const many = total > 1 ? `; ${count} of ${total}` : ''
  return `${argument}${where.length > 0 ? ` (${where.join(', ')})` : ''}: ${value}${many}`
}

/** A number in six digits, which tell float32 from float32; a text as it is. */
function short(value: unknown): string {
  return typeof value === 'number' ? `${Number(value.toPrecision(6))}` : String(value)
}

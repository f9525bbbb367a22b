/** Findings, the gravest first. */
import type { Finding } from '../../criterion/inspect/finding.ts'
import { placeOf } from '../doctor.ts'
import { escape } from './text.ts'

/** What was found, or that nothing was. */
export function findingsOf(findings: readonly Finding[]): string {
  const lines = findings.map((finding) => {
    const { severity, message } = finding
    return `<li><span class="badge ${severity}">${severity}</span><p>${escape(message)}</p><small>${escape(placeOf(finding))}</small></li>`
  })
  const good = '<li><span class="badge good">good</span><p>Nothing looks wrong with this batch.</p></li>'
  return `<section aria-labelledby="findings"><h2 id="findings">Findings</h2>
  <p>What trains badly and says nothing, and what is refused.</p>
  <div class="card"><ul class="findings">${lines.join('') || good}</ul></div></section>`
}

/** Writes the page about a batch. */
import { stat, writeFile } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { Fault, oneLine, systemRule, UsageFault } from './fault.ts'
import type { Batch } from './file/batch.ts'
import { pageOf } from './page/page.ts'
import type { Chosen } from './settings.ts'
import { studyBatch } from './study/study.ts'
import type { StudySettings } from './study/study.ts'

/** Files besides that of the batch. */
export interface ReportFiles {
  readonly output: string | undefined
  /** The criterion's options, which are as little to be written over as the batch. */
  readonly options: string | undefined
}

/** Writes it, and gives what the command says of it. */
export async function reportOn(
  path: string,
  batch: Batch,
  { criterion, preset, isGuessed }: Chosen,
  { output, options, ...settings }: StudySettings & ReportFiles,
): Promise<string> {
  const name = basename(path)
  const to = output ?? `${basename(name, extname(name))}.html`
  for (const read of [path, options]) {
    if (read !== undefined && (await isSame(to, read)))
      throw new UsageFault(`--output must be another file than ${read}`)
  }
  const study = studyBatch(batch, criterion, settings)
  const page = pageOf(study, { name, preset, isGuessed, leftOut: batch.leftOut })
  try {
    await writeFile(to, page)
  } catch (error) {
    throw new Fault(`${to}: ${systemRule(error, 'written')}`)
  }
  const { loss, findings } = study
  const found = findings.length === 1 ? '1 finding' : `${findings.length} findings`
  const total = loss === undefined ? 'no loss, since the batch is refused' : `loss ${loss.total.toPrecision(6)}`
  return `${oneLine(to)}: ${total}; ${found}\n`
}

/** Whether two paths lead to one file, also through links. */
async function isSame(one: string, other: string): Promise<boolean> {
  const [a, b] = await Promise.all([one, other].map((path) => stat(path, { bigint: true }).catch(() => undefined)))
  return a !== undefined && b !== undefined && a.dev === b.dev && a.ino === b.ino
}

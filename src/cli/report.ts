/** Writes the page about a batch. */
import { writeFile } from 'node:fs/promises'
import { basename, extname, resolve } from 'node:path'
import { Fault, systemRule, UsageFault } from './fault.ts'
import type { Batch } from './file/batch.ts'
import { pageOf } from './page/page.ts'
import type { Chosen } from './settings.ts'
import { studyBatch } from './study/study.ts'
import type { StudySettings } from './study/study.ts'

/** Writes it, and gives what the command says of it. */
export async function reportOn(
  path: string,
  batch: Batch,
  { criterion, preset, isGuessed }: Chosen,
  { output, ...settings }: StudySettings & { readonly output: string | undefined },
): Promise<string> {
  const name = basename(path)
  const to = output ?? `${basename(name, extname(name))}.html`
  if (resolve(to) === resolve(path)) throw new UsageFault(`--output must be another file than ${path}`)
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
  return `${to}: ${total}; ${found}\n`
}

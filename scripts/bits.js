/**
 * Whether losses, terms, matches, gradients and assignments have the very bits that are on record, at every SIMD level of the
 * processor, on one thread and on two, and off the event loop.
 *
 * Usage: npm run check:bits [-- --record | --by node --every 10]. The exit code is 1 where anything differs. `--record` writes the
 * record anew, which a change that means to change bits does, and says so. `--by`: which Node.js computes, as one for another
 * processor; `--every`: of how many batches and problems one is compared.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DESCRIPTION } from '../dist/binding/description.js'
import { simdLevel } from '../dist/index.js'
import { makeProblems } from './bits/assignments.js'
import { makeBatches } from './bits/batches.js'
import { makeEvaluations } from './bits/evaluations.js'
import {
  digestOfAssignment,
  digestOfCosts,
  digestOfError,
  digestOfEvaluation,
  digestOfLoss,
  digestOfMatching,
} from './bits/digest.js'

const RECORD = fileURLToPath(new URL('../benchmarks/bits.json', import.meta.url))
const LEVELS = ['avx512', 'avx2', 'sse2', 'neon', 'simd128', 'fallback']
/** So many differences are named. */
const SHOWN = 10

const { record, level, by, every } = parseArgs({
  options: {
    record: { type: 'boolean', default: false },
    level: { type: 'boolean', default: false },
    by: { type: 'string', default: process.execPath },
    every: { type: 'string', default: '1' },
  },
}).values
const isChosen = (_, i) => record || i % Number(every) === 0
const all = makeBatches()
const batches = all.filter(isChosen)
if (level) {
  process.stdout.write(JSON.stringify([simdLevel(), await digestAll()]))
} else if (record) {
  const digests = await digestAll()
  writeFileSync(RECORD, `${JSON.stringify(digests, undefined, 1)}\n`)
  console.log(`Recorded ${Object.keys(digests).length} digests, made at the level ${simdLevel()}.`)
} else {
  compareLevels()
}

function compareLevels() {
  const weighed = all.map(({ criterion }) => criterion(1).options.weights)
  const unweighed = DESCRIPTION.terms.filter(({ name }) => !weighed.some((weights) => weights[name] > 0))
  if (unweighed.length > 0) {
    console.error(
      `No batch weighs ${unweighed.map(({ name }) => name).join(', ')}: add some to scripts/bits/batches.js.`,
    )
    process.exit(1)
  }
  const recorded = JSON.parse(readFileSync(RECORD, 'utf8'))
  const runs = new Map(LEVELS.flatMap(runAt))
  const differing = [...runs].filter(([level, digests]) => !areEqual(level, recorded, digests))
  if (differing.length > 0) process.exit(1)
}

/** A level's own name and all digests at it, or nothing where the processor lacks it. */
function runAt(name) {
  const env = { ...process.env, HUNGARIAN_LOSS_SIMD: name }
  const { status, stdout, stderr } = spawnSync(by, [fileURLToPath(import.meta.url), '--level', '--every', every], {
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  if (status === 0) return [JSON.parse(stdout)]
  if (stderr.includes('this processor has')) return []
  throw new Error(`The level ${name} ended with ${status}: ${stderr}`)
}

function areEqual(level, recorded, digests) {
  const names = every === '1' ? [...new Set([...Object.keys(recorded), ...Object.keys(digests)])] : Object.keys(digests)
  const differing = names.filter((name) => recorded[name] !== digests[name])
  console.log(`${level}: ${names.length - differing.length} of ${names.length} digests are as on record.`)
  for (const name of differing.slice(0, SHOWN)) console.error(`  ${name}: ${recorded[name]} → ${digests[name]}`)
  if (differing.length > SHOWN) console.error(`  … and ${differing.length - SHOWN} more`)
  return differing.length === 0
}

/** A digest for every batch and problem, once it is certain that threads and the event loop make no difference. */
async function digestAll() {
  const digests = {}
  for (const { name, criterion, inputs } of batches) {
    const loss = []
    for (const threads of [1, 2]) {
      loss.push(tryDigest(() => digestOfLoss(criterion(threads).compute(...inputs()))))
      loss.push(
        await criterion(threads)
          .computeAsync(...inputs())
          .then(digestOfLoss, digestOfError),
      )
    }
    digests[name] = agreed(name, loss)
    digests[`${name}: match`] = tryDigest(() => digestOfMatching(criterion(1).match(...inputs())))
    digests[`${name}: cost`] = tryDigest(() => digestOfCosts(criterion(1).cost(...inputs())))
  }
  for (const { name, solve } of makeProblems().filter(isChosen)) {
    const runs = await Promise.all([false, true].map((isAsync) => solve(isAsync).then(digestOfAll, digestOfError)))
    digests[name] = agreed(name, runs)
  }
  for (const { name, evaluate } of makeEvaluations().filter(isChosen)) {
    const runs = [evaluate(1).result(), evaluate(2).result(), await evaluate(2).resultAsync()]
    digests[name] = agreed(name, runs.map(digestOfEvaluation))
  }
  return digests
}

function digestOfAll(assignments) {
  return assignments.map(digestOfAssignment).join(' ')
}

function tryDigest(digest) {
  try {
    return digest()
  } catch (error) {
    if (error.code === undefined) throw error
    return digestOfError(error)
  }
}

/** The one digest that all of them are. */
function agreed(name, digests) {
  const [first] = digests
  if (digests.every((digest) => digest === first)) return first
  throw new Error(`${name}: threads or the event loop make a difference: ${digests.join(', ')}`)
}

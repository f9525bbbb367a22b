/** The floor: one pass over the same memory and each sample's arithmetic once, by a program of the core crate. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeArrays } from '../files.js'

const NO_SAMPLES = { maxTime: 0, minTime: 0, minSamples: 0 }

/** How far its sums may be off: they are of float32. */
const TOLERANCE = 1e-4

/**
 * @typedef {{ line: string, sum?: number[] }} Job a line of the program's plan, and what it should come to
 */

/** What a step does at least: collects samples as an observer of the plain loss. */
export class FloorPlan {
  #folder
  #files = 0
  /** @type {Job[]} */
  #samples = []
  #pairs = new Map()

  /** @param {string} folder for its files */
  constructor(folder) {
    this.#folder = folder
  }

  /** What the plain loss is to tell. */
  get observer() {
    return {
      cost: ({ logits, labels, points, sum }) => {
        this.#samples.push({ line: `cost ${points} ${this.#write(logits)} ${this.#write(labels)}`, sum })
      },
      pair: ({ layer, logits, labels }) => {
        const pairs = this.#pairs.get(layer) ?? []
        pairs.push({ logits, labels })
        this.#pairs.set(layer, pairs)
      },
    }
  }

  /**
   * The memory alone: all values that are given are read, all gradients written.
   * @param {import('./inputs.js').Inputs} inputs
   * @param {import('../loss/contenders.js').Answer} expected
   * @returns {Job[]}
   */
  memory({ outputs, targets }, { gradients }) {
    const reads = Object.values(outputs).map(({ data }) => ({
      line: `read f32 ${this.#write(data)}`,
      sum: [total(data), 0],
    }))
    const planes = targets.map(({ masks: { data } }) => ({
      line: `read u8 ${this.#write(data)}`,
      sum: [total(data), 0],
    }))
    const writes = Object.values(gradients ?? {}).map(({ length }) => ({ line: `write ${length}` }))
    return [...reads, ...planes, ...writes]
  }

  /**
   * The arithmetic of all samples that have been seen.
   * @param {import('../loss/contenders.js').Answer} expected
   * @param {number} numBoxes what the terms are divided by
   * @returns {Job[]}
   */
  arithmetic({ layers }, numBoxes) {
    const pairs = [...this.#pairs].map(([layer, own]) => {
      const [logits, labels] = ['logits', 'labels'].map((name) => this.#write(joined(own.map((pair) => pair[name]))))
      const { maskBce, maskFocal, maskDice } = layers[layer]
      const kind = maskFocal === undefined ? 'bce' : 'focal'
      const sum = [maskBce ?? maskFocal, maskDice].map((term) => term * numBoxes)
      return { line: `pairs ${kind} ${own[0].logits.length} ${logits} ${labels}`, sum }
    })
    return [...this.#samples, ...pairs]
  }

  #write(array) {
    const name = `floor-${this.#files++}`
    return writeArrays(this.#folder, { [name]: array })[name]
  }
}

/**
 * A contender that does some jobs.
 * @param {string} name
 * @param {string} program the example `masks_floor`
 * @param {Job[]} jobs
 * @param {string} folder for its files
 * @returns {Omit<import('../loss/contenders.js').LossContender, 'result' | 'precision'> & { result: () => number[][],
 *   findFault: (sums: number[][]) => string | undefined }}
 */
export function floor(name, program, jobs, folder) {
  const plan = join(folder, `plan of the ${name}`)
  writeFileSync(plan, jobs.map(({ line }) => line).join('\n'))
  const run = ({ maxTime, minTime, minSamples }) => {
    const args = [plan, maxTime, minTime, minSamples].map(String)
    const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    if (status !== 0) throw new Error(`The program of the ${name} failed.`)
    return JSON.parse(stdout)
  }
  return {
    name,
    isRival: false,
    isFloor: true,
    sample: (limits) => run(limits).samples,
    result: () => run(NO_SAMPLES).sums,
    findFault: (sums) => findFault(sums, jobs),
  }
}

/** What is wrong with the sums of the program, if anything is. */
export function findFault(sums, jobs) {
  const expected = jobs.filter(({ sum }) => sum !== undefined)
  if (sums.length !== expected.length) return `${sums.length} sums rather than ${expected.length}`
  for (const [i, { line, sum }] of expected.entries()) {
    const isRight = sum.every((value, k) => Math.abs(sums[i][k] - value) <= TOLERANCE * Math.max(1, Math.abs(value)))
    if (!isRight) return `${line.split(' ', 1)[0]}: ${sums[i]} rather than ${sum}`
  }
  return undefined
}

function total(values) {
  return values.reduce((sum, value) => sum + value, 0)
}

function joined(arrays) {
  const whole = new arrays[0].constructor(arrays.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const array of arrays) {
    whole.set(array, at)
    at += array.length
  }
  return whole
}

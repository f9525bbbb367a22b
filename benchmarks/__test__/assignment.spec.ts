/** The benchmark of the assignment: what is solved, who is right, who is timed. */
import { expect, test } from 'vitest'
import { judge, sumPairs } from '../assignment/agreement.js'
import { npmRivals, ours } from '../assignment/contenders.js'
import { compete, QUICK } from '../assignment/contest.js'
import { suite } from '../assignment/suite.js'
import { Player } from '../player.js'

const matrix = { rows: 2, columns: 3, values: Float64Array.of(4, 1, 9, 2, 1, 9) }
const sparse = {
  rows: 2,
  columns: 2,
  values: Float64Array.of(5, 7, 3),
  columnIndices: Int32Array.of(0, 1, 0),
  rowStarts: Int32Array.of(0, 2, 3),
}
const small = { seed: 3, largest: 100, sparse: true }
/** A contender whose process runs this script; `ask` reads each request and gives its answer. */
const scripted = (name: string, ask: string) =>
  new Player({
    name,
    isRival: true,
    forms: ['dense'],
    command: [
      process.execPath,
      '--eval',
      `require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
        const ask = ${ask}
        console.log(JSON.stringify(ask(JSON.parse(line))))
      })`,
    ],
  })
const instance = { family: 'test', size: '2×3', form: 'dense' as const, make: () => [matrix] }
const setting = () => ({ effort: QUICK, limit: 10, tooSlow: new Set<string>() })
const run = async (players: Player[]) => {
  const outcomes = await compete(instance, players, setting())
  for (const player of players) player.close()
  return outcomes
}

test('a seed makes the same instances each time, and another seed others', () => {
  const valuesOf = (seed: number) => suite({ ...small, seed }).map(({ instances }) => instances[0]?.make()[0]?.values)
  expect(valuesOf(3)).toEqual(valuesOf(3))
  const [first, other] = [valuesOf(3), valuesOf(4)]
  first.forEach((values, section) => expect(values).not.toEqual(other[section]))
})

test('every dense instance has finite values, as many as its shape says, of the type that its section names', () => {
  const sections = suite(small).filter(({ title }) => !title.startsWith('Sparse'))
  expect(sections.length).toBe(8)
  for (const { title, instances } of sections) {
    for (const { make } of instances) {
      for (const { rows, columns, values } of make()) {
        expect(values).toBeInstanceOf(title.endsWith('float32') ? Float32Array : Float64Array)
        expect(values.length).toBe(rows * columns)
        expect(values.every(Number.isFinite)).toBe(true)
      }
    }
  }
})

test('no dense matrix is larger than asked, and a batch has an image without targets and one with 100', () => {
  const instances = suite({ ...small, largest: 300, sparse: false }).flatMap((section) => section.instances)
  expect(new Set(instances.map(({ size }) => size))).toEqual(
    new Set(['10×10', '32×32', '100×100', '300×300', '100×7', '300×20', '16×100', '64×300']),
  )
  expect(suite({ ...small, largest: 10, sparse: false }).map(({ title }) => title)).toEqual([
    'Square, float64',
    'Square, float32',
    'Padded, float64',
    'Padded, float32',
  ])
  const batch = instances.find(({ form }) => form === 'batch')
  const counts = batch?.make().map(({ columns }) => columns) ?? []
  expect(counts.length).toBe(16)
  expect(counts.slice(1, 3)).toEqual([0, 100])
})

test('a sparse instance has ascending columns in each row and a complete assignment', () => {
  const [instance] = suite(small).flatMap(({ instances }) => instances.filter(({ form }) => form === 'sparse'))
  const [made] = instance?.make() ?? []
  const { rows, columns, values, columnIndices, rowStarts } = made as typeof sparse
  expect([rows, columns, rowStarts.length, rowStarts[rows]]).toEqual([2000, 2000, 2001, values.length])
  expect(columnIndices.length).toBe(values.length)
  for (let row = 0; row < rows; row++) {
    const own = columnIndices.subarray(rowStarts[row], rowStarts[row + 1])
    expect(own.length).toBeGreaterThan(0)
    expect(own.every((column, i) => column < columns && (i === 0 || column > (own[i - 1] as number)))).toBe(true)
  }
  expect(new Set(columnIndices).size).toBe(columns)
})

test('an assignment is summed only where it is complete, within the matrix, and takes no column twice', () => {
  expect(sumPairs(matrix, [1, 0])).toEqual({ total: 3, scale: 3 })
  expect(sumPairs(sparse, [1, 0])).toEqual({ total: 10, scale: 10 })
  expect(sumPairs({ rows: 1, columns: 0, values: new Float64Array(0) }, [-1])).toEqual({ total: 0, scale: 0 })
  for (const columns of [[1, 1], [1, -1], [1, 3], [1, 0.5], [1], [1, null]]) {
    expect(sumPairs(matrix, columns)).toBeUndefined()
  }
  expect(sumPairs(sparse, [0, 1])).toBeUndefined() // row 1 has no entry in column 1
})

test('who is above the least total, or incomplete, is wrong, whoever it is', () => {
  const [right, dear, partial] = [[[1, 0]], [[0, 1]], [[1, -1]]]
  expect(judge([matrix], [right, dear, partial])).toEqual([undefined, 'not optimal by 0.4', 'incomplete'])
  expect(judge([matrix], [dear, right])).toEqual(['not optimal by 0.4', undefined])
})

test('what rounding explains is not wrong', () => {
  const ties = { rows: 2, columns: 2, values: Float64Array.of(0.1, 0.2, 0.3, 0.4 + 1e-15) }
  expect(judge([ties], [[[0, 1]], [[1, 0]]])).toEqual([undefined, undefined])
  const gap = { ...ties, values: Float64Array.of(0.1, 0.2, 0.3, 0.4 + 1e-11) }
  expect(judge([gap], [[[0, 1]], [[1, 0]]])[0]).toMatch(/^not optimal/)
})

test('ours and the packages of npm agree on every form, orientation and type', async () => {
  const players = [...ours(), ...npmRivals()].map((contender) => new Player(contender))
  const tall = { rows: 3, columns: 2, values: Float64Array.of(4, 2, 1, 1, 9, 9) }
  const empty = { rows: 3, columns: 0, values: new Float64Array(0) }
  const float32 = { rows: 1, columns: 2, values: Float32Array.of(2, 1) }
  const cases = [
    { form: 'dense', matrices: [matrix, tall] },
    { form: 'dense', matrices: [float32] },
    { form: 'batch', matrices: [matrix, tall, empty] },
  ] as const
  for (const { form, matrices } of cases) {
    const able = players.filter(({ contender }) => contender.forms?.includes(form))
    const outcomes = await compete({ ...instance, form, make: () => [...matrices] }, able, setting())
    expect(outcomes.length).toBe(form === 'batch' ? 6 : 5)
    for (const { figures, wrong, failure } of outcomes) {
      expect([wrong, failure]).toEqual([undefined, undefined])
      expect(figures?.median).toBeGreaterThan(0)
    }
  }
  for (const player of players) player.close()
})

test('who gives a wrong answer is timed and named', async () => {
  const answers = (columns: string) => `({ prepare, sample }) =>
    prepare ? {} : sample ? { samples: [1, 2, 3] } : { seconds: 0, columns: [${columns}] }`
  const [right, wrong] = await run([scripted('right', answers('[1, 0]')), scripted('wrong', answers('[0, 1]'))])
  expect(right).toMatchObject({ wrong: undefined, figures: { median: 2, samples: 3 } })
  expect(wrong).toMatchObject({ wrong: 'not optimal by 0.4', figures: { median: 2 } })
})

test('who does not end is stopped, and not tried again on this family', async () => {
  const limited = { ...setting(), limit: 0.5 }
  const hanging = scripted('hanging', '({ solve }) => { while (solve !== undefined); return {} }')
  expect(await compete(instance, [hanging], limited)).toEqual([{ name: 'hanging', isRival: true, limit: 0.5 }])
  expect(await compete(instance, [hanging], limited)).toEqual([{ name: 'hanging', isRival: true, skipped: true }])
})

test('who fails or dies is shown with the reason', async () => {
  const [failing, dying, late] = await run([
    scripted('failing', '() => ({ error: "no" })'),
    scripted('dying', '() => process.exit()'),
    scripted('late', '({ sample }) => sample ? process.exit() : { seconds: 0, columns: [[1, 0]] }'),
  ])
  expect(failing).toEqual({ name: 'failing', isRival: true, failure: 'failing: no' })
  expect(dying).toEqual({ name: 'dying', isRival: true, failure: 'dying: the process ended' })
  expect(late).toEqual({ name: 'late', isRival: true, failure: 'late: the process ended' })
})

test('a solve that is long enough is not repeated', async () => {
  const slow = scripted('slow', '({ solve }) => solve === undefined ? {} : { seconds: 9, columns: [[1, 0]] }')
  expect(await run([slow])).toMatchObject([{ figures: { median: 9, samples: 1 } }])
})

/** Whether the playground does in headless Chromium what it should: its numbers are those of the native addon, whatever is done. */
import { deepStrictEqual, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { openPage } from '../browser/chromium.js'
import { PAGE } from './build.js'
import { computed, readLink, shownBy } from './numbers.js'
import { openPlayground, SHIFT, until } from './page.js'

const DESK = { width: 1280, height: 900 }
const PHONES = [
  { width: 390, height: 844, touch: true },
  { width: 320, height: 640, touch: true },
]
const FILE = pathToFileURL(PAGE).href

/**
 * Checks the page that has been built, as a file and from a server.
 * @param {string} chromium
 * @param {string} url of the page on a server
 */
export async function checkPlayground(chromium, url) {
  let states = 0
  /** The page's numbers, which must be the addon's. */
  const same = async (page, what) => {
    const shown = await shownBy(page)
    deepStrictEqual(shown, computed(shown.hash), what)
    states += 1
    return { ...shown, ...readLink(shown.hash) }
  }
  await visit(chromium, FILE, DESK, async (page) => {
    const core = await page.evaluate(`document.getElementById('core').textContent`)
    ok(/^Computed in this page by hungarian-loss \d\S+, WebAssembly with simd128\.$/.test(core), core)
    await byMouse(page, same)
    await byPointing(page)
    await byKeys(page, same)
    await byControls(page, same)
    await byLink(page, same)
  })
  for (const phone of PHONES) await visit(chromium, FILE, phone, (page) => byFinger(page, same, phone))
  await visit(chromium, url, DESK, (page) => same(page, 'from a server'))
  await withoutWebAssembly(chromium)
  console.log(
    `The playground shows the native addon's numbers in ${states} states, by mouse, finger, keys, controls and link.`,
  )
}

/** A browser that lacks what the page needs says so. */
async function withoutWebAssembly(chromium) {
  const folder = mkdtempSync(join(tmpdir(), 'playground-'))
  const file = join(folder, 'index.html')
  writeFileSync(
    file,
    readFileSync(PAGE, 'utf8').replace('<head>', '<head><script>delete globalThis.WebAssembly</script>'),
  )
  const page = await openPage(chromium, pathToFileURL(file).href)
  try {
    await until(page, `!document.getElementById('notice').hidden`)
    const said = await page.evaluate(`document.getElementById('notice').textContent`)
    ok(/^This page does not work here: .*WebAssembly/.test(said), said)
  } finally {
    await page.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function visit(chromium, url, screen, check) {
  const page = await openPlayground(chromium, url, screen)
  try {
    await check(page)
  } finally {
    await page.close()
  }
}

/** Drags the fourth query upon the second target, then a corner of it. */
async function byMouse(page, same) {
  const before = await same(page, 'as it opens')
  const drawn = await page.evaluate(`Array.from(document.querySelectorAll('.arrows g'), (arrows) =>
    Array.from(arrows.querySelectorAll('path'), (path) => path.getAttribute('d') !== ''))`)
  deepStrictEqual(
    drawn,
    before.matched.map((target) => [target !== null, target !== null]),
    'arrows at the boxes of matched queries, and at no others',
  )
  const [, , , fourth] = before.queries
  const [, second] = before.targets
  await page.drag(await page.at(fourth[0], fourth[1]), await page.at(second[0], second[1]))
  const moved = await same(page, 'a query is dragged by the mouse')
  near(moved.queries[3], [second[0], second[1], fourth[2], fourth[3]])
  ok(moved.matched[3] === 1 && before.matched[3] === null, 'the query that is dragged upon a target takes it over')

  await page.click('#scores tbody tr:nth-child(4)')
  const [cx, cy, w, h] = moved.queries[3]
  await page.drag(await page.at(cx + w / 2, cy + h / 2), await page.at(cx + w / 2 + 0.04, cy + h / 2 - 0.06))
  near((await same(page, 'a corner is dragged')).queries[3], [cx + 0.02, cy - 0.03, w + 0.04, h - 0.06])
}

/** Who is pointed at in the matrix is lit there and in the picture. */
async function byPointing(page) {
  const lit = (selector) =>
    page.evaluate(`Array.from(document.querySelectorAll('${selector}[data-lit]'), ({ id }) => id)`)
  await page.point(await page.middleOf('#matrix tbody tr:nth-child(1) td:nth-of-type(3)'))
  deepStrictEqual([await lit('#matrix td'), await lit('.box')], [[''], ['T3', 'Q1']])
  // where the first target lies alone
  await page.point(await page.at(0.2, 0.82))
  deepStrictEqual([await lit('.box'), (await lit('#matrix td')).length], [['T1', 'Q1'], 4])
  await page.point({ x: 1, y: 1 })
  deepStrictEqual(await lit('.box'), [])
}

async function byKeys(page, same) {
  const before = await same(page, 'before the keys')
  await page.run(`document.getElementById('T1').focus()`)
  for (const key of ['ArrowRight', 'ArrowRight', 'ArrowDown']) await page.press(key)
  await page.press('ArrowUp', SHIFT)
  const label = await page.evaluate(`document.activeElement.getAttribute('aria-label')`)
  const [cx, cy, w, h] = before.targets[0]
  near((await same(page, 'a target is moved by keys')).targets[0].slice(0, 4), [cx + 0.04, cy + 0.02, w, h - 0.02])
  ok(/^Target T1, person, matched with Q\d, centre 28, 58, size 20 by 60$/.test(label), label)

  await page.run(`document.getElementById('Q2').focus()`)
  await page.press('Delete')
  deepStrictEqual((await same(page, 'a query is deleted')).queries.length, before.queries.length - 1)
}

/** Every preset, then a slider of each kind, boxes added and taken away, a descent, and all of it reset. */
async function byControls(page, same) {
  const presets = await page.evaluate(`Array.from(document.querySelectorAll('#preset option'), ({ value }) => value)`)
  ok(presets.length === 17, `${presets}`)
  for (const preset of presets) {
    await page.choose('#preset', preset)
    deepStrictEqual((await same(page, preset)).preset, preset)
  }
  const scenes = await page.evaluate(`Array.from(document.querySelectorAll('#scene option'), ({ value }) => value)`)
  for (const scene of scenes) {
    await page.choose('#scene', scene)
    await same(page, scene)
  }
  await page.choose('#preset', 'detr')
  await page.choose('#cost .row:nth-of-type(2) input', 1.5)
  await page.choose('#weights .row:nth-of-type(4) input', 0.4)
  await page.click('#add-query')
  await page.choose('#logits .row:nth-child(2) input', 2.5)
  await page.click('#add-target')
  await page.run(`document.querySelectorAll('#labels input')[2].click()`)
  const changed = await same(page, 'sliders, a new query and a new target')
  deepStrictEqual([changed.preset, changed.cost.l1, changed.noObject], ['detr', 1.5, 0.4])
  deepStrictEqual([changed.queries.at(-1)[5], changed.targets.at(-1)[4]], [2.5, 2])

  await page.click('#descend')
  await until(page, `document.getElementById('descend').textContent === 'Descend'`)
  const lower = await same(page, 'a descent')
  ok(lower.loss < 0.8 * changed.loss, `100 steps lead from ${changed.loss} to ${lower.loss}`)

  await page.click('#reset')
  const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor')
  const light = await ground()
  await page.click('#theme')
  ok((await ground()) !== light, 'the theme changes')
}

/** A link is a state; one that is none says so and changes nothing. */
async function byLink(page, same) {
  const before = await same(page, 'before the link')
  const link =
    '#preset=dino&cost=2,5,2&weights=1,5,2&no-object=0&q=0.3,0.4,0.2,0.1,1,-1,0,0;0.7,0.5,0.2,0.3,0,1,-1,0&t=0.6,0.5,0.2,0.2,1'
  await page.run(`location.hash = ${JSON.stringify(link)}; new Promise((done) => setTimeout(done, 100))`)
  const after = await same(page, 'by a link')
  deepStrictEqual(after.hash, link)
  await page.run(`location.hash = '#preset=none'; new Promise((done) => setTimeout(done, 100))`)
  deepStrictEqual(
    await page.evaluate(`document.getElementById('notice').textContent`),
    'This link cannot be read: there is no preset none.',
  )
  deepStrictEqual((await same(page, 'after a bad link')).hash, after.hash)
  ok(before.hash !== after.hash)
}

/** Drags by touch; and nothing is wider than the screen. */
async function byFinger(page, same, { width }) {
  const before = await same(page, `as it opens at ${width}`)
  const [first] = before.queries
  const [, , third] = before.targets
  await page.run('scrollTo(0, 0)')
  await page.drag(await page.at(first[0] - first[2] / 4, first[1]), await page.at(first[0] + 0.25, first[1] + 0.1))
  const after = await same(page, `a query is dragged by a finger at ${width}`)
  near(after.queries[0], [first[0] + 0.25 + first[2] / 4, first[1] + 0.1, first[2], first[3]])
  deepStrictEqual(after.targets[2], third)
  const wide = await page.evaluate(`document.documentElement.scrollWidth`)
  ok(wide <= width, `the page is ${wide} wide on a screen of ${width}`)
}

/** Equal within what a pixel of the pointer is. */
function near(found, expected) {
  ok(found.length >= expected.length)
  expected.forEach((value, i) => ok(Math.abs(found[i] - value) < 0.006, `${found} is not near ${expected}`))
}

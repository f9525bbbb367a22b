/**
 * Whether the page of `hungarian-loss report` works in headless Chromium, on large and small screens, light and dark: nothing but the
 * tables scrolls sideways, letters have contrast, every map of costs can be chosen, and what is pointed at stands out.
 *
 * Usage: npm run test:report [-- --install --pictures FOLDER]. `--install` installs a browser where there is none and that can be done;
 * `--pictures` keeps what the page looks like on each screen.
 */
import { deepStrictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { openPage, withBrowser } from './browser/chromium.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const BATCH = join(ROOT, '__test__', 'fixtures', 'batches', 'pytorch.npz')
const WIDTHS = [1280, 390, 320]
/** What WCAG 2.2 asks of letters at level AA. */
const CONTRAST = 4.5

const { install, pictures } = parseArgs({
  options: { install: { type: 'boolean', default: false }, pictures: { type: 'string' } },
}).values

await withBrowser({ install }, (chromium, folder) => check(chromium, write(folder)))

/** Writes a page, and gives its address. */
function write(folder) {
  const path = join(folder, 'page.html')
  const command = [join(ROOT, 'dist', 'cli', 'main.js'), 'report', BATCH, '--output', path]
  const { status, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return pathToFileURL(path).href
}

async function check(chromium, url) {
  const page = await openPage(chromium, url)
  try {
    for (const width of WIDTHS) {
      for (const isDark of [false, true]) {
        await page.look({ width, height: width > 600 ? 900 : 780, isDark })
        await page.drawn()
        if (pictures !== undefined) {
          mkdirSync(pictures, { recursive: true })
          writeFileSync(join(pictures, `${width}-${isDark ? 'dark' : 'light'}.png`), await page.screenshot())
        }
        const found = await page.evaluate(`(${look})(${CONTRAST})`)
        deepStrictEqual({ width, isDark, ...found }, { width, isDark, tooWide: [], faint: [], hidden: [0, 0] })
      }
    }
    deepStrictEqual(await page.evaluate(`(${use})()`), { maps: [0, 1, 2, 3], lit: ['0', '0'], after: 0 })
    console.log(`The report's page in Chromium at ${WIDTHS.join(', ')} pixels, light and dark: nothing is amiss.`)
  } finally {
    await page.close()
  }
}

/** In the page: what is wider than the screen and does not scroll by itself, letters that are hard to read, and pictures without a size. */
function look(least) {
  const width = document.documentElement.clientWidth
  const isScrolling = (element) => element.closest('.scroll') !== null
  const all = [...document.body.querySelectorAll('*')].filter((element) => element.checkVisibility())
  const tooWide = all
    .filter((element) => !isScrolling(element) && element.getBoundingClientRect().right > width + 0.5)
    .map((element) => element.outerHTML.slice(0, 80))
  // a pixel on a canvas tells any colour in three numbers
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 })
  const paint = canvas.getContext('2d', { willReadFrequently: true })
  const backgroundOf = (element) => {
    const layers = []
    for (let at = element; at !== null; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor)
    return layers
  }
  const light = (colours) => {
    for (const colour of colours) {
      paint.fillStyle = colour
      paint.fillRect(0, 0, 1, 1)
    }
    const linear = [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3).map((byte) => {
      const value = byte / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
  }
  const faint = all
    .filter((element) => !element.closest('svg'))
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== ''))
    .flatMap((element) => {
      const under = backgroundOf(element)
      const [a, b] = [light(under), light([...under, getComputedStyle(element).color])].sort((x, y) => y - x)
      const contrast = (a + 0.05) / (b + 0.05)
      return contrast < least ? [`${element.textContent.slice(0, 40)}: ${contrast.toFixed(2)}`] : []
    })
  const sizeless = [...document.querySelectorAll('svg')].filter((svg) => svg.getBoundingClientRect().width < 10).length
  const empty = [...document.querySelectorAll('.card')].filter(
    (card) => card.getBoundingClientRect().height < 40,
  ).length
  return { tooWide, faint: [...new Set(faint)], hidden: [sizeless, empty] }
}

/** In the page: chooses each map of the first image, and points at its first target. */
function use() {
  const image = document.querySelector('.image')
  const shown = () => [...image.querySelectorAll('.map')].filter((map) => map.checkVisibility())
  const maps = [...image.querySelectorAll('input[type=radio]')].map((choice) => {
    choice.click()
    const [map, ...others] = shown()
    return others.length === 0 && map.dataset.map === choice.value
      ? Number(choice.value)
      : `${choice.value} shows another`
  })
  const [first] = image.querySelectorAll('.tie')
  first.dispatchEvent(new PointerEvent('pointerenter'))
  const lit = [...image.querySelectorAll('.tie.on')].map((tie) => tie.dataset.target)
  first.dispatchEvent(new PointerEvent('pointerleave'))
  return { maps, lit, after: image.querySelectorAll('.on').length + Number(image.classList.contains('lit')) }
}

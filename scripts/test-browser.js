/**
 * Whether the package works in a browser: it is laid out as it is installed, bundled as users bundle it, and opened in headless
 * Chromium, where it computes the README's first lines and trains the digits' model for some steps. The playground is built and
 * checked as well.
 *
 * Usage: npm run test:browser [-- --install --picture page.png]. `--install` installs a browser where there is none and that can
 * be done; `--picture` keeps what the page looks like in the end.
 */
import { copyFileSync, cpSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { deepStrictEqual } from 'node:assert/strict'
import { build } from 'esbuild'
import { openPage, withBrowser } from './browser/chromium.js'
import { served } from './browser/served.js'
import { buildPlayground, PAGE as PLAYGROUND } from './playground/build.js'
import { checkPlayground } from './playground/check.js'
import { BUILT, layOutPackage, MODULE } from './wasm/package.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PAGE = join(ROOT, 'scripts', 'browser')

/** As in the README, to the last digit. */
const FIRST_LINES = {
  loss: 1.2160125816507,
  terms: { class: 0.24101263976522852, l1: 0.07499999552965164, giou: 0.29999998211860657 },
  gradient: [0, 0, -4.5, 0.04999999329447746],
}
const NAN_PLACE = { code: 'NON_FINITE', row: 0, column: 1 }
/** How far the mean loss of the last ten steps must be below that of the first ten. */
const FALLS_TO = 0.8

const { install, picture } = parseArgs({
  options: { install: { type: 'boolean', default: false }, picture: { type: 'string' } },
}).values

await withBrowser({ install }, async (chromium, folder) => {
  await bundle(folder)
  await served(folder, (url) => check(chromium, url))
  await buildPlayground()
  copyFileSync(PLAYGROUND, join(folder, 'index.html'))
  await served(folder, (url) => checkPlayground(chromium, url))
})

/** Bundles the page in a folder where the package and that of WebAssembly are installed. */
async function bundle(folder) {
  const modules = join(folder, 'node_modules')
  for (const path of ['dist', 'package.json'])
    cpSync(join(ROOT, path), join(modules, 'hungarian-loss', path), { recursive: true })
  layOutPackage(join(modules, 'hungarian-loss-wasm32-wasip1'))
  for (const path of ['scripts/browser', 'examples/train-digits'])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  await build({
    entryPoints: [join(folder, 'scripts', 'browser', 'page.js')],
    outfile: join(folder, 'page.js'),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    nodePaths: [join(ROOT, 'node_modules')], // for TensorFlow.js
    logLevel: 'error',
  })
  copyFileSync(join(PAGE, 'page.html'), join(folder, 'index.html'))
  // what the bundle fetches: the module, TensorFlow.js's own, and the digits
  const tensorflow = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'))
  const own = join(BUILT, MODULE)
  const digits = join(ROOT, 'examples', 'train-digits', 'data', 'digits.bin.gz')
  for (const path of [own, digits, join(tensorflow, 'tfjs-backend-wasm-simd.wasm')])
    copyFileSync(path, join(folder, basename(path)))
}

async function check(chromium, url) {
  const page = await openPage(chromium, url)
  try {
    const { info, isIsolated, assignments, error, losses, ...lines } = await page.evaluate('finished')
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
    const [first, last] = [mean(losses.slice(0, 10)), mean(losses.slice(-10))]
    if (picture !== undefined) writeFileSync(picture, await page.screenshot())
    deepStrictEqual(lines, FIRST_LINES)
    deepStrictEqual(
      { ...info, version: '' },
      { kind: 'wasm', target: 'wasm32-wasip1', simd: 'simd128', threads: 1, version: '' },
    )
    deepStrictEqual([assignments.now === assignments.later, assignments.reason, error], [true, 'AbortError', NAN_PLACE])
    deepStrictEqual([isIsolated, losses.length >= 20 && last < FALLS_TO * first], [false, true])
    console.log(
      `In Chromium ${JSON.stringify(info)} without cross-origin isolation: loss ${lines.loss}; ` +
        `${losses.length} steps of training, mean loss of ten from ${first.toFixed(3)} to ${last.toFixed(3)}.`,
    )
  } finally {
    await page.close()
  }
}

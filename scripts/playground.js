/**
 * Builds the playground: one page, `examples/playground/out/index.html`, with the package, its WebAssembly and all else within, which
 * any static host serves and any browser opens as a file.
 *
 * Usage: npm run playground [-- --pictures]. `--pictures` also takes the pictures of docs/guide/playground.md, in headless Chromium.
 */
import { parseArgs } from 'node:util'
import { withTools } from './cross/toolchain.js'
import { buildPlayground, PAGE } from './playground/build.js'
import { takePictures } from './playground/pictures.js'

const { pictures } = parseArgs({ options: { pictures: { type: 'boolean', default: false } } }).values

const bytes = await buildPlayground()
console.log(`${PAGE}: ${(bytes / 1e6).toFixed(1)} MB. Open it, or put it on any static host.`)
if (pictures) await withTools(takePictures)

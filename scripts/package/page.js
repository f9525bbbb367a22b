/** What a page says once its scripts are done: it is served from a folder, and opened in a browser without a window. */
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { findChromium, openPage } from '../browser/chromium.js'

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
/** Seconds that a page has. */
const PATIENCE = 60

/** The title, once it is another than the one that the page begins with; that, where nothing comes. */
const TITLE = `new Promise((resolve) => {
  const end = performance.now() + ${1000 * PATIENCE}
  const look = () => (document.title === 'loading' && performance.now() < end ? setTimeout(look, 50) : resolve(document.title))
  look()
})`

/**
 * @param {string} folder with an `index.html`
 * @returns {Promise<string>} what the page's title is in the end
 */
export async function titleOf(folder) {
  const chromium = findChromium()
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    const path = join(folder, pathname === '/' ? 'index.html' : pathname)
    if (!existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end()
    response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'application/octet-stream' })
    return createReadStream(path).pipe(response)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const page = await openPage(chromium, `http://127.0.0.1:${server.address().port}/`)
    try {
      return await page.evaluate(TITLE)
    } finally {
      await page.close()
    }
  } finally {
    server.close()
    server.closeAllConnections()
  }
}

/** What a page says once its scripts are done: it is served from a folder, and opened in a browser without a window. */
import { findChromium, openPage } from '../browser/chromium.js'
import { served } from '../browser/served.js'

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
export function titleOf(folder) {
  const chromium = findChromium()
  return served(folder, async (url) => {
    const page = await openPage(chromium, url)
    try {
      return await page.evaluate(TITLE)
    } finally {
      await page.close()
    }
  })
}

/** Pictures of the playground, for the documents. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { findChromium } from '../browser/chromium.js'
import { PAGE } from './build.js'
import { openPlayground } from './page.js'

const DOCS = fileURLToPath(new URL('../../docs', import.meta.url))
const [DESK, PHONE] = [
  { width: 1280, height: 980 },
  { width: 390, height: 844, touch: true, scale: 2 },
]
/** The screen of each. */
const PICTURES = {
  'playground.png': DESK,
  'playground-dark.png': { ...DESK, isDark: true },
  'playground-phone.png': PHONE,
}

/** Takes them. */
export async function takePictures() {
  const chromium = findChromium()
  for (const [file, screen] of Object.entries(PICTURES)) {
    const page = await openPlayground(chromium, pathToFileURL(PAGE).href, screen)
    try {
      await page.click('#scores tbody tr:nth-child(2)')
      writeFileSync(join(DOCS, file), await page.screenshot())
    } finally {
      await page.close()
    }
  }
}

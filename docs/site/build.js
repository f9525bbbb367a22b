/**
 * Builds the site: writes the pages and the reference, and has VitePress make `site/` of them.
 *
 * `npm run docs` runs it, and has its options, which come as the variables `DOCS_BASE` and `DOCS_REPOSITORY`.
 */
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'vitepress'
import { writePages } from './pages.js'
import { writeReference } from './reference.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SITE = fileURLToPath(new URL('.', import.meta.url))
const PAGES = fileURLToPath(new URL('pages', import.meta.url))

try {
  rmSync(PAGES, { recursive: true, force: true })
  const files = writePages(ROOT, PAGES, process.env.DOCS_REPOSITORY)
  const names = await writeReference(ROOT, `${PAGES}/api`)
  await build(SITE)
  console.log(`site/ has ${files.length} documents and ${names} names of the API.`)
} catch (error) {
  console.error(error.message)
  process.exit(1)
}

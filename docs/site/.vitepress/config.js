/** How the site is built. `DOCS_BASE` is the path that it is served under, `/` unless given. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { slugOf } from '../links.js'
import { SECTIONS } from '../navigation.js'
import { placeOf } from '../pages.js'
import { readSidebar } from '../reference.js'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
const { description } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))

const linkOf = (file) => `/${placeOf(file).replace(/(^|\/)index\.md$|\.md$/, '$1')}`
const guides = SECTIONS.map(({ text, pages }) => ({
  text,
  items: pages.map(({ text, file }) => ({ text, link: linkOf(file) })),
}))

export default defineConfig({
  title: 'hungarian-loss',
  description,
  lang: 'en',
  base: process.env.DOCS_BASE ?? '/',
  srcDir: 'pages',
  outDir: '../../site',
  cacheDir: './.vitepress/cache',
  // links among pages are checked by the build
  ignoreDeadLinks: false,
  metaChunk: true,
  // the index of the search is one large file
  vite: { build: { chunkSizeWarningLimit: 8000 } },
  markdown: {
    anchor: { slugify: slugOf },
    toc: { level: [2, 3] },
    config: (markdown) => {
      const { fence } = markdown.renderer.rules
      markdown.renderer.rules.fence = (tokens, i, ...rest) => {
        const { info, content } = tokens[i]
        const title = /title="([^"]*)"/.exec(info)?.[1]
        // messages are read as a whole, while what is set in columns stays so
        const isMessage = info === '' && content.split('\n').some((line) => line.length > 82)
        const plain = fence(tokens, i, ...rest)
        const code = isMessage ? `<div class="message">${plain}</div>` : plain
        return title === undefined ? code : `<p class="file">${markdown.utils.escapeHtml(title)}</p>${code}`
      }
    },
  },
  themeConfig: {
    nav: [
      { text: 'Guide', link: '/start' },
      { text: 'API', link: '/api/', activeMatch: '^/api/' },
      { text: 'Errors', link: '/errors' },
    ],
    sidebar: { '/api/': readSidebar(ROOT), '/': guides },
    outline: { level: [2, 3] },
    search: { provider: 'local' },
    docFooter: { prev: 'Before', next: 'Next' },
  },
})

/**
 * Builds the documents as a site of static files, in `site/`.
 *
 * Usage: npm run docs [-- --base /path/] [--repository URL] [--serve]. `--base`: the path that the site is served under, `/` unless given.
 * `--repository`: where sources are shown, such as `https://github.com/owner/name`; without it they are not linked. `--serve`: serves
 * what was built, on this machine.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { install } from './install.js'

const SITE = fileURLToPath(new URL('../docs/site', import.meta.url))

const { base, repository, serve } = read()
install('docs/site')
process.env.DOCS_BASE = base
if (repository !== undefined) process.env.DOCS_REPOSITORY = repository
run('build.js')
if (serve) run('node_modules/vitepress/bin/vitepress.js', 'preview')

function read() {
  try {
    const { values } = parseArgs({
      options: {
        base: { type: 'string', default: '/' },
        repository: { type: 'string' },
        serve: { type: 'boolean', default: false },
      },
    })
    if (/^\/(?:.*\/)?$/.test(values.base)) return values
    throw new Error(`--base must begin and end with a slash, got "${values.base}".`)
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}

/** Runs a program of the site's folder, and ends with it where it fails. */
function run(program, ...args) {
  const { status } = spawnSync(process.execPath, [program, ...args], { cwd: SITE, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}

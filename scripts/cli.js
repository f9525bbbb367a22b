/**
 * Bundles what the command line needs of other packages into `dist/cli`, so that the published package has no dependency, with the
 * licences of what is bundled beside it, and makes the command executable. It is part of the build of the TypeScript layer, whose files
 * import it as `#yauzl`.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const FOLDER = join(ROOT, 'dist', 'cli')

/** The packages whose code is in the bundle, as it says itself. */
const { metafile } = await build({
  stdin: { contents: "export { openPromise } from 'yauzl'", resolveDir: ROOT },
  outfile: join(FOLDER, 'yauzl.cjs'),
  bundle: true,
  minify: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
})
const names = new Set(
  Object.keys(metafile.inputs).flatMap((path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []),
)
const licences = [...names].sort().map((name) => {
  return `${name}\n\n${readFileSync(join(ROOT, 'node_modules', name, 'LICENSE'), 'utf8').trim()}\n`
})
writeFileSync(join(FOLDER, 'licenses.txt'), `yauzl.cjs contains these packages.\n\n${licences.join('\n---\n\n')}`)

// npm marks it as executable where it installs a folder, and a link to the folder must survive the next build
chmodSync(join(FOLDER, 'main.js'), 0o755)

/** The playground as one page: its modules are bundled as users bundle theirs, and put into the page with the WebAssembly. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'
import { BROWSER_LOADER, BUILT, MANIFEST, MODULE, NOTICES } from '../wasm/package.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const SOURCE = join(ROOT, 'examples', 'playground')

/** What is built. */
export const PAGE = join(SOURCE, 'out', 'index.html')

/** Builds the page, and gives its size in bytes. The package and its WebAssembly must have been built. */
export async function buildPlayground() {
  const page = fill(readFileSync(join(SOURCE, 'index.html'), 'utf8'), {
    style: `<style>${await style()}</style>`,
    // a page that is opened as a file may have modules within it, and none beside it
    script: `<script type="module">${await script()}</script>`,
    notices: comment(readFileSync(join(BUILT, NOTICES), 'utf8')),
  })
  mkdirSync(dirname(PAGE), { recursive: true })
  writeFileSync(PAGE, page)
  return Buffer.byteLength(page)
}

async function style() {
  const { code } = await transform(readFileSync(join(SOURCE, 'style.css'), 'utf8'), { loader: 'css', minify: true })
  return code
}

async function script() {
  const { outputFiles } = await build({
    entryPoints: [join(SOURCE, 'main.ts')],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    tsconfigRaw: {}, // the project's leads to sources that need Node.js, past the condition `browser`
    alias: { [MANIFEST.name]: join(BUILT, BROWSER_LOADER) },
    plugins: [{ name: 'module within', setup: ({ onLoad }) => onLoad({ filter: /-browser\.js$/ }, loader) }],
    logLevel: 'error',
  })
  // what ends a script within a page may stand in a string
  return outputFiles[0].text.replaceAll('</script', String.raw`<\/script`)
}

/** The loader, which fetches the module from within the page. */
function loader({ path }) {
  const code = readFileSync(path, 'utf8')
  const place = new RegExp(`new URL\\("\\./${MODULE.replaceAll('.', String.raw`\.`)}",import\\.meta\\.url\\)`)
  if (!place.test(code)) throw new Error(`${path} does not fetch ${MODULE} in the way that is known.`)
  const module = readFileSync(join(BUILT, MODULE)).toString('base64')
  return { contents: code.replace(place, `"data:application/wasm;base64,${module}"`), loader: 'js' }
}

/** A comment of the page, which must not end before its end. */
const comment = (text) => `<!--\n${text.replaceAll('-->', '-- >')}\n-->`

/** Puts parts into the page where comments name them. */
function fill(page, parts) {
  return Object.entries(parts).reduce((text, [name, part]) => {
    const mark = `<!-- ${name} -->`
    if (text.split(mark).length !== 2) throw new Error(`The page has no place, or several, for its ${name}.`)
    return text.replace(mark, () => part)
  }, page)
}

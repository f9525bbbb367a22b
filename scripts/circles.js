/**
 * Whether the files of a crate use each other without a circle: no file depends on one that depends on it, a module on its
 * children, or a child on its module. What a list of modules re-exports counts, what it declares does not; tests that
 * stand within a file do not count either.
 *
 * Usage: node scripts/circles.js [crate …]. The exit code is 1 where there is a circle.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const CRATES = ['simd', 'lsap', 'evaluate', 'loss', 'node']
const ROOT = fileURLToPath(new URL('../crates', import.meta.url))

const given = process.argv.slice(2)
const crates = given.length > 0 ? given : CRATES
const circles = crates.flatMap((crate) => circlesOf(filesOf(join(ROOT, crate, 'src'))))
for (const circle of circles) console.error(`A circle of files: ${circle.join(' → ')}`)
if (circles.length > 0) process.exit(1)
console.log(`No circle of files in ${crates.join(', ')}.`)

/** For each file those that it uses, all by their paths. */
function filesOf(src) {
  if (!existsSync(src)) {
    console.error(`There is no crate at ${dirname(src)}.`)
    process.exit(2)
  }
  const paths = readdirSync(src, { recursive: true }).filter((path) => path.endsWith('.rs'))
  const modules = new Map(paths.map((path) => [moduleOf(path), join(src, path)]))
  return new Map(
    [...modules].map(([module, file]) => {
      const uses = pathsIn(readFileSync(file, 'utf8')).map((path) => fileOf(path, module, modules))
      return [file, new Set(uses.filter((used) => used !== undefined && used !== file))]
    }),
  )
}

/** `a/mod.rs` and `a.rs` are the module `a`, `lib.rs` is the crate itself. */
function moduleOf(path) {
  return path
    .replaceAll('\\', '/')
    .replace(/(^|\/)(lib|mod)\.rs$/, '')
    .replace(/\.rs$/, '')
}

/** All paths that a file writes, of its `use` declarations and elsewhere, each as its segments. */
function pathsIn(source) {
  const code = source
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/\/\/.*/g, '')
    .replace(/#\[cfg\(test\)\]\s*(?:pub(?:\([a-z]+\))? )?(?:mod|use) [^;{]*;/g, '')
    .replace(/#\[cfg\(test\)\]\s*mod \w+ \{[^]*$/, '')
  const declared = /\buse\s+([^;]+);/g
  const uses = [...code.matchAll(declared)].flatMap(([, tree]) => expand(tree.replace(/\s+/g, ' ')))
  const others = [...code.replace(declared, '').matchAll(/\b(?:crate|super|self)(?:::\w+)+/g)].map(([path]) => path)
  return [...uses, ...others].map((path) => path.split('::').map((segment) => segment.trim().split(' ')[0]))
}

/** The paths of a `use` tree: `a::{b, c::d}` is `a::b` and `a::c::d`. */
function expand(tree) {
  const open = tree.indexOf('{')
  if (open === -1) return [tree]
  const prefix = tree.slice(0, open)
  const parts = []
  let [depth, start] = [0, open + 1]
  for (let i = open; i < tree.length; i++) {
    if (tree[i] === '{') depth++
    if (tree[i] === '}') depth--
    if ((tree[i] === ',' && depth === 1) || depth === 0) {
      parts.push(tree.slice(start, i).trim())
      start = i + 1
      if (depth === 0) break
    }
  }
  return parts.filter((part) => part !== '').flatMap((part) => expand(part).map((path) => prefix + path))
}

/** The file that a path written in a module leads to, or nothing for one of another crate. */
function fileOf(segments, module, modules) {
  const [first, ...rest] = segments
  let here = module === '' ? [] : module.split('/')
  let path = rest
  if (first === 'crate') {
    here = []
  } else if (first === 'super') {
    here = here.slice(0, -1)
    for (; path[0] === 'super'; path = path.slice(1)) here = here.slice(0, -1)
  } else if (first !== 'self') {
    if (!modules.has([...here, first].join('/'))) return undefined
    path = segments
  }
  for (; path.length > 0 && modules.has([...here, path[0]].join('/')); path = path.slice(1)) here = [...here, path[0]]
  return modules.get(here.join('/'))
}

/** One circle through each knot of files. */
function circlesOf(files) {
  const found = []
  const states = new Map()
  const path = []
  const visit = (file) => {
    states.set(file, 'open')
    path.push(file)
    for (const used of files.get(file) ?? []) {
      if (states.get(used) === 'open') {
        found.push([...path.slice(path.indexOf(used)), used].map((name) => relative(ROOT, name)))
      } else if (!states.has(used)) {
        visit(used)
      }
    }
    path.pop()
    states.set(file, 'done')
  }
  for (const file of files.keys()) if (!states.has(file)) visit(file)
  return found
}

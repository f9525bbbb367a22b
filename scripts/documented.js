/**
 * Whether everything that the package exports is documented: each name, and each member of the interfaces and classes among them. What
 * is not is listed, and the exit code is 1.
 */
import { fileURLToPath } from 'node:url'
import { API, SymbolFlags } from 'typescript/unstable/sync'
import { entriesOf } from './entries.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const missing = undocumentedOf(
  `${ROOT}tsconfig.build.json`,
  entriesOf(ROOT).map(({ name, source }) => ({ name, path: `${ROOT}${source}` })),
)
if (missing.length > 0) {
  console.error(`Exported, and without a doc comment:\n${missing.map((name) => `  ${name}`).join('\n')}`)
  process.exit(1)
}

/**
 * @param {string} config the project's
 * @param {readonly { name: string, path: string }[]} entries modules that users import
 * @returns {string[]} what has no doc comment, as `module: name` or `module: name.member`
 */
function undocumentedOf(config, entries) {
  const api = new API({ cwd: ROOT })
  try {
    const [{ program, checker }] = api.updateSnapshot({ openProjects: [config] }).getProjects()
    const isDocumented = (symbol) => checker.getDocumentationCommentOfSymbol(symbol).trim() !== ''
    const isInternal = (symbol) => checker.getJsDocTagsOfSymbol(symbol).some(({ name }) => name === 'internal')
    const resolve = (symbol) => (symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)
    return entries.flatMap(({ name, path }) => {
      const file = program.getSourceFile(path)
      if (file === undefined) throw new Error(`${config} does not compile ${path}.`)
      const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(file))
      if (exported.length === 0) throw new Error(`${path} exports nothing.`)
      return exported.flatMap((symbol) => {
        const target = resolve(symbol)
        const named = [[`${name}: ${symbol.name}`, target], ...membersOf(`${name}: ${symbol.name}`, target, checker)]
        return named.filter(([, one]) => !isDocumented(one) && !isInternal(one)).map(([label]) => label)
      })
    })
  } finally {
    api.close()
  }
}

/** The public members that a type has of the package's own, inherited and static ones among them, with their names. */
function membersOf(name, symbol, checker) {
  const isType = symbol.flags & (SymbolFlags.Interface | SymbolFlags.Class | SymbolFlags.TypeAlias)
  const properties = isType ? checker.getPropertiesOfType(checker.getDeclaredTypeOfSymbol(symbol)) : []
  const own = symbol.flags & SymbolFlags.Class ? [...symbol.getExports().values(), ...symbol.getMembers().values()] : []
  const members = new Map([...properties, ...own].map((member) => [member.name, member]))
  return [...members.values()]
    .filter(({ flags, name }) => !(flags & (SymbolFlags.TypeParameter | SymbolFlags.Prototype)) && !name.includes('#'))
    .filter(({ declarations }) => declarations.some(({ path }) => path.startsWith(`${ROOT}src/`)))
    .map((member) => [`${name}.${member.name}`, member])
}

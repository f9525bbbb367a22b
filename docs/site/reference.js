/** The reference of the API: pages that are made of the doc comments of what the package exports. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Application } from 'typedoc'
import { entriesOf } from '../../scripts/entries.js'

/**
 * Writes the pages. Throws where a comment links to what is not there, or where TypeDoc warns of anything else.
 * @param {string} root the project's
 * @param {string} folder where they are written to
 * @returns {Promise<number>} how many names are exported
 */
export async function writeReference(root, folder) {
  const entries = entriesOf(root)
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entries.map(({ source }) => join(root, source)),
    tsconfig: join(root, 'docs', 'site', 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    // types are checked by the project's own compiler
    skipErrorChecking: true,
    excludeInternal: true,
    excludePrivate: true,
    excludeExternals: true,
    disableSources: true,
    readme: 'none',
    name: 'API reference',
    treatWarningsAsErrors: true,
    validation: { notExported: false, invalidLink: true, notDocumented: false, invalidPath: true },
    outputs: [{ name: 'markdown', path: folder }],
    router: 'member',
    entryFileName: 'index',
    hidePageHeader: true,
    useCodeBlocks: true,
    parametersFormat: 'table',
    // a heading for each property: tables of them are too wide for a phone, and a search finds headings
    interfacePropertiesFormat: 'list',
    classPropertiesFormat: 'list',
    typeAliasPropertiesFormat: 'list',
    typeDeclarationFormat: 'list',
    sanitizeComments: true,
  })
  const project = await app.convert()
  if (project === undefined || app.logger.hasErrors() || app.logger.hasWarnings()) {
    throw new Error('The reference could not be made of the doc comments.')
  }
  linkAcross(project)
  app.validate(project)
  hideBases(project)
  // a module is called as it is imported
  for (const module of project.children) {
    // TypeDoc names it by the path of its source without the ending
    module.name = entries.find(({ source }) => source === `src/${module.name}.ts`).name
  }
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('The reference could not be written.')
  return project.children.reduce((count, { children }) => count + (children?.length ?? 0), 0)
}

/** The folders of an entry, in the order in which they are listed. */
const KINDS = ['functions', 'classes', 'interfaces', 'type-aliases', 'variables']

/**
 * The pages of the reference that are there, as a sidebar: for each entry its functions, classes and types.
 * @param {string} root the project's
 */
export function readSidebar(root) {
  const folder = join(root, 'docs', 'site', 'pages', 'api')
  return entriesOf(root).map(({ name }) => ({
    text: name,
    link: `/api/${name}/`,
    items: KINDS.filter((kind) => existsSync(join(folder, name, kind))).map((kind) => ({
      text: `${kind[0].toUpperCase()}${kind.slice(1).replace('-', ' ')}`,
      collapsed: kind !== 'functions' && kind !== 'classes',
      items: readdirSync(join(folder, name, kind))
        .map((file) => file.replace(/\.md$/, ''))
        .sort()
        .map((text) => ({ text, link: `/api/${name}/${kind}/${text}` })),
    })),
  }))
}

/** Resolves the links of comments to what another module exports, which the compiler does not know where the link stands. */
function linkAcross(project) {
  const exported = new Map(
    project.children.flatMap(({ children }) => children ?? []).map((child) => [child.name, child]),
  )
  for (const { comment } of Object.values(project.reflections)) {
    for (const part of [comment?.summary, ...(comment?.blockTags ?? []).map(({ content }) => content)].flat()) {
      if (part?.tag === '@link' && part.target === undefined) part.target = exported.get(part.text)
    }
  }
}

/** Leaves out where members come from, since the interfaces that compose the public ones are no names that users can import. */
function hideBases(project) {
  for (const reflection of Object.values(project.reflections)) {
    for (const key of ['inheritedFrom', 'overwrites', 'implementationOf']) delete reflection[key]
    const isKnown = (type) => type.type !== 'reference' || type.reflection !== undefined
    const bases = [...(reflection.extendedTypes ?? []), ...(reflection.implementedTypes ?? [])]
    if (bases.length > 0 && !bases.some(isKnown)) delete reflection.typeHierarchy
    reflection.extendedTypes = reflection.extendedTypes?.filter(isKnown)
    reflection.implementedTypes = reflection.implementedTypes?.filter(isKnown)
  }
}

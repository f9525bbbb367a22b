/** What users import of the package. */
import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/**
 * The modules that `exports` of package.json has, as users write them, with the source of each.
 * @param {string} root the project's
 * @returns {{ name: string, source: string }[]} sources from the root
 */
export function entriesOf(root) {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => typeof target === 'object')
    .map(([path, { default: file }]) => ({
      name: posix.join(name, path),
      source: file.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'),
    }))
}

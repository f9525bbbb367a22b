/** Every way to load the package that is tested: which section of the guide it follows, and what must come of it. */
import { readTenLines } from './guide.js'

/**
 * @typedef {object} Way
 * @property {string} name what the command line calls it
 * @property {string} section of `docs/bundlers.md`
 * @property {boolean} [short] whether it is tried where no ways are named
 * @property {readonly string[]} [packages] what it needs of the registry
 * @property {readonly string[]} [copies] files that are the README's program, beside `try.mjs`
 * @property {RegExp} [runs] the commands that load the package; those that run a file by `node` unless given
 * @property {string} [prints] what each of these prints; the loss of the README's program unless given
 * @property {number} [times] how often it prints that; once unless given
 * @property {(command: string) => readonly string[]} [variants] the commands that one of the guide stands for
 * @property {{ program: string, path: string }} [server] what is started after each command, and where it answers
 * @property {boolean} [wasm] whether the package of WebAssembly is installed in the place of the platform's
 * @property {string} [page] the folder of what is built of the section of pages, which is opened in a browser in the end
 * @property {NodeJS.Platform} [only] the system that it can be tried on, where that is but one
 */

const { printed } = readTenLines()
export const [LOSS] = printed.split(' ')

/** The section that has the files of the pages. */
export const PAGES = 'Browsers'

/** A page that a bundler builds. */
const PAGE = { wasm: true, page: 'built' }

const TYPESCRIPT = {
  section: 'TypeScript',
  copies: ['try.mts'],
  variants: (command) =>
    command.startsWith('npx tsc')
      ? [`${command} --module es2022 --moduleResolution bundler`, `${command} --module node16`, command]
      : [command],
}

/** @type {readonly Way[]} */
export const WAYS = [
  { name: 'esm', section: 'Node.js', short: true, prints: printed },
  { name: 'require', section: 'CommonJS', short: true, prints: '2 2' },
  {
    name: 'command',
    section: 'Command line',
    short: true,
    runs: /^npx hungarian-loss/,
    prints: 'Nothing looks wrong.',
  },
  { name: 'workers', section: 'Worker threads', times: 4 },
  { name: 'typescript', packages: ['typescript@7.0.2'], short: true, ...TYPESCRIPT },
  { name: 'typescript-5', packages: ['typescript@5.9.3'], ...TYPESCRIPT },
  { name: 'jest', section: 'Jest', packages: ['jest@30.5.2'], runs: /jest/, prints: 'Tests:       1 passed' },
  { name: 'vitest', section: 'vitest', packages: ['vitest@4.1.12'], runs: /vitest/, prints: 'Tests  1 passed' },
  { name: 'bun', section: 'Bun', packages: ['bun@1.4.5'], runs: /bun/ },
  { name: 'deno', section: 'Deno', packages: ['deno@2.9.6'], runs: /deno/ },
  { name: 'esbuild', section: 'esbuild', packages: ['esbuild@0.28.2'] },
  { name: 'webpack', section: 'webpack', packages: ['webpack@5.113.0', 'webpack-cli@6.0.1'] },
  { name: 'webpack-commonjs', section: 'webpack, CommonJS', packages: ['webpack@5.113.0', 'webpack-cli@6.0.1'] },
  { name: 'rollup', section: 'Rollup', packages: ['rollup@4.68.8', '@rollup/plugin-node-resolve@16.0.3'] },
  { name: 'vite', section: 'Vite on the server', packages: ['vite@8.4.0'] },
  {
    name: 'next',
    section: 'Next.js',
    packages: ['next@16.4.6', 'react@19.2.0', 'react-dom@19.2.0'],
    server: { program: 'node_modules/next/dist/bin/next', path: '/loss' },
  },
  { name: 'wasm', section: 'WebAssembly', wasm: true },
  { name: 'vite-browser', section: 'Vite in the browser', packages: ['vite@8.4.0'], ...PAGE },
  {
    name: 'webpack-browser',
    section: 'webpack in the browser',
    packages: ['webpack@5.113.0', 'webpack-cli@6.0.1'],
    ...PAGE,
  },
  {
    name: 'rollup-browser',
    section: 'Rollup in the browser',
    packages: ['rollup@4.68.8', '@rollup/plugin-node-resolve@16.0.3', '@web/rollup-plugin-import-meta-assets@2.3.3'],
    ...PAGE,
  },
  { name: 'esbuild-browser', section: 'esbuild in the browser', packages: ['esbuild@0.28.2'], ...PAGE },
  {
    name: 'executable',
    section: 'Single executable',
    packages: ['esbuild@0.28.2', 'postject@1.0.0-alpha.6'],
    runs: /^built\/app/,
    only: 'linux',
  },
]

/** Whether a command of the guide loads the package, so that its output is compared. */
export function loadsPackage({ runs = /^node (?:built\/)?\w+\.[cm]js$/ }, command) {
  return runs.test(command)
}

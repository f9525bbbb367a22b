/**
 * What must hold of the tarballs: exactly the files that users need, one version, no paths of the machine that made them, bounds
 * of size, and binaries that fit their names, have all functions and run on old systems.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { readBinary } from './binary.js'
import { FILES as WASM_FILES } from '../wasm/package.js'
import { ALL, MANIFEST, ROOT, WASM } from './platforms.js'

/** The oldest C library that Node.js 20 runs on. */
const GLIBC = [2, 28]
const KILOBYTE = 1000
/** Bounds of tarballs, in bytes: each some third above what it is. */
const LIMITS = { main: 440 * KILOBYTE, platform: 2600 * KILOBYTE, wasm: 1000 * KILOBYTE }

const ALLOWED_LIBRARIES =
  /^(?:lib(?:c|m|pthread|dl|rt|util|gcc_s)\.so(?:\.\d+)?|libc\.musl-\w+\.so\.1|ld-linux-[\w-]+\.so\.\d)$/

/** Files of the main package, as patterns. */
const MAIN_FILES = [
  /^dist\/[\w/.-]+\.(?:js|d\.ts)$/,
  /^dist\/cli\/yauzl\.cjs$/,
  /^dist\/cli\/licenses\.txt$/,
  /^native\/binding\.(?:cjs|d\.cts)$/,
  /^(?:README|CHANGELOG)\.md$/,
  /^LICENSE$/,
  /^package\.json$/,
]

/** Makes memory that an addon owns and JavaScript sees. */
const EXTERNAL_MEMORY = ['napi_create_external_arraybuffer', 'napi_create_external_buffer', 'node_api_create_external']

/** Names of the functions that a binary registers, by its declarations. */
const FUNCTIONS = Array.from(
  readFileSync(join(ROOT, 'native', 'binding.d.cts'), 'utf8').matchAll(/^export declare function (\w+)/gm),
  ([, name]) => name,
)

/** Each fault of the main package's tarball, in a sentence. */
export function faultsOfMain(tarball) {
  return withFiles(tarball, (files, manifest) => [
    ...faultsOfAll(tarball, files, manifest, { name: MANIFEST.name, limit: LIMITS.main }),
    ...[...files.keys()]
      .filter((path) => !MAIN_FILES.some((pattern) => pattern.test(path)))
      .map((path) => `${path} has no business there`),
    ...MAIN_FILES.filter((pattern) => ![...files.keys()].some((path) => pattern.test(path))).map(
      (pattern) => `nothing there is like ${pattern}`,
    ),
    ...['scripts', 'devDependencies', 'workspaces', 'dependencies']
      .filter((key) => key in manifest)
      .map((key) => `the manifest has ${key}`),
    ...ALL.filter(({ packageName }) => manifest.optionalDependencies[packageName] !== MANIFEST.version).map(
      ({ packageName }) => `the manifest does not ask for ${packageName} in version ${MANIFEST.version}`,
    ),
  ])
}

/** Each fault of the tarball of a platform. */
export function faultsOfPlatform(tarball, { packageName, file, system, arch, abi }) {
  return withFiles(tarball, (files, manifest) => {
    const expected = ['LICENSE', 'README.md', 'package.json', file].sort()
    const found = [...files.keys()].sort()
    const bytes = files.get(file)
    const fits =
      manifest.os?.join() === system &&
      manifest.cpu?.join() === arch &&
      manifest.libc?.join() === { gnu: 'glibc', musl: 'musl' }[abi]
    return [
      ...faultsOfAll(tarball, files, manifest, { name: packageName, limit: LIMITS.platform }),
      ...(found.join() === expected.join() ? [] : [`it holds ${found.join(', ')} and not ${expected.join(', ')}`]),
      ...(fits ? [] : ['os, cpu or libc of the manifest are not those of the platform']),
      ...(manifest.main === file ? [] : [`main is ${manifest.main}`]),
      ...(bytes === undefined ? [] : faultsOfBinary(bytes, { system, arch, abi })),
    ]
  })
}

/** Each fault of the tarball of WebAssembly. */
export function faultsOfWasm(tarball) {
  return withFiles(tarball, (files, manifest) => {
    const missing = ['LICENSE', 'package.json', ...WASM_FILES].filter((path) => !files.has(path))
    const lacking = FUNCTIONS.filter((name) => !files.get(WASM.file)?.includes(name))
    return [
      ...faultsOfAll(tarball, files, manifest, { name: WASM.packageName, limit: LIMITS.wasm }),
      ...missing.map((path) => `${path} is not there`),
      ...lacking.map((name) => `the module lacks ${name}`),
      ...['os', 'cpu', 'dependencies'].filter((key) => key in manifest).map((key) => `the manifest has ${key}`),
    ]
  })
}

/** What a binary needs of the system, to be shown. */
export function needsOfBinary(binary) {
  const { libraries, versions } = readBinary(readFileSync(binary))
  const glibc = newestGlibc(versions)
  return glibc === undefined ? libraries.join(' ') : `glibc ${glibc.join('.')}`
}

function faultsOfBinary(bytes, { system, arch, abi }) {
  const found = readBinary(bytes)
  const glibc = newestGlibc(found.versions)
  const strange = found.libraries.filter((library) => !ALLOWED_LIBRARIES.test(library))
  const lacking = [...FUNCTIONS, 'napi_register_module_v1'].filter((name) => !bytes.includes(name))
  // on Windows the names of all functions of Node-API stand in every addon, which looks them up when it is loaded
  const external = system === 'win32' ? [] : EXTERNAL_MEMORY.filter((name) => bytes.includes(name))
  return [
    ...(found.system === system && found.arch === arch ? [] : [`the binary is for ${found.system} ${found.arch}`]),
    ...(abi === 'gnu' && glibc === undefined ? ['the binary names no version of glibc'] : []),
    ...(abi === 'musl' && found.versions.length > 0 ? [`the binary needs ${found.versions.join(', ')}`] : []),
    ...(glibc !== undefined && isNewer(glibc, GLIBC)
      ? [`the binary needs glibc ${glibc.join('.')}, newer than ${GLIBC.join('.')}`]
      : []),
    ...strange.map((library) => `the binary needs ${library}`),
    ...lacking.map((name) => `the binary lacks ${name}`),
    ...external.map((name) => `the binary calls ${name}, which Electron refuses`),
  ]
}

function faultsOfAll(tarball, files, manifest, { name, limit }) {
  const { size } = statSync(tarball)
  return [
    ...(manifest.name === name ? [] : [`its name is ${manifest.name}`]),
    ...(manifest.version === MANIFEST.version ? [] : [`its version is ${manifest.version}`]),
    ...(size <= limit ? [] : [`it has ${size} bytes, more than ${limit}`]),
    ...[...files].flatMap(([path, bytes]) => pathsIn(bytes).map((found) => `${path} has the path ${found}`)),
  ]
}

/** Paths of this machine, or of any user, that stand in a file. */
function pathsIn(bytes) {
  const text = bytes.toString('latin1')
  const own = [ROOT, homedir(), process.env.CARGO_HOME, process.env.RUSTUP_HOME].filter((path) => path?.length > 1)
  const others = text.match(/(?:\/home\/|\/Users\/|\/root\/|\/usr\/(?:src|lib)\/rust|[A-Z]:\\Users\\)[\w.-]+/g) ?? []
  return [...new Set([...own.filter((path) => text.includes(path)), ...others])]
}

function newestGlibc(versions) {
  const numbers = versions
    .map((version) => /^GLIBC_([\d.]+)$/.exec(version)?.[1].split('.').map(Number))
    .filter((version) => version !== undefined)
  return numbers.sort((a, b) => (isNewer(a, b) ? -1 : 1))[0]
}

function isNewer([major, minor], [otherMajor, otherMinor]) {
  return major > otherMajor || (major === otherMajor && minor > otherMinor)
}

/** Hands over the files of a tarball, by path, and its manifest. */
function withFiles(tarball, use) {
  const folder = mkdtempSync(join(tmpdir(), 'tarball-'))
  try {
    const { status } = spawnSync('tar', ['-xzf', tarball, '-C', folder], { stdio: 'inherit' })
    if (status !== 0) throw new Error(`${tarball} could not be unpacked.`)
    const root = join(folder, 'package')
    const paths = readdirSync(root, { recursive: true }).filter((path) => statSync(join(root, path)).isFile())
    const files = new Map(paths.map((path) => [path.replaceAll('\\', '/'), readFileSync(join(root, path))]))
    return use(files, JSON.parse(files.get('package.json').toString()))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

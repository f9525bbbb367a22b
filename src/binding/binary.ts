/** What to say where the compiled core cannot be loaded: for which platform, what was looked for, why it failed, the cure. */
import { VERSION } from './kind.ts'

/** The platforms that binaries are published for, as the names of their packages end. */
export const PLATFORMS = [
  'linux-x64-gnu',
  'linux-x64-musl',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
] as const

/** Makes the loader take that file and no other. */
const OVERRIDE = 'NAPI_RS_NATIVE_LIBRARY_PATH'

const NAME = 'hungarian-loss'

/** A message for whatever the loader threw. */
export function describeLoadFailure(error: unknown): string {
  const faults = faultsOf(error)
  const looked = faults.map(showFault).join('; ')
  return `the compiled core cannot be loaded on ${showPlatform()}. Looked for: ${looked}. ${cureOf(faults)}`
}

/** A warning that WebAssembly runs in the place of what the loader threw for. */
export function describeFallback(error: unknown): string {
  const faults = faultsOf(error)
  return (
    `there is no native addon for ${showPlatform()}, so that WebAssembly runs, with the same results, slower and in one thread. ` +
    `Looked for: ${faults.map(showFault).join('; ')}. ${cureOf(faults)}`
  )
}

/** A message for whatever was thrown in place of the only core that a setting allows. */
export function describeForcedFailure(setting: string, error: unknown): string {
  const looked = faultsOf(error).map(showFault).join('; ')
  return `${setting} allows no other core, and that cannot be loaded on ${showPlatform()}: ${looked}. Correct it or unset it.`
}

/** A message for a binary without some functions. */
export function describeMismatch(names: readonly string[]): string {
  return `the compiled core that was found on ${showPlatform()} is of another version: it lacks ${names.join(', ')}. ${cureOfMismatch()}`
}

/** A message for a binary of another version than the package. */
export function describeOtherVersion(found: string): string {
  return (
    `the compiled core that was found on ${showPlatform()} is of version ${found}, and ${NAME} is of version ${VERSION}: ` +
    `package managers that update one without the other leave such a pair. ${cureOfMismatch()}`
  )
}

function cureOfMismatch(): string {
  return process.env[OVERRIDE] ? `Correct or unset ${OVERRIDE}.` : `${REINSTALL}.`
}

const REINSTALL = `Remove node_modules and the lock file, and install ${NAME} again, on this machine`

/** The messages of all attempts, in their order: the loader chains each to the one before as its cause. */
function faultsOf(error: unknown): readonly string[] {
  const messages: string[] = []
  let fault: unknown = error
  while (typeof fault === 'object' && fault !== null && 'message' in fault) {
    messages.unshift(String(fault.message).split('\nRequire stack:')[0] as string)
    fault = 'cause' in fault ? fault.cause : undefined
  }
  // first in the chain, so last here, is a summary; nothing is published for WASI
  const attempts = messages.slice(0, -1).filter((message) => !message.includes('wasi'))
  return attempts.length > 0 ? attempts : messages
}

const ABSENT = /^Cannot find module '(.*)'/

function showFault(message: string): string {
  const name = ABSENT.exec(message)?.[1]
  return name === undefined ? message : `${name} (not there)`
}

function cureOf(faults: readonly string[]): string {
  if (process.env[OVERRIDE]) return `Correct or unset ${OVERRIDE}, which names the only file that is tried.`
  const platform = platformName()
  if (!(PLATFORMS as readonly string[]).includes(platform)) {
    return `No binary is published for ${platform}, only for ${PLATFORMS.join(', ')}: build one from the sources with "npm run build".`
  }
  if (faults.some((message) => !ABSENT.test(message))) {
    const libc = process.platform === 'linux' ? ', or the C library is older than the binary needs' : ''
    return `A binary is there and cannot be loaded: it is damaged or of another platform${libc}. ${REINSTALL}.`
  }
  return (
    `Install ${NAME}-${platform} in the same version. Package managers leave it out where they are told to omit optional ` +
    `dependencies, and where node_modules or the lock file comes from another platform. ${REINSTALL}, without --omit=optional.`
  )
}

/** The platform as the names of packages end. */
export function platformName(): string {
  const { platform, arch } = process
  if (platform === 'linux') return `${platform}-${arch}-${glibcVersion() === undefined ? 'musl' : 'gnu'}`
  return platform === 'win32' ? `${platform}-${arch}-msvc` : `${platform}-${arch}`
}

function showPlatform(): string {
  const version = glibcVersion()
  const libc = process.platform === 'linux' ? ` with ${version === undefined ? 'musl' : `glibc ${version}`}` : ''
  return `${process.platform} ${process.arch}${libc} (Node.js ${process.versions.node})`
}

/** Which glibc this process runs with; undefined where it runs with another C library, or none. */
function glibcVersion(): string | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    const report = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } }
    return report.header?.glibcVersionRuntime
  } catch {
    return 'of a version that may not be read' // Deno asks for a permission
  }
}

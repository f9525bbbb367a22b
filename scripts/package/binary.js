/**
 * What a compiled library says of itself, read from its bytes: system, architecture, and for Linux which libraries and which
 * versions of the C library it needs. Formats: ELF (System V ABI, and the symbol versions of the Linux Standard Base), Mach-O, PE.
 */

const [ELF, MACH_O, PE, AT_PE] = [0x7f454c46, 0xcffaedfe, 0x4d5a, 0x3c]
/** The machines, by the numbers that each format has for them. */
const ELF_ARCH = { 62: 'x64', 183: 'arm64' }
const MACH_O_ARCH = { 0x01000007: 'x64', 0x0100000c: 'arm64' }
const PE_ARCH = { 0x8664: 'x64', 0xaa64: 'arm64' }

/** Kinds of ELF sections, and of entries of the dynamic one. */
const [DYNAMIC, VERSIONS_NEEDED, LIBRARY_NEEDED] = [6, 0x6ffffffe, 1n]

/**
 * @param {Buffer} bytes
 * @returns {{ system: string, arch: string, libraries: string[], versions: string[] }} `versions`: of needed symbols, such as
 * `GLIBC_2.17`; both lists are empty but for ELF
 */
export function readBinary(bytes) {
  if (bytes.readUInt32BE(0) === ELF) {
    return { system: 'linux', arch: ELF_ARCH[bytes.readUInt16LE(18)], ...needsOf(bytes) }
  }
  const none = { libraries: [], versions: [] }
  if (bytes.readUInt32BE(0) === MACH_O) return { system: 'darwin', arch: MACH_O_ARCH[bytes.readUInt32LE(4)], ...none }
  if (bytes.readUInt16BE(0) === PE) {
    return { system: 'win32', arch: PE_ARCH[bytes.readUInt16LE(bytes.readUInt32LE(AT_PE) + 4)], ...none }
  }
  throw new Error('This is no library for Linux, macOS or Windows.')
}

/** What an ELF library of 64 bits, little-endian, needs of others. */
function needsOf(bytes) {
  const sections = sectionsOf(bytes)
  const textOf = ({ link }) => {
    const { start } = sections[link]
    return (at) => bytes.toString('latin1', start + at, bytes.indexOf(0, start + at))
  }
  const libraries = sections
    .filter(({ type }) => type === DYNAMIC)
    .flatMap((section) => {
      const entries = Array.from({ length: section.size / 16 }, (_, i) => section.start + 16 * i)
      const needed = entries.filter((at) => bytes.readBigUInt64LE(at) === LIBRARY_NEEDED)
      return needed.map((at) => textOf(section)(Number(bytes.readBigUInt64LE(at + 8))))
    })
  const versions = sections
    .filter(({ type }) => type === VERSIONS_NEEDED)
    .flatMap((section) => versionsIn(bytes, section.start, textOf(section)))
  return { libraries, versions: [...new Set(versions)] }
}

function sectionsOf(bytes) {
  const [table, size, count] = [Number(bytes.readBigUInt64LE(40)), bytes.readUInt16LE(58), bytes.readUInt16LE(60)]
  return Array.from({ length: count }, (_, i) => {
    const at = table + size * i
    return {
      type: bytes.readUInt32LE(at + 4),
      start: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
    }
  })
}

/** A list of libraries, each with a list of versions; every entry says how far on the next one is, the last one 0. */
function versionsIn(bytes, start, text) {
  const found = []
  for (let library = start, next; next !== 0; library += next) {
    for (let at = library + bytes.readUInt32LE(library + 8), step; step !== 0; at += step) {
      found.push(text(bytes.readUInt32LE(at + 8)))
      step = bytes.readUInt32LE(at + 12)
    }
    next = bytes.readUInt32LE(library + 12)
  }
  return found
}

/** Specs that cannot hold on arm64 under qemu, which translates every instruction and needs memory for that, and why. */

/** Files, as globs, that measure time and memory, or start tools that are compiled for this machine's processor. */
export const LEFT_OUT = [
  '__test__/package/**', // about what is built here, not about the addon
  '__test__/binding/binary.spec.ts', // starts the compiler of TypeScript, a program for this processor
  'benchmarks/**',
]

/** Tests, by their file and a part of their names. */
const EXCEPTIONS = [
  {
    file: '__test__/assignment/assignment.spec.ts',
    test: /a large matrix is solved where it lies/,
    reason: 'what qemu translates counts as memory of the process',
  },
  {
    file: '__test__/criterion/criterion.async.spec.ts',
    test: /holds the event loop up for less than half as long/,
    reason: 'times are those of the translation',
  },
]

/**
 * Why a test is left out, or nothing.
 * @param {string} file from the project's root
 * @param {string} name
 * @returns {string | undefined}
 */
export function reasonToSkip(file, name) {
  return EXCEPTIONS.find((exception) => exception.file === file && exception.test.test(name))?.reason
}

/** The tests that cannot hold on WebAssembly, and why. All others do. */

/** Which tests of a file, by a part of their whole names; all of them without one. */
const EXCEPTIONS = []

/**
 * Why a test is left out on WebAssembly, or nothing.
 * @param {string} file from the project's root
 * @param {string} name
 * @returns {string | undefined}
 */
export function reasonToSkip(file, name) {
  return EXCEPTIONS.find(
    (exception) => file === exception.file && (exception.test === undefined || exception.test.test(name)),
  )?.reason
}

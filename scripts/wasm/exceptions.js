/** The tests that cannot hold on WebAssembly, and why. All others do. */

/** `test`: a part of the whole name; without one all tests of the file. */
const EXCEPTIONS = [
  { file: '__test__/binding/binary.spec.ts', reason: 'it is about a native addon that is not there' },
  {
    file: '__test__/binding/native.spec.ts',
    test: 'is not written to memory that is read',
    reason: 'the module works on a copy of each array, so that none overlaps another',
  },
  {
    file: '__test__/binding/threads.spec.ts',
    test: 'is that of the environment',
    reason: 'there is one thread, whatever the environment says',
  },
  {
    file: '__test__/binding/threads.spec.ts',
    test: 'is all that there are unless fewer are wanted',
    reason: 'there is one thread, whatever the environment says',
  },
  {
    file: '__test__/binding/threads.spec.ts',
    test: 'work is shared with one thread fewer than there are',
    reason: 'there is one thread, whatever the environment says',
  },
  {
    file: '__test__/criterion/criterion.async.spec.ts',
    test: 'holds the event loop up for less than half as long as copying a large batch',
    reason: 'there is one thread, so that calls hold up the event loop while they are computed',
  },
  {
    file: '__test__/input/outputs.spec.ts',
    test: 'of queries are none',
    reason: 'sizes have 32 bits there, and so many queries are refused, even of no images',
  },
  {
    file: '__test__/package/limits.spec.ts',
    test: 'large calls are refused where there is little left',
    reason:
      'the room of a module is reserved beforehand, so that a limit of the process does not refuse what it grows by',
  },
  {
    file: '__test__/package/limits.spec.ts',
    test: 'what large calls needed is given back to the system',
    reason: 'the memory of a module grows and never shrinks; what is freed serves later calls',
  },
  {
    file: 'benchmarks/__test__/loss.spec.ts',
    test: 'the levels of the processor are listed',
    reason: 'it knows the levels of x64, of which WebAssembly has none',
  },
]

/**
 * Why a test is left out on WebAssembly, or nothing.
 * @param {string} file from the project's root
 * @param {string} name with those of the groups it stands in
 * @returns {string | undefined}
 */
export function reasonToSkip(file, name) {
  return EXCEPTIONS.find((exception) => exception.file === file && name.includes(exception.test ?? ''))?.reason
}

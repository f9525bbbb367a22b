/** The files of specs that are left out on arm64 under qemu, as globs, and why. */
export const SLOW = []

/** Errors of the operating system, told apart by their name. */

/** Whether an error is the system's error `code`, as in `ENOENT`. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** Whether an error is what the system says of a medium that fails, or that was pulled out. It names no file, and means damage. */
export function isMediumFailure(error: unknown): error is NodeJS.ErrnoException {
  return isErrno(error, 'EIO', 'ENODEV', 'ENXIO', 'ENOMEDIUM', 'ESTALE');
}

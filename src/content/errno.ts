/** Errors of the operating system, told apart by their name. */

/** Whether an error is the system's error `code`, as in `ENOENT`. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

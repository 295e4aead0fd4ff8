/** What the system says of a medium that fails, or that was pulled out: it names no file, and means damage. */
import { BundleError } from '../bundle/index.ts';
import { isErrno } from '../content/index.ts';

/** Whether the medium is to blame. */
export function isGone(error: unknown): error is NodeJS.ErrnoException {
  return isErrno(error, 'EIO', 'ENODEV', 'ENXIO', 'ENOMEDIUM', 'ESTALE');
}

/** A bundle that cannot be read; any other error as it is. */
export function asUnreadable(error: unknown, path: string): unknown {
  if (!isGone(error)) return error;
  return new BundleError(`read ${path}: expected readable bytes, got ${error.code}`, {
    code: 'DAMAGED',
    cause: error,
    facts: { path },
  });
}

/** A medium that fails while a bundle is read from it, in the words of a bundle. */
import { BundleError } from '../bundle/index.ts';
import { isMediumFailure } from '../content/index.ts';

/** A bundle that cannot be read; any other error as it is. */
export function asUnreadable(error: unknown, path: string): unknown {
  if (!isMediumFailure(error)) return error;
  return new BundleError(`read ${path}: expected readable bytes, got ${error.code}`, {
    code: 'DAMAGED',
    cause: error,
    facts: { path },
  });
}

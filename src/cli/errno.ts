/**
 * Errors of the system that no room has put into words: a file that an option names and nobody can read, a disk that is
 * full in an odd place. They are no mistakes of ours, so no stack is shown.
 */
import { FerryError } from '../errors.ts';

/** The codes that the words of ../words.ts know beside those of the rooms. */
export type SystemCode = 'FILE_NOT_FOUND' | 'FILE_DENIED' | 'DISK_FULL' | 'DISK_READ_ONLY' | 'IO_ERROR' | 'FILE_KIND';

const CODES: Readonly<Record<string, SystemCode>> = {
  ENOENT: 'FILE_NOT_FOUND',
  ENOTDIR: 'FILE_NOT_FOUND',
  EACCES: 'FILE_DENIED',
  EPERM: 'FILE_DENIED',
  EISDIR: 'FILE_KIND',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EROFS: 'DISK_READ_ONLY',
  EIO: 'IO_ERROR',
};

/** What the most common of them mean, in words. */
const GOT: Readonly<Partial<Record<SystemCode, string>>> = {
  FILE_NOT_FOUND: 'expected a file, got none',
  FILE_KIND: 'expected a file, got a folder',
  FILE_DENIED: 'expected a file that may be read, got no permission',
};

/** A file on its way to its name (content room): nobody typed that. */
const TEMPORARY = /^(.*\/)\.([^/]+)\.[0-9a-f]{12}\.tmp$/;

/** The system said no. */
export class SystemError extends FerryError<SystemCode> {}

/** The error as one of ours when the system is to blame, else undefined. */
export function asFerryError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  const known = CODES[code ?? ''];
  // Without a call and a path it may be anybody's: the stack says more than we could.
  if (!known || !syscall || path === undefined) return undefined;
  const [, folder, name] = TEMPORARY.exec(path) ?? [];
  const message =
    known === 'FILE_NOT_FOUND' && folder !== undefined
      ? `write ${folder}${name}: expected the folder ${folder} to be there, got none`
      : `${syscall} ${path}: ${GOT[known] ?? code}`;
  return new SystemError(message, { code: known, cause: error });
}

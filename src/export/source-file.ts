/** A file that the office's own texts name: what stands in the way of reading it, told in the words of who named it. */
import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { isErrno } from '../content/index.ts';
import { ExportError } from './error.ts';

/** How a file is named in errors. */
export interface NamedSource {
  /** As it was written. */
  readonly from: string;
  /** What it is, where the name alone does not say: `licence`. */
  readonly what?: string;
}

/** Reads a plain file. @throws {ExportError} `SOURCE_FILE`; what `read` throws otherwise */
export async function readSourceFile<T>(
  path: string,
  source: NamedSource,
  read: (found: Stats) => Promise<T>,
): Promise<T> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw sourceFile(source, 'expected a file, got something else');
    return await read(found);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw sourceFile(source, 'expected a file, got none', error);
    if (!isErrno(error, 'EACCES', 'EPERM')) throw error;
    throw sourceFile(source, 'expected a file that may be read, got no permission', error);
  }
}

/** The error for a file that cannot be carried. */
export function sourceFile({ from, what }: NamedSource, why: string, cause?: unknown): ExportError {
  const shown = what === undefined ? from : `${what} ${from}`;
  return new ExportError(`read ${shown}: ${why}`, { code: 'SOURCE_FILE', cause, facts: { from } });
}

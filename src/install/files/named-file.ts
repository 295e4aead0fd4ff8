/** A small file that somebody names on the command line, read whole with a bound. */

import { createReadStream } from 'node:fs';
import { ContentError, readBounded } from '../../content/index.ts';

export interface NamedFileOptions {
  readonly max: number;
  /** The error for a larger one. */
  readonly tooLarge: (path: string) => Error;
}

/** As a stream: what a shell gives for `<(…)` is a pipe. @throws what `tooLarge` makes, and what the file system says */
export async function readNamedFile(path: string, { max, tooLarge }: NamedFileOptions): Promise<Buffer> {
  try {
    return await readBounded(createReadStream(path), { max, what: path });
  } catch (error) {
    // a read knows no path, and "EISDIR" alone helps nobody
    if (error instanceof Error && 'errno' in error) throw Object.assign(error, { path });
    throw error instanceof ContentError && error.code === 'TOO_LARGE' ? tooLarge(path) : error;
  }
}

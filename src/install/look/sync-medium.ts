/**
 * All that was written to a medium is on it: what we write we sync file by file, and this says the same of the whole file
 * system, directories and tables of the stick included, before anybody is told that it may be pulled.
 */

import { lastWords, runProgram } from '../../content/index.ts';
import { messageOf } from '../../errors.ts';

/** A slow stick that others write to as well. */
const LIMIT_MS = 120_000;

/** Syncs the file system that a folder is on; why that cannot be said of it, where it cannot. */
export async function syncMedium(folder: string): Promise<string | undefined> {
  try {
    const env = { PATH: '/usr/bin:/bin' };
    const end = await runProgram(['sync', '--file-system', folder], { env, timeoutMs: LIMIT_MS });
    if (end.status === 0 && end.ended === undefined) return undefined;
    return unsynced(folder, end.ended === 'timeout' ? 'it takes too long' : lastWords(end));
  } catch (error) {
    return unsynced(folder, messageOf(error));
  }
}

function unsynced(folder: string, why: string): string {
  return `unmount ${folder} and wait until that is done before you pull it: sync says ${why}`;
}

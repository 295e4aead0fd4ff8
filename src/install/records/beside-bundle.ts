/** What receipt and card have in common on their way onto the medium: when it takes nothing, and what a killed write left. */

import { constants } from 'node:fs';
import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../content/index.ts';

/** What became of a file on its way there. */
export interface MediumCopy {
  /** `read-only`: the medium takes nothing; `declined`: nobody wanted it; `failed`: see `warning`. */
  readonly action: 'written' | 'same' | 'read-only' | 'declined' | 'failed';
  /** Where it lies, if it does. */
  readonly path?: string;
  readonly warning?: string;
}

/** Whether the file system is mounted so that not even root may write. */
export async function isReadOnly(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return false;
  } catch (error) {
    return isErrno(error, 'EROFS');
  }
}

/**
 * Takes away what an import of this site that was killed while it wrote has left.
 * @param name a pattern for the names of the files themselves, of this site alone
 */
export async function removeDrafts(folder: string, name: string): Promise<void> {
  const isDraft = new RegExp(`^\\.${name}\\.[0-9a-f]{12}\\.tmp$`);
  for (const found of await readdir(folder)) if (isDraft.test(found)) await rm(join(folder, found), { force: true });
}

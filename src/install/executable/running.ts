/** The ferry that runs now: on a first visit it is a plain copy that a person put there by hand. */

import { open } from 'node:fs/promises';
import { isErrno } from '../../content/index.ts';
import { digestOfOpen, type FoundFile } from '../files/standing.ts';

export interface RunningFerry {
  /** The program that runs. */
  readonly path: string;
  readonly version: string;
}

/** Whether a program is, byte for byte, a file that was found. */
export async function isSameBytes(path: string, found: Pick<FoundFile, 'digest' | 'size'>): Promise<boolean> {
  try {
    await using handle = await open(path);
    const { size } = await handle.stat();
    return size === found.size && (await digestOfOpen(handle, size)) === found.digest;
  } catch (error) {
    // it may have been removed while it runs
    if (isErrno(error, 'ENOENT', 'EACCES')) return false;
    throw error;
  }
}

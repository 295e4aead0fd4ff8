/**
 * Gives a file its size before it has bytes, so that everything may be written to its place in any order. FAT and
 * exFAT have no holes: there a longer file is filled with zeros on the spot, the medium would be written twice, and
 * FUSE's FAT refuses it. On those a file can only grow from its end.
 */
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, mediumOf } from '../content/index.ts';

export interface PresizeOptions {
  /** Where the file is. */
  readonly path: string;
  readonly size: number;
}

/** Whether the file may now be written in any order; otherwise only front to back. */
export async function presize(file: FileHandle, { path, size }: PresizeOptions): Promise<boolean> {
  const { size: present } = await file.stat();
  if (present > size) await file.truncate(size);
  if ((await mediumOf(dirname(path))).kind !== 'other') return false;
  try {
    await file.truncate(size);
    return true;
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
    return false;
  }
}

/** Whether the files of a release still are as they were installed: for `status`, which changes nothing. */

import { InstallError } from '../error.ts';
import type { Installed, InstalledFile } from '../kept/installed.ts';
import { FolderTree } from './folder.ts';
import { findStanding } from './standing.ts';

/** A file that was installed, and what is there. */
export interface FileState {
  /** Absolute, without the prefix. */
  readonly path: string;
  readonly name: string;
  readonly ok: boolean;
  /** `changed`: other bytes or permissions, something where nothing is to be, or a way there that is not safe. */
  readonly found: 'present' | 'missing' | 'changed';
}

/** Compares all files of a release with what it was on this host. Whose they are does not count. */
export async function lookAtFiles(installed: Pick<Installed, 'files'>, prefix: string): Promise<readonly FileState[]> {
  const tree = new FolderTree(prefix);
  try {
    const states: FileState[] = [];
    for (const file of installed.files) states.push(await lookAt(file, tree));
    return states;
  } finally {
    await tree.close();
  }
}

async function lookAt(file: InstalledFile, tree: FolderTree): Promise<FileState> {
  const found = await judge(file, tree);
  return { path: file.path, name: file.name, ok: found === (file.digest === null ? 'missing' : 'present'), found };
}

async function judge({ path, digest, mode }: InstalledFile, tree: FolderTree): Promise<FileState['found']> {
  try {
    const found = await findStanding(tree, path);
    if (found === undefined) return 'missing';
    const isMode = found.mode === mode || found.mode === (mode & 0o777); // we never set more than these bits
    return found.digest === digest && isMode ? 'present' : 'changed';
  } catch (error) {
    if (error instanceof InstallError && error.code === 'DESTINATION_UNSAFE') return 'changed';
    throw error;
  }
}

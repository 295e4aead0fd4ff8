/**
 * What stands at /usr/bin/ferry: a link of ours and the version that it leads to, a plain file, or something that is
 * nobody's business. Looks and changes nothing.
 */

import { lstat } from 'node:fs/promises';
import { isErrno } from '../../content/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { findTarget } from '../files/our-link.ts';
import { type FoundFile, findInner } from '../files/standing.ts';
import { FERRY, LINK, LINK_FOLDER, versionFolder, versionOfTarget } from './places.ts';
import { inodeAt } from './swap.ts';

export type Linked =
  | { readonly kind: 'absent' }
  /** `isThere`: the executable that it leads to. */
  | { readonly kind: 'version'; readonly version: string; readonly isThere: boolean; readonly inode: string }
  | { readonly kind: 'file'; readonly file: FoundFile; readonly inode: string }
  | { readonly kind: 'foreign' };

/** @throws {InstallError} `DESTINATION_UNSAFE` where the way there is */
export async function findLinked(tree: FolderTree): Promise<Linked> {
  const folder = await tree.find(LINK_FOLDER);
  const inode = folder && (await inodeAt(folder.at(FERRY)));
  if (folder === undefined || inode === undefined) return { kind: 'absent' };
  const target = await findTarget(folder.at(FERRY));
  if (target !== undefined) {
    const version = versionOfTarget(target);
    if (version === undefined) return { kind: 'foreign' };
    return { kind: 'version', version, isThere: await isPlaced(tree, version), inode };
  }
  if (!(await lstat(folder.at(FERRY))).isFile()) return { kind: 'foreign' };
  const file = await findInner(folder, FERRY, LINK);
  return file === undefined ? { kind: 'absent' } : { kind: 'file', file, inode };
}

/** Whether the executable of a version stands in its place. */
async function isPlaced(tree: FolderTree, version: string): Promise<boolean> {
  const folder = await tree.find(versionFolder(version));
  if (folder === undefined) return false;
  try {
    return (await lstat(folder.at(FERRY))).isFile();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

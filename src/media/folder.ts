/** The folder of a medium: there, with room, and free of what a run that was killed has left. */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { asWriteError, ContentError, checkRoom, isErrno, mediumOf } from '../content/index.ts';
import { MediaError } from './error.ts';

/** Makes sure that the folder is there. @throws {MediaError} `MEDIUM_FOLDER_MISSING` when what holds it is not */
export async function openFolder(dir: string): Promise<void> {
  if (await isFolder(dir)) return; // asked first: of a drive's root Windows says that it may not be made
  try {
    await mkdir(dir);
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EEXIST')) throw asWriteError(error, dir);
    throw new MediaError(`lay out ${dir}: expected a folder, got none`, {
      code: 'MEDIUM_FOLDER_MISSING',
      cause: error,
      facts: { path: dir },
    });
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** The hidden name under which a file is written. */
export function partialName(name: string): string {
  return `.${name}.partial`;
}

/** Takes away what a run that was killed has left of these files. */
export async function removeDrafts(dir: string, names: readonly string[]): Promise<void> {
  const drafts = new Set(names.map(partialName));
  const isDraft = (name: string) => drafts.has(name) || drafts.has(name.replace(/\.[0-9a-f]{12}\.tmp$/, '.partial'));
  for (const name of await readdir(dir)) if (isDraft(name)) await rm(join(dir, name), { force: true });
}

/** What a small file takes of a medium whose clusters are large. */
const CLUSTER = 64 * 1024;

/** Refuses files that do not fit, before the first byte. @throws {ContentError} `NO_SPACE` with both numbers, `FAT_LIMIT` */
export async function checkSpace(
  dir: string,
  files: readonly { readonly name: string; readonly size: number }[],
): Promise<void> {
  const medium = await mediumOf(dir);
  for (const { name, size } of files) checkRoom({ ...medium, free: size }, { path: join(dir, name), size });
  const size = files.reduce((sum, file) => sum + Math.ceil(file.size / CLUSTER) * CLUSTER, 0);
  if (files.length > 0) checkRoom(medium, { path: dir, size });
}

/** The error for a name that something else has. */
export function nameTaken(path: string, got: string): ContentError {
  return new ContentError(`write ${path}: expected a free name or a file of a kit, got ${got}`, {
    code: 'NAME_TAKEN',
    hint: 'move that file away, or lay out an empty folder: ferry overwrites nothing that is not its own',
    facts: { path },
  });
}

/**
 * One file at its destination: is it there already, write the new one beside it, switch, switch back. The new bytes are
 * complete and synced under a name of their own before the old ones lose theirs. FORMAT §3; `folder.ts` found the way.
 */

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { asWriteError, isErrno } from '../content/index.ts';
import type { InstallFile } from './destination.ts';
import type { OpenFolder } from './folder.ts';
import type { FoundFile } from './standing.ts';

/** A new file beside its destination, not switched yet. */
export interface StagedFile {
  readonly file: InstallFile;
  readonly folder: OpenFolder;
  /** The name of the new bytes until the switch. */
  readonly draft: string;
  /** The second name of the old bytes from the switch on. */
  readonly aside: string;
}

/** Names for a file that is about to be written in its folder. */
export function stage(folder: OpenFolder, file: InstallFile): StagedFile {
  const random = randomBytes(6).toString('hex');
  return { file, folder, draft: `.ferry-${random}.new`, aside: `.ferry-${random}.old` };
}

/** Writes the new bytes beside the destination, synced; `source` proves them. The predecessor's owner keeps it. */
export async function writeDraft(
  { file, folder, draft }: StagedFile,
  { source, found }: { readonly source: AsyncIterable<Uint8Array>; readonly found: FoundFile | undefined },
): Promise<void> {
  try {
    const handle = await open(folder.at(draft), 'wx', 0o600);
    try {
      for await (const chunk of source) await handle.appendFile(chunk);
      if (found !== undefined) await keepOwner(handle, found);
      await handle.chmod(file.mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw asWriteError(error, file.path);
  }
}

async function keepOwner(handle: FileHandle, found: FoundFile): Promise<void> {
  const { uid, gid } = await handle.stat();
  if (uid !== found.uid || gid !== found.gid) await handle.chown(found.uid, found.gid);
}

/** Gives the destination's name to the new bytes; the old ones keep a second name. */
export async function switchFile({ file, folder, draft, aside }: StagedFile): Promise<void> {
  const name = folder.at(basename(file.path));
  try {
    await link(name, folder.at(aside)).catch(unlessAbsent);
    await rename(folder.at(draft), name);
    await folder.sync();
  } catch (error) {
    throw asWriteError(error, file.path); // one that chattr made immutable, say
  }
}

/** Nothing stood there before. */
function unlessAbsent(error: unknown): void {
  if (!isErrno(error, 'ENOENT')) throw error;
}

/** Puts back what stood there before `switchFile`, as far as that came; takes a draft away. */
export async function switchBack(
  { file, folder, draft, aside }: StagedFile,
  { isBegun }: { readonly isBegun: boolean },
): Promise<void> {
  const name = folder.at(basename(file.path));
  const isSwitched = isBegun && !(await isThere(folder.at(draft)));
  if (isSwitched && (await isThere(folder.at(aside)))) await rename(folder.at(aside), name);
  else if (isSwitched) await rm(name, { force: true });
  await rm(folder.at(aside), { force: true });
  await rm(folder.at(draft), { force: true });
  await folder.sync();
}

/** Lets the old bytes go. */
export async function forget({ folder, aside }: StagedFile): Promise<void> {
  await rm(folder.at(aside), { force: true });
}

async function isThere(path: string): Promise<boolean> {
  try {
    await (await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)).close();
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

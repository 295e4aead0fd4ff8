/**
 * The ways out of a change of files: back to exactly what stood there before, or on, letting go of what the way back
 * would have needed. Both go by the plan and by what is on the disk, as far as a killed process brought it; both may be
 * asked again and again.
 */

import { link, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { asWriteError, isErrno } from '../../content/index.ts';
import type { Site } from '../steps/step.ts';
import { type OpenFolder, openInner } from './folder.ts';
import { asideName, DATA, findTarget, isOurLink, isThere, versionName } from './our-link.ts';
import { draftName, formerVersion, pointData } from './place-links.ts';
import type { FileSwitch, FolderSwitch } from './switch-plan.ts';

/** Shows the former version again, in one step. */
export async function switchBack(change: FolderSwitch, site: Site): Promise<void> {
  await inFolder(change, site, async (folder) => {
    if ((await findTarget(folder.at(DATA))) !== versionName(site.id)) return;
    await pointBack(folder, formerVersion(change, site), site);
  });
}

/** Puts everything back as it was before, and takes drafts away. */
export async function unstage(change: FolderSwitch, site: Site): Promise<void> {
  await switchBack(change, site);
  await inFolder(change, site, async (folder) => {
    // nobody sees it, and what follows may need the room
    await rm(folder.at(versionName(site.id)), { recursive: true, force: true });
    for (const file of change.files) await putBack(file, { change, folder, site });
    await folder.sync();
    // only now: the links that are gone led to it
    if ((await findTarget(folder.at(DATA))) === asideName(site.id)) await pointBack(folder, change.before, site);
    await removeDrafts(folder, site);
    await folder.sync();
  });
}

/** Lets go of the former version; what is to be absent or plain becomes so. */
export async function settleFiles(change: FolderSwitch, site: Site): Promise<void> {
  await inFolder(change, site, async (folder) => {
    // not ours to tidy when somebody else has switched since
    if ((await findTarget(folder.at(DATA))) === versionName(site.id)) {
      for (const file of change.files) await finish(file, { change, folder, site });
      await folder.sync();
      if (!isLeft(change)) await rm(folder.at(DATA), { force: true });
    }
    await folder.sync();
    if (!isLeft(change)) await rm(folder.at(versionName(site.id)), { recursive: true, force: true });
    await removeDrafts(folder, site);
    const shown = await findTarget(folder.at(DATA));
    if (change.before !== null && change.before !== shown) {
      await rm(folder.at(change.before), { recursive: true, force: true });
    }
    await folder.sync();
  });
}

/** Takes folders away that were made for files, innermost first; one that others have filled meanwhile stays. */
export async function removeFolders(made: readonly string[], { tree }: Pick<Site, 'tree'>): Promise<void> {
  for (const path of made.toReversed()) {
    const parent = await tree.find(dirname(path));
    // looked for first: to take away what is not there fails too where nothing may be written
    if (parent === undefined || !(await isThere(parent.at(basename(path))))) continue;
    try {
      await rmdir(parent.at(basename(path)));
    } catch (error) {
      if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw asWriteError(error, path);
    }
    await parent.sync();
  }
}

interface Change {
  readonly change: FolderSwitch;
  readonly folder: OpenFolder;
  readonly site: Site;
}

async function inFolder(change: FolderSwitch, site: Site, act: (folder: OpenFolder) => Promise<void>): Promise<void> {
  const folder = await site.tree.find(change.folder);
  if (folder === undefined) return;
  try {
    await act(folder);
  } catch (error) {
    throw asWriteError(error, change.folder);
  }
}

async function pointBack(folder: OpenFolder, version: string | null, site: Site): Promise<void> {
  if (version !== null) return pointData(folder, version, { id: site.id, way: 'back' });
  await rm(folder.at(DATA), { force: true });
  await folder.sync();
}

async function putBack({ name, was }: FileSwitch, { change, folder, site }: Change): Promise<void> {
  if (was === 'absent' && (await isOurLink(folder, name))) await rm(folder.at(name), { force: true });
  if (was !== 'file') return;
  const aside = await openInner(folder, asideName(site.id), `${change.folder}/${asideName(site.id)}`);
  if (aside === undefined) return;
  try {
    if (await isOurLink(folder, name)) await rename(aside.at(name), folder.at(name));
    else await link(aside.at(name), folder.at(name)).catch(unlessThere);
  } finally {
    await aside.close();
  }
}

/** It was not replaced yet, or is back; or somebody put another file there, which is theirs to keep. */
function unlessThere(error: unknown): void {
  if (!isErrno(error, 'EEXIST', 'ENOENT')) throw error;
}

async function finish({ name, digest, isPlain }: FileSwitch, { change, folder, site }: Change): Promise<void> {
  if (!(await isOurLink(folder, name))) return;
  if (digest === null) return rm(folder.at(name), { force: true });
  if (!isPlain) return;
  const version = await openInner(folder, versionName(site.id), `${change.folder}/${versionName(site.id)}`);
  try {
    // the very file that the link shows: nobody sees a difference
    if (version !== undefined) await rename(version.at(name), folder.at(name));
  } finally {
    await version?.close();
  }
}

/** Whether a folder still has files of ours after the change. */
function isLeft({ carried, files }: FolderSwitch): boolean {
  return carried.length > 0 || files.some(({ digest, isPlain }) => digest !== null && !isPlain);
}

async function removeDrafts(folder: OpenFolder, { id }: Site): Promise<void> {
  for (const name of [asideName(id), draftName(id, 'on'), draftName(id, 'back'), `${versionName(id)}.link`]) {
    await rm(folder.at(name), { recursive: true, force: true });
  }
}

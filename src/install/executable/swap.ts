/**
 * One name in a folder that is given to another file or link by one rename, and back to the very same one. All that the
 * rename and the way back need is made before, under names of this transaction: the new one, a second name for what
 * stood there, and for each a name that the rename uses up. Every way may be cut off and gone again.
 */

import { link, lstat, rename, rm } from 'node:fs/promises';
import { asWriteError, isErrno } from '../../content/index.ts';
import type { OpenFolder } from '../files/folder.ts';
import { changedMeanwhile } from '../files/switch-plan.ts';
import type { Site } from '../steps/step.ts';

/** A name that is to be given to another one, as the journal holds it. */
export interface Swap {
  /** Without the prefix. */
  readonly folder: string;
  readonly name: string;
  /** Inode of what stood there when it was looked at; `null`: nothing. */
  readonly was: string | null;
}

/** What stands under a name, so that it is known again; `undefined` when nothing does. */
export async function inodeAt(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await lstat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A name of this transaction beside the one that is swapped. `go` and `back` are what the renames use up. */
export function draftName({ name }: Pick<Swap, 'name'>, { id }: Pick<Site, 'id'>, what: Draft): string {
  return `.${name}.${id}.${what}`;
}

type Draft = 'new' | 'was' | 'go' | 'back';

/**
 * Makes all that a swap needs; the name itself stays as it is.
 * @param make makes the new file or link at a path
 * @throws {InstallError} `FILE_CHANGED` when something else stands there than was looked at
 */
export async function prepare(swap: Swap, site: Site, make: (path: string) => Promise<void>): Promise<void> {
  await site.tree.make(swap.folder);
  await inFolder(swap, site, async (folder, at) => {
    await make(at('new'));
    await link(at('new'), at('go'));
    if (swap.was !== null) {
      await link(folder.at(swap.name), at('was')).catch(unlessGone);
      await link(at('was'), at('back')).catch(unlessGone);
    }
    const found = (await inodeAt(swap.was === null ? folder.at(swap.name) : at('was'))) ?? null;
    if (found !== swap.was) throw changedMeanwhile(`${swap.folder}/${swap.name}`, 'what was looked at');
    await folder.sync();
  });
}

/**
 * Gives the name to the new one. Answers `false`, and leaves it, where somebody else has taken it meanwhile.
 * @throws {InstallError} `FILE_CHANGED` when nothing is prepared any more: a way back was begun
 */
export async function swapOn(swap: Swap, site: Site): Promise<boolean> {
  const next = await inFolder(swap, site, (_folder, at) => inodeAt(at('new')));
  if (!next) throw changedMeanwhile(`${swap.folder}/${swap.name}`, 'what was placed beside it');
  return inFolder(swap, site, async (folder, at) => {
    const now = await inodeAt(folder.at(swap.name));
    if (now === next) return true;
    if (now !== (swap.was === null ? undefined : await inodeAt(at('was')))) return false;
    await link(at('new'), at('go')).catch(unlessThere);
    await rename(at('go'), folder.at(swap.name));
    await folder.sync();
    return true;
  });
}

/** Whether the name is the new one's. */
export async function isOn(swap: Swap, site: Site): Promise<boolean> {
  return inFolder(swap, site, async (folder, at) => {
    const next = await inodeAt(at('new'));
    return next !== undefined && (await inodeAt(folder.at(swap.name))) === next;
  });
}

/** Gives the name back to what stood there, where it is the new one's. */
export async function swapBack(swap: Swap, site: Site): Promise<void> {
  if (!(await isOn(swap, site))) return;
  await inFolder(swap, site, async (folder, at) => {
    if (swap.was === null) await rm(folder.at(swap.name), { force: true });
    else {
      await link(at('was'), at('back')).catch(unlessThere);
      await rename(at('back'), folder.at(swap.name));
    }
    await folder.sync();
  });
}

/** Takes all names of this transaction away. */
export async function dropDrafts(swap: Swap, site: Site): Promise<void> {
  await inFolder(swap, site, async (folder, at) => {
    for (const draft of ['go', 'back', 'was', 'new'] as const) {
      // looked for first: to take away what is not there fails too where nothing may be written
      if ((await inodeAt(at(draft))) !== undefined) await rm(at(draft), { force: true });
    }
    await folder.sync();
  });
}

/** @returns `false` where the folder is not there */
async function inFolder<T>(
  swap: Swap,
  site: Site,
  act: (folder: OpenFolder, at: (draft: Draft) => string) => Promise<T>,
): Promise<T | false> {
  const folder = await site.tree.find(swap.folder);
  if (folder === undefined) return false;
  try {
    return await act(folder, (draft) => folder.at(draftName(swap, site, draft)));
  } catch (error) {
    throw asWriteError(error, `${swap.folder}/${swap.name}`);
  }
}

function unlessThere(error: unknown): void {
  if (!isErrno(error, 'EEXIST')) throw error;
}

/** It is told in one place what stands there instead. */
function unlessGone(error: unknown): void {
  if (!isErrno(error, 'ENOENT')) throw error;
}

/**
 * Of the versions of ferry on a host two stay: the one that is linked and the one before, which a person can link again.
 * Older ones go when an import is done; one that is newer than the linked one was put there by somebody.
 */

import { readdir, rm, rmdir } from 'node:fs/promises';
import { isErrno } from '../../content/index.ts';
import { FERRY_VERSION, isNewer } from '../../manifest/index.ts';
import { InstallError } from '../error.ts';
import { type OpenFolder, openInner } from '../files/folder.ts';
import { findTarget } from '../files/our-link.ts';
import type { Site } from '../steps/step.ts';
import type { FerryChange } from './change.ts';
import { FERRY, LINK_FOLDER, VERSIONS, versionOfTarget } from './places.ts';

/** Lets go of the older ones. As often as it is asked. */
export async function dropFormerVersions({ version, before }: FerryChange, site: Site): Promise<void> {
  const folder = await site.tree.find(VERSIONS);
  const links = await site.tree.find(LINK_FOLDER);
  if (folder === undefined || links === undefined) return;
  const linked = versionOfTarget((await findTarget(links.at(FERRY))) ?? '');
  if (linked === undefined) return;
  const names = await readdir(folder.at('.'));
  const former = oldVersions(names, { linked, kept: before === null ? [version] : [version, before] });
  for (const name of former) await dropVersion(folder, name);
  await folder.sync();
}

async function dropVersion(folder: OpenFolder, name: string): Promise<void> {
  const inner = await openInner(folder, name, `${VERSIONS}/${name}`).catch(unlessUnsafe);
  if (inner === undefined) return;
  try {
    await rm(inner.at(FERRY), { force: true });
  } finally {
    await inner.close();
  }
  await rmdir(folder.at(name)).catch(unlessFilled);
}

/** A link, or a folder that is not ours alone. */
function unlessUnsafe(error: unknown): undefined {
  if (!(error instanceof InstallError)) throw error;
}

/** The names of versions that go. Pure. @param kept stay, and if none of them is older than the linked one, the one before it */
export function oldVersions(
  names: readonly string[],
  { linked, kept }: { readonly linked: string; readonly kept: readonly string[] },
): readonly string[] {
  const older = names
    .filter((name) => FERRY_VERSION.test(name) && isNewer(linked, name))
    .toSorted((one, other) => (isNewer(one, other) ? -1 : 1));
  const before = older.find((name) => kept.includes(name)) ?? older[0];
  return older.filter((name) => name !== before && !kept.includes(name));
}

/** What others keep there stays. */
function unlessFilled(error: unknown): void {
  if (!isErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT', 'ENOTDIR')) throw error;
}

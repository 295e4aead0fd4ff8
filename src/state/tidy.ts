/**
 * What a process that was killed may leave of single writes: drafts of files under names that nothing reads, a set of
 * trust that was not swapped in, a spool. Taken away by the next command that changes the site, under its lock and when
 * no transaction is pending, for then all of them are nobody's.
 */

import { join } from 'node:path';
import { tidyLock } from '../content/index.ts';
import { findLink, listFolder, removeName } from './disk.ts';

/** Drafts of `writeAtomic`, links that were not moved into place, and bytes that have no name yet. */
const DRAFT = /^\..*\.[0-9a-f]{12}\.tmp$|^[a-z]+\.new$|^\.new$/;
const RELEASE_DRAFT = /^\.(?:draft|replaced|dropped)-\d+$/;

/** Takes away what is nobody's. */
export async function tidy(stateDir: string): Promise<void> {
  await tidyLock(join(stateDir, 'lock'));
  const trust = await findLink(join(stateDir, 'trust'));
  await removeFrom(stateDir, (name) => DRAFT.test(name) || name === '.spool' || isOldTrust(name, trust));
  for (const folder of ['identity', trust ?? 'trust'])
    await removeFrom(join(stateDir, folder), (name) => DRAFT.test(name));
  const releases = join(stateDir, 'releases');
  await removeFrom(releases, (name) => DRAFT.test(name) || RELEASE_DRAFT.test(name));
  for (const { name } of await listFolder(releases)) {
    for (const inside of ['.', 'kept', 'files'])
      await removeFrom(join(releases, name, inside), (one) => DRAFT.test(one));
  }
}

function isOldTrust(name: string, current: string | undefined): boolean {
  return /^\.trust-\d+$/.test(name) && name !== current;
}

async function removeFrom(folder: string, isNobodys: (name: string) => boolean): Promise<void> {
  for (const { name } of await listFolder(folder)) if (isNobodys(name)) await removeName(join(folder, name));
}

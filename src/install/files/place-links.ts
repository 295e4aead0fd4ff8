/**
 * Every name that changes becomes a link of ours, which shows what was there until the switch. A plain file is given a
 * second name first and then replaced by a link to that, so at no instant does anybody see anything else.
 */

import { link, lstat, rename, rm, symlink } from 'node:fs/promises';
import { asWriteError, isErrno } from '../../content/index.ts';
import type { Site } from '../steps/step.ts';
import type { InnerFolder, OpenFolder } from './folder.ts';
import { asideName, DATA, findTarget, linkTarget, makeVersion, openVersion, versionName } from './our-link.ts';
import { changedMeanwhile, type FolderSwitch } from './switch-plan.ts';

/** Makes every changed name a link of ours, which shows what was there until the switch. */
export async function placeLinks(change: FolderSwitch, site: Site): Promise<void> {
  const folder = await site.tree.make(change.folder);
  try {
    if (change.hasStandIn) await takeOver({ change, folder, site });
    for (const { name, was, digest } of change.files) {
      if (was === 'absent' && digest !== null) await placeNew(name, { change, folder });
    }
    // made now, so that neither the switch nor the way back needs room on a disk that may be full by then
    await prepareData(folder, versionName(site.id), { id: site.id, way: 'on' });
    const former = formerVersion(change, site);
    if (former !== null) await prepareData(folder, former, { id: site.id, way: 'back' });
    await folder.sync();
  } catch (error) {
    throw asWriteError(error, change.folder);
  }
}

/** What `..data` leads to until the switch; `null`: there is none. */
export function formerVersion({ hasStandIn, before }: FolderSwitch, { id }: Pick<Site, 'id'>): string | null {
  return hasStandIn ? asideName(id) : before;
}

/**
 * Points `..data` of a folder at another version, in one step.
 * @param way on or back: each has its draft, which may have been prepared.
 */
export async function pointData(folder: OpenFolder, target: string, { id, way }: Pointing): Promise<void> {
  await prepareData(folder, target, { id, way });
  await rename(folder.at(draftName(id, way)), folder.at(DATA));
  await folder.sync();
}

/** What it takes to point `..data` on or back, but for the rename. */
export interface Pointing {
  /** Of the transaction. */
  readonly id: string;
  readonly way: 'on' | 'back';
}

/** The name of `..data` before it takes its place. */
export function draftName(id: string, way: Pointing['way']): string {
  return `${versionName(id)}.${way}`;
}

async function prepareData(folder: OpenFolder, target: string, { id, way }: Pointing): Promise<void> {
  const draft = folder.at(draftName(id, way));
  if ((await findTarget(draft)) === target) return;
  await rm(draft, { force: true });
  await symlink(target, draft);
}

/** Shows nothing yet: the name leads to none of the former files. */
async function placeNew(name: string, { change, folder }: Pick<TakingOver, 'change' | 'folder'>): Promise<void> {
  try {
    await symlink(linkTarget(name), folder.at(name));
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    throw changedMeanwhile(`${change.folder}/${name}`, 'nothing there, as when it was looked at');
  }
}

interface TakingOver {
  readonly change: FolderSwitch;
  readonly folder: OpenFolder;
  readonly site: Site;
}

/** Plain files become links, by way of a version that holds these very files. */
async function takeOver({ change, folder, site }: TakingOver): Promise<void> {
  const plain = change.files.filter(({ was }) => was === 'file');
  const aside = await makeVersion(folder, asideName(site.id), change.folder);
  try {
    await linkFormer(aside, { change, folder, site });
    for (const { name } of plain) {
      await link(folder.at(name), aside.at(name));
      await refuseOther(name, { aside, folder, change });
    }
    await aside.sync();
    await folder.sync();
    await pointData(folder, asideName(site.id), { id: site.id, way: 'back' });
    for (const { name } of plain) {
      await symlink(linkTarget(name), folder.at(`${versionName(site.id)}.link`));
      await refuseOther(name, { aside, folder, change });
      await rename(folder.at(`${versionName(site.id)}.link`), folder.at(name));
    }
  } finally {
    await aside.close();
  }
}

/** What is installed stands in the new version too, as the same files: it is the former version but for its name. */
async function linkFormer(aside: InnerFolder, { change, folder }: TakingOver): Promise<void> {
  const former = await openVersion(folder, change.folder);
  if (former === undefined) return;
  try {
    const links = change.files.filter(({ was }) => was === 'link').map(({ name }) => name);
    for (const name of [...change.carried, ...links]) {
      await link(former.at(name), aside.at(name)).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT')) throw error; // a link of ours that leads nowhere
      });
    }
  } finally {
    await former.close();
  }
}

/** Somebody who replaces a file while we do would lose it. */
async function refuseOther(
  name: string,
  { aside, folder, change }: Pick<TakingOver, 'change' | 'folder'> & { readonly aside: InnerFolder },
): Promise<void> {
  const [kept, shown] = await Promise.all([lstat(aside.at(name)), lstat(folder.at(name))]);
  if (kept.isFile() && kept.ino === shown.ino) return;
  throw changedMeanwhile(`${change.folder}/${name}`, 'the file that was looked at');
}

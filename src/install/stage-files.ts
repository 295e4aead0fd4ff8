/**
 * The first half of changing the files of a folder: the new version is written whole in a folder of its own, then every
 * name is made a link of ours that still shows what was there. A plain file is given a second name first and then
 * replaced by a link to that, so at no instant does anybody see anything else. trust-and-tls.md §6.
 */

import { chmod, link, lstat, mkdir, open, rename, rm, stat, symlink } from 'node:fs/promises';
import { asWriteError, isErrno, verified } from '../content/index.ts';
import { type InnerFolder, type OpenFolder, openInner } from './folder.ts';
import type { Label } from './label.ts';
import { provenEntry } from './medium.ts';
import { asideName, DATA, linkTarget, openVersion, versionName } from './our-link.ts';
import { bytesOf, openFile } from './standing.ts';
import { mediumFor, type Site } from './steps/step.ts';
import { changedMeanwhile, type FileSwitch, type FolderSwitch } from './switch-plan.ts';

const FOLDER_MODE = 0o755;

/** Writes the new version of a folder beside the one that is shown, synced. Nobody sees it yet. */
export async function writeVersion(change: FolderSwitch, site: Site, label: Label): Promise<void> {
  const folder = await site.tree.make(change.folder);
  const version = await makeInner(folder, versionName(site.id), change.folder);
  try {
    for (const name of change.carried) await carry(name, { change, folder, version, site, label });
    for (const file of change.files) {
      site.signal?.throwIfAborted();
      if (file.digest !== null) await write(file, { change, folder, version, site, label });
    }
    await version.sync();
    await folder.sync();
  } catch (error) {
    throw asWriteError(error, change.folder);
  } finally {
    await version.close();
  }
}

/** Makes every changed name a link of ours, which shows what was there until the switch. */
export async function placeLinks(change: FolderSwitch, site: Site): Promise<void> {
  const folder = await site.tree.make(change.folder);
  try {
    const plain = change.files.filter(({ was }) => was === 'file');
    if (plain.length > 0) await takeOver(plain, { change, folder, site });
    for (const { name, was, digest } of change.files) {
      if (was === 'absent' && digest !== null) await symlink(linkTarget(name), folder.at(name));
    }
    await folder.sync();
  } catch (error) {
    throw asWriteError(error, change.folder);
  }
}

/** Points `..data` of a folder at another version, in one step. */
export async function pointData(folder: OpenFolder, target: string, { id }: Pick<Site, 'id'>): Promise<void> {
  const draft = folder.at(`${versionName(id)}.data`);
  await rm(draft, { force: true });
  await symlink(target, draft);
  await rename(draft, folder.at(DATA));
  await folder.sync();
}

interface Writing {
  readonly change: FolderSwitch;
  readonly folder: OpenFolder;
  readonly version: InnerFolder;
  readonly site: Site;
  readonly label: Label;
}

/** Copies a file that stays as it is: an edit in place of the new one must not reach the old one. */
async function carry(name: string, writing: Writing): Promise<void> {
  const path = `${writing.change.folder}/${name}`;
  const former = await openVersion(writing.folder, writing.change.folder);
  const handle = former && (await openFile(former, name, path));
  try {
    if (handle === undefined) throw changedMeanwhile(path, 'the file that was looked at');
    const { size, mode, uid, gid } = await handle.stat();
    await writeFile({ name, source: bytesOf(handle, size), mode, uid, gid, hasPredecessor: true }, writing);
  } finally {
    await handle?.close();
    await former?.close();
  }
}

async function write(file: FileSwitch, writing: Writing): Promise<void> {
  const { name, mode, uid, gid } = file;
  const hasPredecessor = file.found !== null;
  const former = hasPredecessor ? await ownerOf(name, writing) : undefined;
  const owner = { uid: uid ?? former?.uid, gid: gid ?? former?.gid };
  await writeFile({ name, source: read(file, writing.site), mode, ...owner, hasPredecessor }, writing);
}

function read({ source, digest, size }: FileSwitch, site: Site): AsyncIterable<Uint8Array> {
  if (source === null || digest === null) throw new TypeError('expected a source for a file that is to stand');
  if ('entry' in source) return provenEntry(mediumFor(site).bundle, source.entry, { digest, size });
  return verified(site.state.openStored(source.stored), { digest, size });
}

/** Of what is shown under a name. */
async function ownerOf(name: string, { folder }: Writing): Promise<{ readonly uid: number; readonly gid: number }> {
  return stat(folder.at(name));
}

interface NewFile {
  readonly name: string;
  readonly source: AsyncIterable<Uint8Array>;
  readonly mode: number;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly hasPredecessor: boolean;
}

async function writeFile(file: NewFile, { change, folder, version, site, label }: Writing): Promise<void> {
  const { name, source, mode, uid, gid, hasPredecessor } = file;
  const handle = await open(version.at(name), 'wx', 0o600);
  try {
    for await (const chunk of source) await handle.appendFile(chunk);
    const ours = await handle.stat();
    const owner = [uid ?? ours.uid, gid ?? ours.gid] as const;
    if (owner[0] !== ours.uid || owner[1] !== ours.gid) await handle.chown(...owner);
    await handle.chmod(mode & 0o777);
    await label({ path: version.at(name), predecessor: hasPredecessor ? folder.at(name) : undefined }).catch(
      (error: unknown) => site.warn(`SELinux label of ${change.folder}/${name}: ${String(error)}`),
    );
    await handle.sync();
  } finally {
    await handle.close();
  }
}

interface TakingOver {
  readonly change: FolderSwitch;
  readonly folder: OpenFolder;
  readonly site: Site;
}

/** Plain files become links, by way of a version that holds these very files. */
async function takeOver(plain: readonly FileSwitch[], { change, folder, site }: TakingOver): Promise<void> {
  const aside = await makeInner(folder, asideName(site.id), change.folder);
  try {
    await linkFormer(aside, { change, folder, site });
    for (const { name } of plain) {
      await link(folder.at(name), aside.at(name));
      await refuseOther(name, { aside, folder, change });
    }
    await aside.sync();
    await folder.sync();
    await pointData(folder, asideName(site.id), site);
    for (const { name } of plain) {
      await refuseOther(name, { aside, folder, change });
      await symlink(linkTarget(name), folder.at(`${versionName(site.id)}.link`));
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

async function makeInner(folder: OpenFolder, name: string, path: string): Promise<InnerFolder> {
  await mkdir(folder.at(name), { mode: FOLDER_MODE });
  await chmod(folder.at(name), FOLDER_MODE); // whatever the umask
  const made = await openInner(folder, name, `${path}/${name}`);
  if (made === undefined) throw changedMeanwhile(`${path}/${name}`, 'the folder that was just made');
  return made;
}

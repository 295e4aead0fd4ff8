/**
 * A new version of the files of a folder: written whole in a folder of its own, each file proven, with its owner,
 * permissions and label, and synced, before anybody sees it. Files that stay as they are go along as copies.
 */

import { open, stat } from 'node:fs/promises';
import { asWriteError, verified } from '../../content/index.ts';
import { provenEntry } from '../look/medium.ts';
import { bundleFor, mediumFor, type Site } from '../steps/step.ts';
import type { InnerFolder, OpenFolder } from './folder.ts';
import type { Label } from './label.ts';
import { makeVersion, openVersion, versionName } from './our-link.ts';
import { bytesOf, openFile } from './standing.ts';
import { changedMeanwhile, type FileSwitch, type FolderSwitch } from './switch-plan.ts';

/** Writes the new version of a folder beside the one that is shown, synced. Nobody sees it yet. */
export async function writeVersion(change: FolderSwitch, site: Site, label: Label): Promise<void> {
  const folder = await site.tree.make(change.folder);
  const version = await makeVersion(folder, versionName(site.id), change.folder);
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
  if ('stored' in source) return verified(site.state.openStored(source.stored), { digest, size });
  const opened = mediumFor(site).opened.get(source.entry);
  if (opened !== undefined) return verified([opened], { digest, size });
  return provenEntry(bundleFor(site), source.entry, { digest, size });
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
  } catch (error) {
    throw asWriteError(error, `${change.folder}/${name}`);
  } finally {
    await handle.close();
  }
}

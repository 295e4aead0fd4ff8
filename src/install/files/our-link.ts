/**
 * How installed files stand in a folder: `name` is a link to `..data/name`, `..data` a link to `..<version>`, and the
 * bytes are in that folder; so one rename of `..data` switches all of them, as Kubernetes' AtomicWriter does it
 * (trust-and-tls.md §6). Only links of exactly this form are ours; every other one is refused. FORMAT §3.
 */

import { chmod, lstat, mkdir, readlink } from 'node:fs/promises';
import { isErrno } from '../../content/index.ts';
import { spellOut } from '../../errors.ts';
import { InstallError } from '../error.ts';
import { type InnerFolder, type OpenFolder, openInner, unsafe } from './folder.ts';

const FOLDER_MODE = 0o755;

/** The name that is switched. */
export const DATA = '..data';

/** The folder with the bytes of transaction `id`. */
export function versionName(id: string): string {
  return `..${id}`;
}

/** The folder that stands in for the former version while plain files are taken over by transaction `id`. */
export function asideName(id: string): string {
  return `..${id}.was`;
}

/** Where the link of an installed file leads. */
export function linkTarget(name: string): string {
  return `${DATA}/${name}`;
}

/** What stands under a file's name. `link`: ours, whether it leads to a file or not. */
export type Form = 'absent' | 'file' | 'link';

/** @throws {InstallError} `DESTINATION_UNSAFE` when it is another link, or no file at all. */
export async function formOf(folder: OpenFolder, name: string, path: string): Promise<Form> {
  const stats = await findStats(folder.at(name));
  if (stats === undefined) return 'absent';
  if (stats.isFile()) return 'file';
  if (!stats.isSymbolicLink()) throw unsafe(path, 'expected a plain file or none, got something else');
  const target = await readlink(folder.at(name));
  if (target === linkTarget(name)) return 'link';
  throw foreignLink(path, target);
}

/** A link of somebody else's (certbot's `live/`, say) is looked after by whoever made it: it is never replaced unasked. */
function foreignLink(path: string, target: string): InstallError {
  return new InstallError(`install ${path}: expected a plain file or none, got a link to ${spellOut(target)}`, {
    code: 'DESTINATION_UNSAFE',
    facts: { path, target },
    hint: 'choose another folder; or put a copy of the file in the place of the link, where no other program renews it',
  });
}

/** Whether our link stands under that name; whatever else does is no error. */
export async function isOurLink(folder: OpenFolder, name: string): Promise<boolean> {
  return (await findTarget(folder.at(name))) === linkTarget(name);
}

/** The version that the files of a folder are at; `undefined` where none are installed. */
export async function findVersion(folder: OpenFolder, path: string): Promise<string | undefined> {
  const stats = await findStats(folder.at(DATA));
  if (stats === undefined) return undefined;
  const target = await findTarget(folder.at(DATA));
  if (target !== undefined && /^\.\.[0-9a-f]{12}(\.was)?$/.test(target)) return target;
  throw unsafe(`${path}/${DATA}`, 'expected a link to a version of ours or none, got something else');
}

/** Opens the folder with the bytes of the version that a folder is at; `undefined` where there is none. */
export async function openVersion(folder: OpenFolder, path: string): Promise<InnerFolder | undefined> {
  const version = await findVersion(folder, path);
  return version === undefined ? undefined : openInner(folder, version, `${path}/${version}`);
}

/** Makes a folder for a version; whoever made it closes it. */
export async function makeVersion(folder: OpenFolder, name: string, path: string): Promise<InnerFolder> {
  await mkdir(folder.at(name), { mode: FOLDER_MODE });
  await chmod(folder.at(name), FOLDER_MODE); // whatever the umask
  const made = await openInner(folder, name, `${path}/${name}`);
  if (made === undefined) throw unsafe(`${path}/${name}`, 'expected the folder that was just made, got none');
  return made;
}

/** Where a link leads; `undefined` when no link is there. */
export async function findTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

/** Whether anything stands at a path. */
export async function isThere(path: string): Promise<boolean> {
  return (await findStats(path)) !== undefined;
}

async function findStats(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

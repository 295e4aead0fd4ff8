/**
 * Every write to the site's state goes through this file: folders of 0700, files of 0600, each one synced together with
 * the name that leads to it, each one there whole or not at all. What is read is read elsewhere. FORMAT §7.
 */

import type { Dirent } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asWriteError, isErrno, syncDirectory, writeAtomic } from '../content/index.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Makes a folder of ours and those above it, and takes everybody else's access away; one that is there is kept. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (first !== undefined) {
    await syncDirectory(dirname(first));
    return;
  }
  const { mode } = await lstat(path);
  if ((mode & 0o077) !== 0) await chmod(path, FOLDER_MODE);
}

/** Puts a whole file under a name, in place of one that may be there. */
export async function putFile(path: string, bytes: Uint8Array): Promise<void> {
  await writeAtomic(path, bytes, { mode: FILE_MODE });
}

/** Puts a file that may be large under a name; what cannot be read to its end leaves nothing. */
export async function putStream(path: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'wx', FILE_MODE);
  try {
    for await (const chunk of source) await writeAll(file, chunk);
    await file.sync();
  } catch (error) {
    await rm(path, { force: true });
    throw asWriteError(error, path);
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, chunk: Uint8Array): Promise<void> {
  let written = 0;
  while (written < chunk.length) written += (await file.write(chunk, written)).bytesWritten;
}

/** Adds bytes at the end of a file, and makes the file when there is none. */
export async function appendFile(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'a', FILE_MODE);
  try {
    await writeAll(file, bytes);
    await file.sync();
  } catch (error) {
    throw asWriteError(error, path);
  } finally {
    await file.close();
  }
  await syncDirectory(dirname(path));
}

/** Points the link `path` at its neighbour `target`, in one step. */
export async function pointLink(path: string, target: string): Promise<void> {
  const draft = `${path}.new`;
  await rm(draft, { force: true });
  await symlink(target, draft);
  await rename(draft, path);
  await syncDirectory(dirname(path));
}

/** The neighbour that a link of ours points at, or `undefined` when there is no such link. */
export async function findLink(path: string): Promise<string | undefined> {
  try {
    return await readlink(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Gives a file or folder another name in the same folder. */
export async function moveName(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
}

/** Removes a file, a link or a whole folder; nothing there is fine, and no folder to hold it either. */
export async function removeName(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** What a folder holds, by name; an absent folder holds nothing. */
export async function listFolder(path: string): Promise<Dirent[]> {
  try {
    return (await readdir(path, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Syncs what a folder lists, after its files were synced one by one. */
export async function syncFolder(path: string): Promise<void> {
  await syncDirectory(join(path));
}

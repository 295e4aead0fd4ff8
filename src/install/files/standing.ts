/**
 * What stands at a destination now: a plain file, or one of ours through its link. It is looked at and read through the
 * folder's descriptor, and never through a link that is not ours (`our-link.ts`). FORMAT §3.
 */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { isErrno, readBounded } from '../../content/index.ts';
import { type Digest, digestFromHex } from '../../oci/index.ts';
import { type FolderTree, type OpenFolder, unsafe } from './folder.ts';
import { formOf, openVersion } from './our-link.ts';

/** A file as it stands. */
export interface FoundFile {
  readonly digest: Digest;
  readonly size: number;
  /** Permission bits, those of setuid and its like included. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * What stands at a path, or `undefined` when nothing does.
 * @param path absolute, without the prefix.
 * @throws {InstallError} `DESTINATION_UNSAFE` when the way there is, or when it is no plain file.
 */
export async function findStanding(tree: FolderTree, path: string): Promise<FoundFile | undefined> {
  return describe(await openStanding(tree, path));
}

/** The same of a plain file in an open folder. @throws as `findStanding` */
export async function findInner(folder: OpenFolder, name: string, path: string): Promise<FoundFile | undefined> {
  return describe(await openFile(folder, name, path));
}

async function describe(handle: FileHandle | undefined): Promise<FoundFile | undefined> {
  if (handle === undefined) return undefined;
  try {
    const { size, mode, uid, gid } = await handle.stat();
    return { digest: await digestOfOpen(handle, size), size, mode: mode & 0o7777, uid, gid };
  } finally {
    await handle.close();
  }
}

/** The bytes of what stands at a path; none where nothing stands. @throws as `findStanding` */
export async function* readStanding(tree: FolderTree, path: string): AsyncGenerator<Uint8Array> {
  const handle = await openStanding(tree, path);
  if (handle === undefined) return;
  try {
    yield* bytesOf(handle, (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}

/** The same whole, of a small file; `undefined` where nothing stands. @throws {ContentError} `TOO_LARGE`, and as `findStanding` */
export async function findStandingBytes(
  tree: FolderTree,
  path: string,
  { max }: { readonly max: number },
): Promise<Buffer | undefined> {
  if ((await findStanding(tree, path)) === undefined) return undefined;
  return readBounded(readStanding(tree, path), { max, what: path });
}

/** A file that stands in an open folder, for reading; whoever opened it closes it. @throws as `findStanding` */
export async function openFile(folder: OpenFolder, name: string, path: string): Promise<FileHandle | undefined> {
  const handle = await findHandle(folder.at(name), path);
  if (handle === undefined || (await handle.stat()).isFile()) return handle;
  await handle.close();
  throw unsafe(path, 'expected a plain file or none, got something else');
}

/** The bytes of an open file, up to the size that it had when it was asked. */
export async function* bytesOf(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return;
  yield* handle.createReadStream({ autoClose: false, start: 0, end: size - 1 }) as AsyncIterable<Buffer>;
}

/** The digest of the same bytes. */
export async function digestOfOpen(handle: FileHandle, size: number): Promise<Digest> {
  const hash = createHash('sha256');
  for await (const chunk of bytesOf(handle, size)) hash.update(chunk);
  return digestFromHex(hash.digest('hex'));
}

async function openStanding(tree: FolderTree, path: string): Promise<FileHandle | undefined> {
  const folder = await tree.find(dirname(path));
  if (folder === undefined) return undefined;
  const name = basename(path);
  const form = await formOf(folder, name, path);
  if (form === 'absent') return undefined;
  if (form === 'file') return openFile(folder, name, path);
  const version = await openVersion(folder, dirname(path));
  try {
    return version && (await openFile(version, name, path));
  } finally {
    await version?.close();
  }
}

async function findHandle(path: string, shown: string): Promise<FileHandle | undefined> {
  try {
    // non-blocking: a pipe that somebody put there must not hold us
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'ELOOP', 'ENXIO')) throw unsafe(shown, 'expected a plain file or none, got a link', error);
    throw error;
  }
}

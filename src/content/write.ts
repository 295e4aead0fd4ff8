/**
 * Whole or not at all: a file appears under its name by temporary file, fsync, rename and fsync of the folder. What is
 * cut off in between is a temporary file that nothing reads.
 */
import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { link, lstat, open, rename, rm } from 'node:fs/promises';
import { platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { isErrno } from './errno.ts';
import { ContentError } from './error.ts';
import { findFileBounded } from './read.ts';

export interface WriteOptions {
  /** Permission bits, whatever the umask. @default 0o644 */
  readonly mode?: number;
}

/** Writes a file, replacing what stands under its name. @throws {ContentError} `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE` */
export async function writeAtomic(path: string, data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
  await publish(path, data, options, rename);
}

/**
 * Writes a file under a name that must be free. The same bytes under that name are as good.
 *
 * @throws {ContentError} `NAME_TAKEN` by other bytes, which stay; `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE`
 */
export async function writeNew(
  path: string,
  data: Uint8Array,
  options: WriteOptions = {},
): Promise<'written' | 'same'> {
  if (await isSame(path, data)) return 'same';
  await publish(path, data, options, moveNew);
  return 'written';
}

/** Makes the entries of a folder survive a power cut. @throws {ContentError} `NO_SPACE`, `WRITE_FAILED` naming the folder */
export async function syncDirectory(path: string): Promise<void> {
  if (platform() === 'win32') return; // NTFS keeps a journal of names, and lets nobody sync a folder
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw asWriteError(error, path); // FUSE file systems that can't
  } finally {
    await directory.close();
  }
}

/** A write that the place refused, in words; any other error as it is. */
export function asWriteError(error: unknown, path: string): unknown {
  const say = (code: 'NO_SPACE' | 'READ_ONLY' | 'NOT_WRITABLE' | 'WRITE_FAILED', got: string) =>
    new ContentError(`write ${path}: expected a place that takes it, got ${got}`, {
      code,
      cause: error,
      facts: { path },
    });
  if (isErrno(error, 'ENOSPC', 'EDQUOT')) return say('NO_SPACE', 'a full disk');
  if (isErrno(error, 'EROFS')) return say('READ_ONLY', 'a read-only medium');
  if (isErrno(error, 'EACCES', 'EPERM')) return say('NOT_WRITABLE', 'no permission');
  if (isErrno(error, 'EIO', 'ENODEV', 'ENXIO')) return say('WRITE_FAILED', `a failing medium (${error.code})`);
  return error;
}

/** Renames to a name that must be free. @throws {ContentError} `NAME_TAKEN` */
export async function moveNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw nameTaken(to);
    if (!isErrno(error, 'EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK')) throw error;
    await moveWithoutLinks(from, to);
    return;
  }
  await rm(from);
}

/**
 * FAT and exFAT have no hard links. A look and a rename are two calls, but to claim the name with an empty file first
 * would leave that when we are killed in between, and it would be in the way for ever.
 */
async function moveWithoutLinks(from: string, to: string): Promise<void> {
  if (await isNamed(to)) throw nameTaken(to);
  await rename(from, to);
}

async function isNamed(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

async function publish(
  path: string,
  data: Uint8Array | string,
  { mode = 0o644 }: WriteOptions,
  move: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeSynced(temporary, data, mode);
    await move(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw asWriteError(error, path);
  }
}

async function writeSynced(path: string, data: Uint8Array | string, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await setMode(file, mode);
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** FAT keeps no permissions, and says so in one of these ways: there a file has those of the mount. */
async function setMode(file: FileHandle, mode: number): Promise<void> {
  try {
    await file.chmod(mode);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
  }
}

async function isSame(path: string, data: Uint8Array): Promise<boolean> {
  const existing = await findFileBounded(path, { max: Math.max(data.length, 64 * 1024 * 1024) });
  if (existing === undefined) return false;
  if (existing.equals(data)) return true;
  throw nameTaken(path);
}

function nameTaken(path: string): ContentError {
  return new ContentError(`write ${path}: expected a free name or the same bytes, got other bytes under it`, {
    code: 'NAME_TAKEN',
    facts: { path },
  });
}

/**
 * One tar onto a medium, with what lies beside it: written, synced, read back, compared with the original, and with its
 * chunk list where there is one. A name on the medium that holds other bytes is left as it is.
 */
import { lstat, rename } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import {
  BundleError,
  CHUNK_SIZE,
  type ChunkHashes,
  chunkListPath,
  findChunkList,
  openBundle,
} from '../bundle/index.ts';
import { findFileBounded, isErrno, type Progress, silentProgress, syncDirectory } from '../content/index.ts';
import { checkSpace, nameTaken, openFolder, partialName, removeDrafts } from './folder.ts';
import { type ReadBackWay, readBack } from './read-back.ts';
import { fileSource } from './source.ts';
import { asUnreadable } from './unreadable.ts';
import { readable, type Written, writeProven } from './write-proven.ts';

export interface CopyOptions {
  /** Path of the tar. */
  readonly bundle: string;
  /** The medium; made when only its last folder is missing. */
  readonly dir: string;
  /** @default silentProgress */
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A file that was copied, or was there. */
export interface CopiedFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
  readonly action: 'written' | 'same';
}

export interface CopyResult {
  readonly dir: string;
  readonly files: readonly CopiedFile[];
  /** That were written. */
  readonly bytes: number;
  /** `cached` when the file system did not let the system's memory be passed by: see `warnings`. */
  readonly readBack: ReadBackWay;
  readonly warnings: readonly string[];
}

/** What is said where a medium could only be read through the system's memory. */
export const CACHED_WARNING =
  'read back through the memory of this computer: to be sure, take the medium out, put it in again and run `sha256sum -c`, or `ferry verify`';
const NO_LIST = 'no chunk list beside the bundle: the copy was compared with the original alone';
/** A chunk list of 2 TiB. */
const MAX_LIST_BYTES = 40 * 1024 * 1024;

/**
 * Copies a tar that ferry wrote.
 * @throws {BundleError} when it is none, or not as its chunk list says; {MediaError} `READ_BACK`,
 * `MEDIUM_FOLDER_MISSING`; {ContentError} `NO_SPACE`, `FAT_LIMIT`, `NAME_TAKEN` and what a place refuses
 */
export async function copyBundle(options: CopyOptions): Promise<CopyResult> {
  const { bundle: from, progress = silentProgress, signal } = options;
  const dir = resolve(options.dir);
  const size = await sizeOf(from);
  const list = await findChunkList(from, size);
  const sidecar = await findSidecar(from);
  await openFolder(dir);
  await removeDrafts(dir, [basename(from), ...(sidecar ? [sidecar.name] : [])]);
  const main = { from, dir, size, progress, signal };
  const copied = [await copyOne({ ...main, list })];
  if (sidecar) copied.push(await copyOne({ ...main, ...sidecar, list: undefined, isHint: true }));
  const ways = copied.map(({ way }) => way);
  const files = copied.map(({ way: _, ...file }) => file);
  return {
    dir,
    files,
    bytes: files.reduce((sum, file) => sum + (file.action === 'written' ? file.size : 0), 0),
    readBack: ways.includes('cached') ? 'cached' : 'direct',
    warnings: [...(list === undefined ? [NO_LIST] : []), ...(ways.includes('cached') ? [CACHED_WARNING] : [])],
  };
}

/** The structure of the tar is looked at too: nobody wants a good copy of half a file. */
async function sizeOf(path: string): Promise<number> {
  try {
    const bundle = await openBundle(path);
    await bundle.close();
    return bundle.size;
  } catch (error) {
    throw asUnreadable(error, path);
  }
}

async function findSidecar(bundle: string): Promise<{ from: string; name: string; size: number } | undefined> {
  const from = chunkListPath(bundle);
  const bytes = from === undefined ? undefined : await findFileBounded(from, { max: MAX_LIST_BYTES });
  return from === undefined || bytes === undefined ? undefined : { from, name: basename(from), size: bytes.length };
}

interface One {
  readonly from: string;
  readonly dir: string;
  readonly size: number;
  readonly list: { readonly chunks: readonly string[] } | undefined;
  /** A sidecar may be replaced: it authorises nothing. @default false */
  readonly isHint?: boolean;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

async function copyOne(one: One): Promise<CopiedFile & { way: ReadBackWay }> {
  const { from, dir, size, list, isHint = false, progress, signal } = one;
  const name = basename(from);
  const path = join(dir, name);
  const there = await sizeAt(path);
  if (there !== undefined && !isHint) return { name, size, ...(await compare(one, path, there)), action: 'same' };
  await checkSpace(dir, [{ name, size }]);
  const partial = join(dir, partialName(name));
  const check = (hashes: ChunkHashes) => checkList(from, hashes, list);
  const written = await writeProven(fileSource(from, size), { partial, path, check, progress, signal });
  await rename(partial, path);
  await syncDirectory(dirname(path));
  return { name, size, sha256: written.sha256, way: written.way, action: 'written' };
}

async function sizeAt(path: string): Promise<number | undefined> {
  try {
    // a link to the original would be the very same, and lead nowhere at the site
    const found = await lstat(path);
    return found.isFile() ? found.size : -1;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Both are read: what is there must be this file, byte for byte. @throws {ContentError} `NAME_TAKEN` */
async function compare(
  { from, size, list, progress, signal }: One,
  path: string,
  there: number,
): Promise<Pick<Written, 'sha256' | 'way'>> {
  if (there !== size) throw nameTaken(path, 'another file under it');
  progress.phase('compare', 2 * size);
  const advance = (bytes: number) => progress.advance(bytes);
  const original = await readBack(from, { advance, signal });
  checkList(from, original, list);
  const copy = await readable(path, () => readBack(path, { advance, signal }));
  if (copy.sha256 !== original.sha256) throw nameTaken(path, 'other bytes under it');
  return copy;
}

/** @throws {BundleError} `DAMAGED` naming the first chunk of the original that is not as it was written */
export function checkList(
  from: string,
  { chunks }: { readonly chunks: readonly string[] },
  list: { readonly chunks: readonly string[] } | undefined,
): void {
  const at = list?.chunks.findIndex((hex, chunk) => chunks[chunk] !== hex) ?? -1;
  if (at < 0) return;
  const offset = at * CHUNK_SIZE;
  throw new BundleError(`copy ${from}: offset ${offset}: expected the bytes of its chunk list, got others`, {
    code: 'DAMAGED',
    facts: { path: from, offset, length: CHUNK_SIZE },
  });
}

/**
 * One file of a kit on its medium: left when it is there already, byte for byte; written and read back under a hidden
 * name when not. What another kit has left under the name may be replaced, what is anybody else's never.
 */
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChunkHashes, findChunkList, openBundle, proveContents, verifyBundle } from '../bundle/index.ts';
import { isErrno, type Progress, readAt, silentProgress } from '../content/index.ts';
import { parseReleaseDocument } from '../manifest/index.ts';
import { checkList } from './copy.ts';
import { nameTaken, partialName } from './folder.ts';
import { type ReadBackWay, readBack } from './read-back.ts';
import { startSum } from './sums.ts';
import { readable, type Source, writeProven } from './write-proven.ts';

/** A file that is to lie on the medium. */
export interface KitFile {
  readonly name: string;
  readonly size: number;
  /** @default 0o644 */
  readonly mode?: number;
  /** Absent: it lies there, and is read. */
  readonly source?: Source;
  /** Judges the hashes of the source, or of what lies there. @default nothing */
  readonly check?: (hashes: ChunkHashes) => void;
  /** Whether a file that begins so is a former kit's, to be replaced. @default never */
  readonly isOurs?: (head: Buffer) => boolean;
}

/** A file that is on the medium, under its own name or, when `isDraft`, still under its hidden one. */
export interface LaidFile extends ChunkHashes {
  readonly name: string;
  readonly size: number;
  readonly way: ReadBackWay;
  readonly action: 'written' | 'replaced' | 'same';
  readonly isDraft: boolean;
}

export interface LayOptions {
  readonly dir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** Of a file that is there, so much is looked at to know whose it is. */
const HEAD = 4096;
/** Bytes that take long enough to be told of. */
const WORTH_A_WORD = 1024 * 1024;

/** Whether a file's name is free, has a file of a kit, or the very size that it is to have. */
export async function lookAt(
  { name, size, isOurs }: Pick<KitFile, 'name' | 'size' | 'isOurs'>,
  dir: string,
): Promise<'absent' | 'same-size' | 'ours'> {
  const path = join(dir, name);
  const found = await lstat(path).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (found === undefined) return 'absent';
  if (!found.isFile()) throw nameTaken(path, 'something that is no file');
  if (found.size === size) return 'same-size';
  if (isOurs?.(await headOf(path))) return 'ours';
  throw nameTaken(path, "another's file under it");
}

/** Lays one down. @throws as `writeProven`, and {ContentError} `NAME_TAKEN` */
export async function layFile(file: KitFile, { dir, signal, ...options }: LayOptions): Promise<LaidFile> {
  const { name, size, mode, source, check, isOurs } = file;
  const progress = size < WORTH_A_WORD ? silentProgress : options.progress;
  const path = join(dir, name);
  const look = await lookAt(file, dir);
  if (look === 'same-size') {
    progress.phase(source === undefined ? 'read back' : 'compare', size);
    const advance = (bytes: number) => progress.advance(bytes);
    const there = await readable(path, () => readBack(path, { advance, signal }));
    if (source === undefined) check?.(there);
    if (source === undefined || (await sumOf(source)).sha256 === there.sha256) {
      return { ...there, name, action: 'same', isDraft: false };
    }
    if (!isOurs?.(await headOf(path))) throw nameTaken(path, 'other bytes under it');
  }
  if (source === undefined) throw new TypeError(`lay out: expected ${name} to lie there`);
  const partial = join(dir, partialName(name));
  const written = await writeProven(source, { partial, path, progress, signal, check, ...(mode && { mode }) });
  return { ...written, name, action: look === 'absent' ? 'written' : 'replaced', isDraft: true };
}

/**
 * How a tar is judged when it is read from front to back: by its chunk list. Without one it is read once more before, by
 * what was signed. @throws {BundleError} `DAMAGED` with what is bad
 */
export async function tarCheck(
  path: string,
  { size, progress, signal }: Pick<LayOptions, 'progress' | 'signal'> & { readonly size: number },
): Promise<(hashes: ChunkHashes) => void> {
  const list = await findChunkList(path, size);
  if (list !== undefined) return (hashes) => checkList(path, hashes, list);
  const bundle = await openBundle(path);
  try {
    const release = bundle.releaseBytes && parseReleaseDocument(bundle.releaseBytes);
    await verifyBundle(bundle, await proveContents(bundle, release), { progress, ...(signal && { signal }) });
  } finally {
    await bundle.close();
  }
  return () => undefined;
}

async function sumOf(source: Source): Promise<ChunkHashes> {
  const sum = startSum();
  for await (const bytes of source.open()) sum.update(bytes);
  return sum.finish();
}

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    return await readAt(file, { offset: 0, length: HEAD });
  } finally {
    await file.close();
  }
}

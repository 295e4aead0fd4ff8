/**
 * Writes one file onto a medium under a hidden name, and believes it only after it was read back: hashed while it is
 * written, brought to the disk, read from there, compared chunk by chunk. Whoever calls gives it its name by a rename,
 * so a file that has its name has been read back.
 */
import { type FileHandle, open as openFile, rm } from 'node:fs/promises';
import { CHUNK_SIZE, type ChunkHashes } from '../bundle/index.ts';
import { asWriteError, isErrno, isMediumFailure, type Progress } from '../content/index.ts';
import { MediaError } from './error.ts';
import { nameTaken } from './folder.ts';
import { type ReadBackWay, readBack, readChunkAgain } from './read-back.ts';
import { startSum } from './sums.ts';

/** The bytes of a file that is to be written. */
export interface Source {
  readonly size: number;
  /** From the first byte; throws when they are not what they should be. */
  open(): AsyncIterable<Uint8Array>;
}

export interface WriteProvenOptions {
  /** Hidden; replaced when it is there. */
  readonly partial: string;
  /** How people know the file, in errors. */
  readonly path: string;
  /** Where the medium keeps modes. @default 0o644 */
  readonly mode?: number;
  /** Judges what was read of the source, before it is read back. @default nothing */
  readonly check?: ((hashes: ChunkHashes) => void) | undefined;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** What is on the medium. */
export interface Written extends ChunkHashes {
  readonly size: number;
  readonly way: ReadBackWay;
}

/** So much is written before the disk is waited for: what is left to the end would have to wait all at once. */
const SYNC_EVERY = 32 * 1024 * 1024;

/**
 * Writes and reads back. Nothing is left behind on failure.
 * @throws {MediaError} `READ_BACK`; {ContentError} `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE`, `WRITE_FAILED`; what the
 * source throws; the signal's reason.
 */
export async function writeProven(source: Source, options: WriteProvenOptions): Promise<Written> {
  const { partial, path, progress, signal } = options;
  try {
    progress.phase('write', source.size);
    const written = await write(source, options);
    options.check?.(written);
    progress.phase('read back', source.size);
    const way = await prove(partial, { path, written, progress, signal });
    return { ...written, size: source.size, way };
  } catch (error) {
    await rm(partial, { force: true }).catch(() => undefined); // a stick that fails need not obey in this either
    throw error;
  }
}

async function write(source: Source, options: WriteProvenOptions): Promise<ChunkHashes> {
  const { partial, path, mode = 0o644, progress, signal } = options;
  const file = await refused(path, () => openNew(partial, { path, mode }));
  try {
    const sum = startSum();
    let unsynced = 0;
    for await (const bytes of source.open()) {
      signal?.throwIfAborted();
      await refused(path, () => writeAll(file, bytes));
      sum.update(bytes);
      progress.advance(bytes.length);
      unsynced += bytes.length;
      if (unsynced < SYNC_EVERY) continue;
      await refused(path, () => file.datasync());
      unsynced = 0;
    }
    await refused(path, () => setMode(file, mode));
    await refused(path, () => file.sync());
    return sum.finish();
  } finally {
    await file.close().catch(() => undefined);
  }
}

/** New: through a link under this name root would write wherever somebody wants. @throws {ContentError} `NAME_TAKEN` */
async function openNew(partial: string, { path, mode }: { readonly path: string; readonly mode: number }) {
  const open = () => openFile(partial, 'wx', mode);
  const again = async (error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw error;
    await rm(partial, { force: true });
    return open();
  };
  return open()
    .catch(again)
    .catch((error: unknown) => {
      throw isErrno(error, 'EEXIST') ? nameTaken(path, 'something new under its hidden name') : error;
    });
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}

/** Whatever the umask; FAT keeps no modes, and says so in one of these ways. */
async function setMode(file: FileHandle, mode: number): Promise<void> {
  try {
    await file.chmod(mode);
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) throw error;
  }
}

/** Does it; what the place refuses is said in words. */
async function refused<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw asWriteError(error, path);
  }
}

interface Proof {
  readonly path: string;
  readonly written: ChunkHashes;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
}

async function prove(partial: string, { path, written, progress, signal }: Proof): Promise<ReadBackWay> {
  const advance = (bytes: number) => progress.advance(bytes);
  const { way, chunks } = await readable(path, () => readBack(partial, { advance, signal }));
  for (const [at, expected] of written.chunks.entries()) {
    if (chunks[at] === expected) continue;
    if ((await readable(path, () => readChunkAgain(partial, at))) !== expected) throw differs(path, at);
  }
  if (chunks.length > written.chunks.length) throw differs(path, written.chunks.length);
  return way;
}

/** Reads; what the medium fails to give is a copy that is no good. @throws {MediaError} `READ_BACK` */
export async function readable<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isMediumFailure(cause)) throw cause;
    throw new MediaError(`read back ${path}: expected the bytes that were written, got ${cause.code}`, {
      code: 'READ_BACK',
      cause,
      facts: { path },
    });
  }
}

function differs(path: string, chunk: number): MediaError {
  const offset = chunk * CHUNK_SIZE;
  return new MediaError(`read back ${path}: offset ${offset}: expected the bytes that were written, got others`, {
    code: 'READ_BACK',
    facts: { path, offset, length: CHUNK_SIZE },
  });
}

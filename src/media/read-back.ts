/**
 * Reads what was written back from the medium itself. The system still holds the bytes in its cache, and would give
 * those: O_DIRECT goes past it, into memory that begins at a page, as it wants. Where a file system does not take that,
 * the system is asked to forget the file, which it may or may not have done: so the way is always told.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { CHUNK_SIZE, type ChunkHashes } from '../bundle/index.ts';
import { isErrno, runProgram } from '../content/index.ts';
import { startSum } from './sums.ts';

/** `direct`: from the medium. `cached`: perhaps from the system's memory. */
export type ReadBackWay = 'direct' | 'cached';

/** What a medium gave. */
export interface ReadBack extends ChunkHashes {
  readonly way: ReadBackWay;
  readonly size: number;
}

export interface ReadBackOptions {
  readonly advance?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Alignment that every block device is content with. */
const BLOCK = 4096;
const DD_MS = 60_000;

/** Reads a file to its end. @throws what the system says of a medium that fails, as `EIO` */
export async function readBack(path: string, options: ReadBackOptions = {}): Promise<ReadBack> {
  const { file, way } = await openPastCache(path);
  try {
    const { size } = await file.stat();
    const sum = startSum();
    const memory = alignedMemory();
    let at = 0;
    for (;;) {
      const bytes = await fill(file, memory, { at, end: size });
      if (bytes.length === 0) break;
      sum.update(bytes);
      at += bytes.length;
      options.advance?.(bytes.length);
      options.signal?.throwIfAborted();
    }
    return { ...sum.finish(), way, size: at };
  } finally {
    await file.close();
  }
}

/** The hash of one chunk, read once more: a bad contact may have been to blame. @throws as {@link readBack} */
export async function readChunkAgain(path: string, chunk: number): Promise<string | undefined> {
  const { file } = await openPastCache(path);
  try {
    const at = chunk * CHUNK_SIZE;
    const { size } = await file.stat();
    const sum = startSum();
    sum.update(await fill(file, alignedMemory(), { at, end: size }));
    return sum.finish().chunks[0];
  } finally {
    await file.close();
  }
}

async function openPastCache(path: string): Promise<{ file: FileHandle; way: ReadBackWay }> {
  // Windows has no such flag, and its `constants` then no such name
  const direct: number | undefined = constants.O_DIRECT;
  if (direct !== undefined) {
    try {
      return { file: await open(path, constants.O_RDONLY | direct), way: 'direct' };
    } catch (error) {
      if (!isErrno(error, 'EINVAL', 'ENOTSUP')) throw error;
    }
  }
  await askToForget(path);
  return { file: await open(path, 'r'), way: 'cached' };
}

/** coreutils' dd asks with posix_fadvise(2), which Node.js does not have. Without dd, or refused: then not. */
async function askToForget(path: string): Promise<void> {
  const env = { PATH: '/usr/bin:/bin' };
  await runProgram(['dd', `if=${path}`, 'iflag=nocache', 'count=0'], { env, timeoutMs: DD_MS }).catch(() => undefined);
}

/** The little that is used of it; its types come with those of browsers, which are not here. */
declare const WebAssembly: { readonly Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer } };

/** A chunk's worth of memory that begins at a page, as none that Node.js gives does. */
function alignedMemory(): Buffer {
  return Buffer.from(new WebAssembly.Memory({ initial: CHUNK_SIZE / 65_536 }).buffer);
}

/** A chunk, or what is left before the end. Direct reads are known to come short in the middle of a file. */
async function fill(
  file: FileHandle,
  memory: Buffer,
  { at, end }: { readonly at: number; readonly end: number },
): Promise<Buffer> {
  const wanted = Math.max(0, Math.min(memory.length, end - at));
  let filled = 0;
  while (filled < wanted) {
    const from = filled - (filled % BLOCK); // goes on where a block begins
    const { bytesRead } = await file.read(memory, from, memory.length - from, at + from);
    if (from + bytesRead <= filled) break; // shorter than it said
    filled = from + bytesRead;
  }
  return memory.subarray(0, Math.min(filled, wanted));
}

/**
 * Writes a planned tar: the file gets its full size first, then everything goes straight to its place, blobs in
 * parallel; `tuf/`, without which nobody takes it for a bundle, comes last (DESIGN 8). It never renames: a partial
 * stays where it is, and the next run keeps what is right in it. Memory does not depend on the size.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { asWriteError, type Progress, readAt, silentProgress, verified } from '../content/index.ts';
import { END_SIZE, endOf, padding, tarHeader } from '../layout/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { hashChunks } from './chunk-worker.ts';
import { CHUNK_SIZE, type ChunkHashes } from './chunks.ts';
import { inParallel } from './parallel.ts';
import { openRegion, placeEntry, type Written, writeAt } from './place.ts';
import type { BundleFile, BundlePlan, EntrySource, PlannedEntry } from './plan.ts';
import { presize } from './presize.ts';
import { hashRange, RangeCutOff } from './range.ts';
import { startWriteBack } from './write-back.ts';

export interface WriteBundleOptions {
  /** The partial: made when it is not there. */
  readonly path: string;
  /**
   * The bytes of a blob of the image of this name. It throws before it gives the last chunk of wrong bytes, as
   * `content/verified` does: they are not hashed here again.
   */
  readonly fetchBlob: (descriptor: Descriptor, image: string, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /**
   * Frees the memory of a blob's chunk as soon as it is written, where the chunk has it for itself: so the memory of a
   * long export stays flat. Whoever gives the chunks must not touch one again. @default false
   */
  readonly releaseChunks?: boolean;
  /** The bytes of a file of the release or of a site. */
  readonly openFile: (file: BundleFile) => AsyncIterable<Uint8Array>;
  /** Blobs and files under way at once; one on FAT and exFAT, where a file only grows from its end. @default 6 */
  readonly concurrency?: number;
  /** @default silentProgress */
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Blobs that a former run finished: each is hashed where it lies, and fetched only when wrong. @default none */
  readonly keep?: ReadonlySet<Digest>;
  /** Runs when all bytes are in the file, while the disk is waited for: to read it again costs nothing then. */
  readonly whileSyncing?: () => Promise<void>;
  /** A fetched blob is in its place. Awaited. */
  readonly onDone?: (digest: Digest) => void | Promise<void>;
}

/**
 * Writes the tar and fsyncs it. The same plan gives the same bytes. After a failure the partial stays.
 * @returns the hashes for its chunk list
 * @throws {BundleError} `SOURCE_SIZE`; {ContentError} `NO_SPACE`, `READ_ONLY`, `NOT_WRITABLE`; what a source throws;
 * the signal's reason.
 */
export async function writeBundle(plan: BundlePlan, options: WriteBundleOptions): Promise<ChunkHashes> {
  const { path } = options;
  try {
    const hashes = await withFile(path, constants.O_RDWR | constants.O_CREAT, (file) => write(file, plan, options));
    return hashes ?? (await withFile(path, constants.O_RDONLY, (file) => hashWritten(file, plan.size, options)));
  } catch (error) {
    // a file of the release that can't be read carries its own path: that is not about ours
    const { path: other = path } = error as NodeJS.ErrnoException;
    throw other === path ? asWriteError(error, path) : error;
  }
}

async function withFile<T>(path: string, flags: number, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags, 0o644);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

/** Writes all, and hashes it meanwhile where that pays and a file can be written at any place; else answers `undefined`. */
async function write(
  file: FileHandle,
  plan: BundlePlan,
  options: WriteBundleOptions,
): Promise<ChunkHashes | undefined> {
  const { path, progress = silentProgress } = options;
  const head = bytesOf(plan.entries.filter(({ headerOffset }) => headerOffset < plan.tufSize));
  const isAnyOrder = await presize(file, { path, size: plan.size });
  const hashing = isAnyOrder && plan.size > CHUNK_SIZE ? hashChunks({ fd: file.fd, size: plan.size, head }) : undefined;
  const writeBack = startWriteBack(file);
  const written: Written = (end, bytes) => {
    hashing?.written(end, bytes);
    writeBack.written(bytes);
    progress.advance(bytes);
  };
  try {
    progress.phase('write', plan.size);
    hashing?.written(head.length, head.length); // its bytes were handed over
    await putAt(file, 0, Buffer.alloc(head.length)); // until the end it is no bundle, also where no hole is possible
    await writeBody(file, plan, { ...options, ...(isAnyOrder ? {} : { concurrency: 1 }), written });
    await writeAt(file, 0, head);
    progress.advance(head.length);
    await Promise.all([writeBack.finished(), options.whileSyncing?.()]);
    return await hashing?.finished();
  } finally {
    await writeBack.settled();
    await hashing?.close();
  }
}

/** The hashes of a file that is there as a whole. @throws the signal's reason */
async function hashWritten(
  file: FileHandle,
  size: number,
  { signal }: Pick<WriteBundleOptions, 'signal'>,
): Promise<ChunkHashes> {
  if (size <= CHUNK_SIZE) return hashOneChunk(file, size);
  const hashing = hashChunks({ fd: file.fd, size, head: Buffer.of() });
  const stop = () => void hashing.close();
  signal?.addEventListener('abort', stop);
  try {
    hashing.written(size, size);
    signal?.throwIfAborted();
    return await hashing.finished();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', stop);
    await hashing.close();
  }
}

/** A catalogue, an overlay: to hash it takes less than to start a thread. */
async function hashOneChunk(file: FileHandle, size: number): Promise<ChunkHashes> {
  const bytes = await readAt(file, { offset: 0, length: size });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { sha256, chunks: [sha256] };
}

/** Entries that are written one behind the other, in one go: all small ones between two large ones, or a large one. */
interface Run {
  readonly offset: number;
  readonly end: number;
  readonly entries: readonly PlannedEntry[];
}

interface BodyOptions extends WriteBundleOptions {
  readonly written: Written;
}

async function writeBody(file: FileHandle, plan: BundlePlan, options: BodyOptions): Promise<void> {
  const { concurrency = 6, signal, written } = options;
  await inParallel(runsOf(plan), { concurrency, signal }, (run, stop) =>
    writeRun(file, run, { ...options, signal: stop }),
  );
  await writeAt(file, plan.size - END_SIZE, Buffer.alloc(END_SIZE));
  written(plan.size, END_SIZE);
}

function runsOf(plan: BundlePlan): Run[] {
  const runs: { offset: number; end: number; entries: PlannedEntry[] }[] = [];
  for (const entry of plan.entries) {
    if (entry.headerOffset < plan.tufSize) continue;
    const last = runs.at(-1);
    if (last !== undefined && entry.source.kind === 'bytes' && last.entries[0]?.source.kind === 'bytes') {
      last.entries.push(entry);
      last.end = endOf(entry);
    } else {
      runs.push({ offset: entry.headerOffset, end: endOf(entry), entries: [entry] });
    }
  }
  return runs;
}

interface RunOptions extends WriteBundleOptions {
  readonly signal: AbortSignal;
  readonly written: Written;
}

async function writeRun(file: FileHandle, run: Run, options: RunOptions): Promise<void> {
  const [entry] = run.entries as [PlannedEntry];
  if (entry.source.kind !== 'bytes') return writeLarge(file, entry, { ...options, source: entry.source });
  await putAt(file, run.offset, bytesOf(run.entries));
  options.written(run.end, run.end - run.offset);
}

interface LargeOptions extends RunOptions {
  readonly source: Exclude<EntrySource, { kind: 'bytes' }>;
}

async function writeLarge(file: FileHandle, entry: PlannedEntry, options: LargeOptions): Promise<void> {
  const { source, signal, written, keep, onDone, releaseChunks = false } = options;
  const digest = source.kind === 'blob' ? source.descriptor.digest : undefined;
  if (digest !== undefined && keep?.has(digest) && (await isKept(file, entry, { digest, signal, written }))) return;
  const region = openRegion(file, entry.headerOffset, {
    written,
    releaseChunks: releaseChunks && digest !== undefined,
  });
  await placeEntry(entry, { region, body: bodyOf(options) });
  await region.flush();
  signal.throwIfAborted();
  if (digest !== undefined) await onDone?.(digest);
}

function bodyOf({ source, fetchBlob, openFile, signal }: LargeOptions): AsyncIterable<Uint8Array> {
  if (source.kind === 'blob') return fetchBlob(source.descriptor, source.image, signal);
  return verified(openFile(source.file), source.file);
}

/** Whether a blob of a former run lies in its place; then what stands around it is made right. */
async function isKept(
  file: FileHandle,
  entry: PlannedEntry,
  { digest, signal, written }: { digest: Digest; signal: AbortSignal; written: Written },
): Promise<boolean> {
  const { name, size, headerOffset, dataOffset } = entry;
  if ((await findDigest(file, entry, signal)) !== digest) return false;
  await putAt(file, headerOffset, tarHeader(name, size));
  await putAt(file, dataOffset + size, Buffer.alloc(padding(size)));
  written(endOf(entry), endOf(entry) - headerOffset);
  return true;
}

/** Writes these bytes unless they are there: what a former run has put in its place is left alone. */
async function putAt(file: FileHandle, position: number, bytes: Buffer): Promise<void> {
  const there = await readAt(file, { offset: position, length: bytes.length });
  if (!there.equals(bytes)) await writeAt(file, position, bytes);
}

/** The digest of what lies in an entry's place; `undefined` when the file ends before. */
async function findDigest(
  file: FileHandle,
  { dataOffset, size }: PlannedEntry,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  try {
    return await hashRange(file, { offset: dataOffset, length: size }, { signal });
  } catch (error) {
    if (error instanceof RangeCutOff) return undefined;
    throw error;
  }
}

function bytesOf(entries: readonly PlannedEntry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ name, size, source }) => {
      if (source.kind !== 'bytes') throw new TypeError(`expected the bytes of ${name} at hand`);
      return [tarHeader(name, size), source.bytes, Buffer.alloc(padding(size))];
    }),
  );
}

/**
 * Writes a planned tar: the file gets its full size first, then everything goes straight to its place, blobs in
 * parallel; `tuf/`, without which nobody takes it for a bundle, comes last (DESIGN 8). It never renames: a partial
 * stays where it is, and the next run keeps what is right in it. Memory does not depend on the size.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { asWriteError, type Progress, silentProgress, verified } from '../content/index.ts';
import { END_SIZE, endOf, padding, tarHeader } from '../layout/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { type ChunkHashing, hashChunks } from './chunk-worker.ts';
import type { ChunkHashes } from './chunks.ts';
import { inParallel } from './parallel.ts';
import { openRegion, placeEntry, type Written } from './place.ts';
import type { BundleFile, BundlePlan, PlannedEntry } from './plan.ts';
import { hashRange } from './range.ts';

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
  /** Blobs and files under way at once. @default 6 */
  readonly concurrency?: number;
  /** @default silentProgress */
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Blobs that a former run finished: each is hashed where it lies, and fetched only when wrong. @default none */
  readonly keep?: ReadonlySet<Digest>;
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
  const { path, keep, progress = silentProgress } = options;
  try {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
    try {
      if (keep === undefined || keep.size === 0) await file.truncate(0);
      await file.truncate(plan.size);
      progress.phase('write', plan.size);
      return await writeHashed(file, plan, options);
    } finally {
      await file.close();
    }
  } catch (error) {
    // a file of the release that can't be read carries its own path: that is not about ours
    const { path: other = path } = error as NodeJS.ErrnoException;
    throw other === path ? asWriteError(error, path) : error;
  }
}

async function writeHashed(file: FileHandle, plan: BundlePlan, options: WriteBundleOptions): Promise<ChunkHashes> {
  const head = bytesOf(plan.entries.filter(({ headerOffset }) => headerOffset < plan.tufSize));
  const hashing = hashChunks({ fd: file.fd, size: plan.size, head });
  try {
    hashing.written(head.length, head.length);
    await writeBody(file, plan, { ...options, hashing });
    const write = openRegion(file, 0, { written: (_offset, bytes) => options.progress?.advance(bytes) });
    await write.write(head);
    await write.flush();
    await file.sync();
    return await hashing.finished();
  } finally {
    await hashing.close();
  }
}

/** Entries that are written one behind the other, in one go: all small ones between two large ones, or a large one. */
interface Run {
  readonly offset: number;
  readonly end: number;
  readonly entries: readonly PlannedEntry[];
}

interface BodyOptions extends WriteBundleOptions {
  readonly hashing: ChunkHashing;
}

async function writeBody(file: FileHandle, plan: BundlePlan, options: BodyOptions): Promise<void> {
  const { concurrency = 6, signal, progress = silentProgress, hashing } = options;
  const written: Written = (end, bytes) => {
    hashing.written(end, bytes);
    progress.advance(bytes);
  };
  await inParallel(runsOf(plan), { concurrency, signal }, (run, stop) =>
    writeRun(file, run, { ...options, signal: stop, written }),
  );
  const end = openRegion(file, plan.size - END_SIZE, { written });
  await end.write(Buffer.alloc(END_SIZE));
  await end.flush();
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
  const { signal, written, keep, onDone, releaseChunks = false } = options;
  const [{ source }] = run.entries as [PlannedEntry];
  const digest = source.kind === 'blob' ? source.descriptor.digest : undefined;
  if (digest !== undefined && keep?.has(digest) && (await isKept(file, run, { digest, signal, written }))) return;
  const region = openRegion(file, run.offset, { written, releaseChunks: releaseChunks && digest !== undefined });
  for (const entry of run.entries) await placeEntry(entry, { region, body: bodyOf(entry, options) });
  await region.flush();
  signal.throwIfAborted();
  if (digest !== undefined) await onDone?.(digest);
}

function bodyOf({ source }: PlannedEntry, { fetchBlob, openFile, signal }: RunOptions): AsyncIterable<Uint8Array> {
  switch (source.kind) {
    case 'bytes':
      return only(source.bytes);
    case 'file':
      return verified(openFile(source.file), source.file);
    case 'blob':
      return fetchBlob(source.descriptor, source.image, signal);
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Whether a blob of a former run lies in its place; then what stands around it is written again. */
async function isKept(
  file: FileHandle,
  { offset, end, entries }: Run,
  { digest, signal, written }: { digest: Digest; signal: AbortSignal; written: Written },
): Promise<boolean> {
  const [entry] = entries as [PlannedEntry];
  if ((await hashRange(file, { offset: entry.dataOffset, length: entry.size }, { signal })) !== digest) return false;
  const header = openRegion(file, offset);
  await header.write(tarHeader(entry.name, entry.size));
  await header.flush();
  const zeros = openRegion(file, entry.dataOffset + entry.size);
  await zeros.write(Buffer.alloc(padding(entry.size)));
  await zeros.flush();
  written(end, end - offset);
  return true;
}

function bytesOf(entries: readonly PlannedEntry[]): Buffer {
  return Buffer.concat(
    entries.flatMap(({ name, size, source }) => {
      if (source.kind !== 'bytes') throw new TypeError(`expected the bytes of ${name} at hand`);
      return [tarHeader(name, size), source.bytes, Buffer.alloc(padding(size))];
    }),
  );
}

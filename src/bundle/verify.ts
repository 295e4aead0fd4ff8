/**
 * Reads every byte of layers and files, once, with all cores, and names all that is bad. Headers, padding and
 * documents have been proven before (open.ts, prove.ts). Where a chunk list lies beside the tar, it narrows a bad
 * layer down to the chunk; it can't make a bad one good (FORMAT §5).
 */
import { availableParallelism } from 'node:os';
import { type Progress, silentProgress } from '../content/index.ts';
import { type Digest, digestHex } from '../oci/index.ts';
import { CHUNK_SIZE, type ChunkList, findChunkList } from './chunks.ts';
import { imageOf } from './compare.ts';
import { type Damage, damaged } from './error.ts';
import { hashRanges, type RangeResult } from './hash-lanes.ts';
import type { PlannedEntry } from './plan.ts';
import type { BundleContents } from './prove.ts';
import { hashRange } from './range.ts';
import type { Bundle } from './reader.ts';

export interface VerifyBundleOptions {
  /** @default silentProgress */
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
  /** Lanes at most. @default one for each core */
  readonly threads?: number;
}

/**
 * Verifies the bytes that `proveContents` left.
 * @throws {BundleError} `DAMAGED` once all has been read, with every bad part in `damages`; the signal's reason.
 */
export async function verifyBundle(
  bundle: Bundle,
  contents: BundleContents,
  { progress = silentProgress, signal, threads = availableParallelism() }: VerifyBundleOptions = {},
): Promise<void> {
  const entries = contents.plan.entries.filter(({ source }) => source.kind !== 'bytes');
  const ranges = entries.map(({ dataOffset, size }) => ({ offset: dataOffset, length: size }));
  progress.phase(
    'verify',
    entries.reduce((sum, { size }) => sum + size, 0),
  );
  const advance = (bytes: number) => progress.advance(bytes);
  const results = await hashRanges(bundle.file, ranges, { threads, advance, signal });
  const bad = entries.flatMap((entry, at) => judge(entry, results[at] as RangeResult));
  if (bad.length === 0) return;
  const chunks = await findChunkList(bundle.path, bundle.size).catch(() => undefined);
  const damages: Damage[] = [];
  for (const { entry, why } of bad) damages.push({ ...(await locate(bundle, entry, chunks)), why });
  throw damaged('verify bundle', damages);
}

function judge(entry: PlannedEntry, result: RangeResult): { entry: PlannedEntry; why: string }[] {
  const expected = digestOf(entry);
  if ('unreadable' in result) return [{ entry, why: `expected ${expected}, got nothing: ${result.unreadable}` }];
  return result.digest === expected ? [] : [{ entry, why: `expected ${expected}, got ${result.digest}` }];
}

function digestOf({ name, source }: PlannedEntry): Digest {
  if (source.kind === 'bytes') throw new TypeError(`expected a layer or a file, got ${name}`);
  return source.kind === 'blob' ? source.descriptor.digest : source.file.digest;
}

/** Where in the file the damage is: the first run of bad chunks inside the entry, else the whole of it. */
async function locate(
  bundle: Bundle,
  entry: PlannedEntry,
  chunks: ChunkList | undefined,
): Promise<Omit<Damage, 'why'>> {
  const named = { entry: entry.name, ...imageOf(entry) };
  const [start, end] = [entry.dataOffset, entry.dataOffset + entry.size];
  const whole = { ...named, offset: start, length: entry.size };
  let from: number | undefined;
  for (let at = Math.floor(start / CHUNK_SIZE); chunks !== undefined && at * CHUNK_SIZE < end; at++) {
    const good = await isChunkGood(bundle, at, chunks.chunks[at]);
    if (!good) from ??= at * CHUNK_SIZE;
    else if (from !== undefined) return narrowed(whole, from, at * CHUNK_SIZE);
  }
  return from === undefined ? whole : narrowed(whole, from, end);
}

function narrowed(whole: Omit<Damage, 'why'> & { offset: number; length: number }, from: number, to: number) {
  const offset = Math.max(whole.offset, from);
  return { ...whole, offset, length: Math.min(whole.offset + whole.length, to) - offset };
}

async function isChunkGood(bundle: Bundle, at: number, expected: string | undefined): Promise<boolean> {
  const offset = at * CHUNK_SIZE;
  const length = Math.min(CHUNK_SIZE, bundle.size - offset);
  const digest = await hashRange(bundle.file, { offset, length }).catch(() => undefined);
  return digest !== undefined && digestHex(digest) === expected;
}

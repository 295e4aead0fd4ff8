/**
 * The small entries that are held in memory while a tar is open: trust metadata, `release.json`, the sites' documents.
 * Each has a bound that is judged by its header, before one byte of it is read.
 */
import type { FileHandle } from 'node:fs/promises';
import type { TarEntry } from '../layout/index.ts';
import {
  MAX_ROOT_BYTES,
  MAX_ROOTS,
  MAX_SNAPSHOT_BYTES,
  MAX_TARGETS_BYTES,
  MAX_TIMESTAMP_BYTES,
} from '../trust/index.ts';
import { type Damage, damaged } from './error.ts';
import { type BundleEntry, type EntryPart, parseEntryName } from './names.ts';
import { readRange } from './range.ts';

/** The largest `release.json` that is read. */
export const MAX_RELEASE_BYTES = 64 * 1024 * 1024;
/** The largest `site-files.json` that is read. */
export const MAX_SITE_DOCUMENT_BYTES = 1024 * 1024;
/** All that is read into memory at once when a tar is opened. */
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;

const MAX_BYTES: Readonly<Partial<Record<EntryPart['part'], number>>> = {
  root: MAX_ROOT_BYTES,
  timestamp: MAX_TIMESTAMP_BYTES,
  snapshot: MAX_SNAPSHOT_BYTES,
  targets: MAX_TARGETS_BYTES,
  release: MAX_RELEASE_BYTES,
  'site-document': MAX_SITE_DOCUMENT_BYTES,
};

/** All of them by name. @throws {BundleError} `DAMAGED` when one is too large, or all together are */
export async function readSmall(
  file: FileHandle,
  entries: readonly BundleEntry[],
): Promise<ReadonlyMap<string, Buffer>> {
  const wanted = entries.filter(({ is }) => MAX_BYTES[is.part] !== undefined);
  const large = wanted.find(({ is, size }) => size > (MAX_BYTES[is.part] ?? 0));
  if (large !== undefined) throw damaged('open bundle', [tooLarge(large, MAX_BYTES[large.is.part] ?? 0)]);
  const total = wanted.reduce((sum, { size }) => sum + size, 0);
  const roots = wanted.filter(({ is }) => is.part === 'root').length;
  if (total > MAX_TOTAL_BYTES || roots > MAX_ROOTS) {
    const why = `expected at most ${MAX_ROOTS} roots and ${MAX_TOTAL_BYTES} bytes of documents, got ${roots} and ${total}`;
    throw damaged('open bundle', [{ why }]);
  }
  const small = new Map<string, Buffer>();
  for (const entry of wanted) small.set(entry.name, await readBody(file, entry));
  return small;
}

/** The body of one of them. @throws {RangeError} when it is none or too large */
export async function readBody(file: FileHandle, { name, size, dataOffset }: TarEntry): Promise<Buffer> {
  const is = parseEntryName(name);
  if (size > (MAX_BYTES[is?.part ?? 'blob'] ?? 0)) throw new RangeError(`expected a small entry, got ${name}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readRange(file, { offset: dataOffset, length: size })) chunks.push(chunk);
  return Buffer.concat(chunks, size);
}

/** What is wrong with an entry that is larger than a reader will hold. */
export function tooLarge({ name, headerOffset, size }: TarEntry, max: number): Damage {
  return { entry: name, offset: headerOffset, why: `expected at most ${max} bytes, got ${size}` };
}

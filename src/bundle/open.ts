/**
 * Opens a tar and knows its structure: every header has been compared, the entries are those of one of the three
 * kinds, in order, and trust metadata, `release.json` and the sites' documents are in memory. Nothing of it is
 * believed yet: `trust/` judges the chain, `prove.ts` the contents. No layer is touched.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { isErrno, readAt } from '../content/index.ts';
import { blobName, LayoutError, readTarIndex, type TarEntry } from '../layout/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Chain } from '../trust/index.ts';
import {
  MAX_ROOT_BYTES,
  MAX_ROOTS,
  MAX_SNAPSHOT_BYTES,
  MAX_TARGETS_BYTES,
  MAX_TIMESTAMP_BYTES,
} from '../trust/index.ts';
import { BundleError, type Damage, damaged } from './error.ts';
import { labelled, labelsOf } from './labels.ts';
import { type BundleEntry, type BundleKind, type EntryPart, parseEntryName, readKind } from './names.ts';
import { MAX_ENTRIES } from './plan.ts';
import { type Range, RangeCutOff, readRange } from './range.ts';

/** The largest `release.json` that is read. */
export const MAX_RELEASE_BYTES = 64 * 1024 * 1024;
/** The largest `site-files.json` that is read. */
export const MAX_SITE_DOCUMENT_BYTES = 1024 * 1024;
/** All that is read into memory at once when a tar is opened. */
const MAX_TOTAL_BYTES = 128 * 1024 * 1024;
/** What {@link Bundle.readRange} gives at most. */
const MAX_GLANCE = 64 * 1024;

const MAX_BYTES: Readonly<Partial<Record<EntryPart['part'], number>>> = {
  root: MAX_ROOT_BYTES,
  timestamp: MAX_TIMESTAMP_BYTES,
  snapshot: MAX_SNAPSHOT_BYTES,
  targets: MAX_TARGETS_BYTES,
  release: MAX_RELEASE_BYTES,
  'site-document': MAX_SITE_DOCUMENT_BYTES,
};

/** An open tar. Whoever opened it closes it. */
export class Bundle {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly kind: BundleKind;
  /** In the order of the tar. */
  readonly entries: readonly BundleEntry[];
  /** The bytes under `tuf/`, as carried. */
  readonly chain: Chain;
  /** The bytes of `release.json`, of a release bundle. */
  readonly releaseBytes: Buffer | undefined;
  /** The bytes of each `sites/<siteID>/site-files.json`. */
  readonly siteDocuments: readonly { readonly site: string; readonly bytes: Buffer }[];
  /** For this room: to read by positions. */
  readonly file: FileHandle;
  readonly #byName: ReadonlyMap<string, BundleEntry>;

  constructor(opened: Pick<Bundle, 'path' | 'size' | 'kind' | 'entries' | 'file'>, small: ReadonlyMap<string, Buffer>) {
    this.path = opened.path;
    this.size = opened.size;
    this.kind = opened.kind;
    this.entries = opened.entries;
    this.file = opened.file;
    this.#byName = new Map(opened.entries.map((entry) => [entry.name, entry]));
    this.chain = chainOf(opened.entries, small);
    this.releaseBytes = small.get('release.json');
    this.siteDocuments = opened.entries.flatMap(({ is, name }) =>
      is.part === 'site-document' ? [{ site: is.site, bytes: bytesOf(small, name) }] : [],
    );
  }

  /** An entry by its name, or a blob's by its digest. */
  find(name: string): BundleEntry | undefined {
    return this.#byName.get(name.startsWith('sha256:') ? blobName(name as Digest) : name);
  }

  /**
   * The whole body of an entry, not verified.
   * @param max more bytes than this are refused before one is read
   * @throws {BundleError} `DAMAGED` when there is no such entry or it is larger.
   */
  async read(name: string, max: number): Promise<Buffer> {
    const entry = this.#entry(name);
    if (entry.size > max) throw this.damaged([tooLarge(entry, max)]);
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.stream(name)) chunks.push(chunk);
    return Buffer.concat(chunks, entry.size);
  }

  /**
   * The body of an entry as it lies there, **not verified**: whoever uses it passes it through `content/verified`.
   * Several may be read at once. @throws {BundleError} `DAMAGED`, `BUNDLE_CUT_OFF`
   */
  async *stream(name: string): AsyncGenerator<Uint8Array> {
    const entry = this.#entry(name);
    try {
      yield* readRange(this.file, { offset: entry.dataOffset, length: entry.size });
    } catch (error) {
      if (!(error instanceof RangeCutOff)) throw error;
      const why = 'expected more bytes, got the end of the file';
      throw this.damaged([{ entry: entry.name, offset: error.offset, why }], { code: 'BUNDLE_CUT_OFF', cause: error });
    }
  }

  /**
   * A few bytes of an entry, not verified: to look at the head or tail of a layer. Fewer where the entry ends.
   * @param range from the entry's first byte; at most 64 KiB
   */
  async readRange(name: string, { offset, length }: Range): Promise<Buffer> {
    const entry = this.#entry(name);
    if (length > MAX_GLANCE) throw new RangeError(`expected at most ${MAX_GLANCE} bytes to look at, got ${length}`);
    const within = Math.max(0, Math.min(length, entry.size - offset));
    return readAt(this.file, { offset: entry.dataOffset + offset, length: within });
  }

  /** One error for these damages, with image and layer added where `release.json` names them. */
  damaged(damages: readonly Damage[], options: Parameters<typeof damaged>[2] = {}): BundleError {
    const labels = labelsOf(this.releaseBytes ?? Buffer.of());
    return damaged(
      'read bundle',
      damages.map((damage) => labelled(damage, labels)),
      options,
    );
  }

  async close(): Promise<void> {
    await this.file.close();
  }

  #entry(name: string): BundleEntry {
    const entry = this.find(name);
    if (entry !== undefined) return entry;
    const missing = name.startsWith('sha256:') ? blobName(name as Digest) : name;
    throw this.damaged([{ entry: missing, why: 'expected this entry in the tar, got none' }]);
  }
}

/**
 * Opens a bundle, an overlay or a catalogue.
 * @throws {BundleError} `BUNDLE_NOT_FOUND`, `NOT_A_BUNDLE`, `BUNDLE_CUT_OFF`, `DAMAGED`, the latter with all that is
 * known of where.
 */
export async function openBundle(path: string): Promise<Bundle> {
  const file = await openRead(path);
  try {
    const size = await sizeOf(file, path);
    const index = await readIndex(file, size, path);
    const { kind, entries } = readKind(index);
    const small = await readSmall(file, entries);
    return new Bundle({ path, size, kind, entries, file }, small);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openRead(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw new BundleError(`open bundle: ${path}: expected a file, got nothing there`, {
      code: 'BUNDLE_NOT_FOUND',
      cause: error,
      facts: { path },
    });
  }
}

async function sizeOf(file: FileHandle, path: string): Promise<number> {
  const stat = await file.stat();
  if (stat.isFile()) return stat.size;
  throw notABundle(path, stat.isDirectory() ? 'a folder' : 'something that is no regular file');
}

async function readIndex(file: FileHandle, size: number, path: string): Promise<TarEntry[]> {
  try {
    const index = await readTarIndex(file, { size, maxEntries: MAX_ENTRIES });
    if (!isFirst(index[0])) throw notABundle(path, `a tar that begins with ${index[0]?.name ?? 'its end'}`);
    return index;
  } catch (error) {
    if (!(error instanceof LayoutError)) throw error;
    if (!isFirst(error.entries[0])) throw notABundle(path, error.message.replace('read tar: ', ''), error);
    throw await asDamage(file, error);
  }
}

function isFirst(entry: TarEntry | undefined): boolean {
  return entry?.name === 'tuf/1.root.json';
}

async function asDamage(file: FileHandle, error: LayoutError): Promise<BundleError> {
  const { offset, entry, entries } = error;
  const why = error.message.replace(/^read tar: (?:\S+: )?(?:offset \d+: )?/, '');
  const behind = entry === undefined && entries.length > 0 ? `${why}, behind ${entries.at(-1)?.name}` : why;
  const damage: Damage = { ...(entry ? { entry } : {}), ...(offset === undefined ? {} : { offset }), why: behind };
  const release = entries.find(({ name }) => name === 'release.json');
  const labels = labelsOf(release === undefined ? Buffer.of() : await readBody(file, release).catch(() => Buffer.of()));
  const code = error.code === 'TAR_TRUNCATED' ? 'BUNDLE_CUT_OFF' : 'DAMAGED';
  return damaged('open bundle', [labelled(damage, labels)], { code, cause: error });
}

/** Reads what is small and needed at once; sizes were looked at before. */
async function readSmall(file: FileHandle, entries: readonly BundleEntry[]): Promise<ReadonlyMap<string, Buffer>> {
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

async function readBody(file: FileHandle, { name, size, dataOffset }: TarEntry): Promise<Buffer> {
  const is = parseEntryName(name);
  if (size > (MAX_BYTES[is?.part ?? 'blob'] ?? 0)) throw new RangeError(`expected a small entry, got ${name}`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of readRange(file, { offset: dataOffset, length: size })) chunks.push(chunk);
  return Buffer.concat(chunks, size);
}

function chainOf(entries: readonly BundleEntry[], small: ReadonlyMap<string, Buffer>): Chain {
  const of = (part: EntryPart['part']) =>
    entries.filter(({ is }) => is.part === part).map(({ name }) => bytesOf(small, name));
  const one = (part: EntryPart['part']) => of(part)[0] as Buffer; // readKind has seen exactly one
  return { roots: of('root'), timestamp: one('timestamp'), snapshot: one('snapshot'), targets: one('targets') };
}

function bytesOf(small: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const bytes = small.get(name);
  if (bytes === undefined) throw new TypeError(`expected the bytes of ${name} at hand`);
  return bytes;
}

function tooLarge({ name, headerOffset, size }: TarEntry, max: number): Damage {
  return { entry: name, offset: headerOffset, why: `expected at most ${max} bytes, got ${size}` };
}

function notABundle(path: string, got: string, cause?: unknown): BundleError {
  return new BundleError(`open bundle: ${path}: expected a tar that ferry wrote, got ${got}`, {
    code: 'NOT_A_BUNDLE',
    cause,
    facts: { path },
  });
}

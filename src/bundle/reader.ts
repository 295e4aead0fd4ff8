/** An open tar: its entries, what is held of it in memory, and ways to read the rest. Nothing of it is believed here. */
import type { FileHandle } from 'node:fs/promises';
import { readAt } from '../content/index.ts';
import { blobName } from '../layout/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Chain } from '../trust/index.ts';
import { type BundleError, type Damage, damaged } from './error.ts';
import { labelled, labelsOf } from './labels.ts';
import type { BundleEntry, BundleKind, EntryPart } from './names.ts';
import { type Range, RangeCutOff, readRange } from './range.ts';
import { tooLarge } from './small.ts';

/** What {@link Bundle.readRange} gives at most. */
const MAX_GLANCE = 64 * 1024;

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

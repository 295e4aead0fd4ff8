/**
 * The journal of a run, in the workspace's `exports/`: what the images were resolved to and the bytes that were signed,
 * written whole before the first blob is fetched, so that a run that was killed goes on to the same file (DESIGN 8).
 * Beside it a list of blobs that are in their place, one a line; it is a hint, for each is hashed again.
 */
import type { FileHandle } from 'node:fs/promises';
import { open, rm } from 'node:fs/promises';
import { canonicalJSON, findFileBounded, parseJSON, writeAtomic } from '../content/index.ts';
import { FORMAT, MIN_FERRY } from '../manifest/index.ts';
import type { Digest } from '../oci/index.ts';
import { digestFromHex, digestHex, isDigest } from '../oci/index.ts';
import type { Chain } from '../trust/index.ts';
import type { ResolvedImage } from './images.ts';

/** The signed documents of a bundle, as bytes. */
export interface SignedParts {
  readonly chain: Chain;
  readonly release: {
    readonly release: string;
    readonly sequence: number;
    readonly shown: string;
    readonly bytes: Uint8Array;
  };
  readonly sites: readonly { readonly site: string; readonly bytes: Uint8Array }[];
}

/** What a run wrote down. */
export interface Journal {
  /** The source's. Another: the journal is of an other manifest. */
  readonly key: string;
  readonly images: readonly ResolvedImage[];
  readonly signed: SignedParts;
  /** Where the partial is. */
  readonly partial: string;
}

/** The files of one manifest's runs. */
export interface JournalFiles {
  readonly journal: string;
  readonly done: string;
}

const MAX_JOURNAL_BYTES = 256 * 1024 * 1024;

/** The journal of an interrupted run; `undefined` when there is none, or none that this ferry wrote. */
export async function findJournal({ journal }: JournalFiles): Promise<Journal | undefined> {
  const bytes = await findFileBounded(journal, { max: MAX_JOURNAL_BYTES });
  if (bytes === undefined) return undefined;
  const stored = parseJSON(bytes, 'export journal') as Stored;
  if (stored.format !== FORMAT || !stored.images.every(({ digest }) => isDigest(digest))) return undefined;
  return { ...stored, signed: mapSigned(stored.signed, (text) => Buffer.from(text)) };
}

/** Writes the journal, on the disk when it returns. */
export async function writeJournal({ journal }: JournalFiles, entry: Journal): Promise<void> {
  const signed = mapSigned(entry.signed, (bytes) => Buffer.from(bytes).toString());
  await writeAtomic(journal, canonicalJSON({ format: FORMAT, minFerry: MIN_FERRY, ...entry, signed }));
}

/** Ends a run: nothing of it is looked for again. */
export async function removeJournal({ journal, done }: JournalFiles): Promise<void> {
  await rm(journal, { force: true });
  await rm(done, { force: true });
}

/** The blobs that a former run noted; a line that was cut off is none. */
export async function readDone({ done }: JournalFiles): Promise<ReadonlySet<Digest>> {
  const bytes = await findFileBounded(done, { max: MAX_JOURNAL_BYTES });
  const lines = (bytes?.toString() ?? '').split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line));
  return new Set(lines.map(digestFromHex));
}

/** Appends to the list of blobs that are in their place. Whoever opened it closes it. */
export async function openDone({
  done,
}: JournalFiles): Promise<{ readonly note: (digest: Digest) => Promise<void>; readonly close: FileHandle['close'] }> {
  const file = await open(done, 'a');
  return {
    note: async (digest) => void (await file.write(`\n${digestHex(digest)}\n`)), // after a cut-off line a new one begins
    close: () => file.close(),
  };
}

type Mapped<T> = {
  readonly chain: { readonly roots: readonly T[]; readonly timestamp: T; readonly snapshot: T; readonly targets: T };
  readonly release: Omit<SignedParts['release'], 'bytes'> & { readonly bytes: T };
  readonly sites: readonly { readonly site: string; readonly bytes: T }[];
};
type Stored = Omit<Journal, 'signed'> & { readonly format: unknown; readonly signed: Mapped<string> };

/** Signed documents are canonical JSON, which has no control character: they travel as text. */
function mapSigned<A, B>({ chain, release, sites }: Mapped<A>, change: (bytes: A) => B): Mapped<B> {
  const { roots, timestamp, snapshot, targets } = chain;
  return {
    chain: {
      roots: roots.map(change),
      timestamp: change(timestamp),
      snapshot: change(snapshot),
      targets: change(targets),
    },
    release: { ...release, bytes: change(release.bytes) },
    sites: sites.map(({ site, bytes }) => ({ site, bytes: change(bytes) })),
  };
}

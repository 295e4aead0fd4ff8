/** From signed parts to a lay-out, and from there to bytes: every blob goes from its registry straight to its place. */
import type { BundleFile, BundlePlan, ChunkHashes } from '../bundle/index.ts';
import { planBundle, writeBundle } from '../bundle/index.ts';
import type { Digest } from '../oci/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import type { JournalFiles, SignedParts } from './journal.ts';
import { openDone, readDone } from './journal.ts';
import type { ExportOptions } from './options.ts';
import type { Content } from './sign.ts';
import { isInBundle } from './site-content.ts';

/** What is written, and where. */
export interface WritePartialOptions {
  readonly registry: RegistryClient;
  readonly options: ExportOptions;
  readonly files: JournalFiles;
  readonly plan: BundlePlan;
  readonly partial: string;
  readonly content: Content;
  /** Whether the partial is of an interrupted run of the same plan. */
  readonly isResumed: boolean;
  /** Told the size of each blob that came from a registry. */
  readonly onDownload: (bytes: number) => void;
  /** Runs when the tar is whole, while the disk is waited for. @throws what makes it no bundle */
  readonly prove: () => Promise<void>;
}

/**
 * Writes the tar under its partial's name; what stands there of an interrupted run is checked and kept.
 * @throws {ExportError} `SOURCE_FILE`; {BundleError}, {ContentError}; what the registry throws; the signal's reason
 */
export async function writePartial(options: WritePartialOptions): Promise<ChunkHashes> {
  const { registry, plan, partial, content, isResumed, files } = options;
  const { progress, concurrency, signal: stop } = options.options;
  const references = new Map(content.manifest.images.map(({ name, reference }) => [name, reference]));
  const sizes = new Map(content.images.flatMap(({ blobs }) => blobs.map(({ digest, size }) => [digest, size])));
  const done = await openDone(files);
  try {
    return await writeBundle(plan, {
      path: partial,
      fetchBlob: (descriptor, image, signal) => {
        const reference = references.get(image);
        if (reference === undefined) throw new TypeError(`expected a reference for ${image}`);
        return registry.fetchBlob(reference, descriptor, { signal });
      },
      releaseChunks: true,
      openFile: (file) => openFile(content, file),
      whileSyncing: options.prove,
      ...(progress && { progress }),
      keep: isResumed ? await readDone(files) : new Set<Digest>(),
      onDone: async (digest) => {
        options.onDownload(sizes.get(digest) ?? 0);
        await done.note(digest);
      },
      ...(concurrency !== undefined && { concurrency }),
      ...(stop && { signal: stop }),
    });
  } catch (error) {
    throw content.measured.asChange(error);
  } finally {
    await done.close();
  }
}

/** The lay-out of a release. @throws {BundleError} `PLAN_INVALID` */
export function planRelease({ images, measured, sites: contents }: Content, signed: SignedParts): BundlePlan {
  const documents = new Map(signed.sites.map(({ site, bytes }) => [site, bytes]));
  return planBundle({
    chain: signed.chain,
    release: signed.release.bytes,
    images,
    files: measured.files.map(({ name, size, digest }) => ({ name, size, digest })),
    sites: contents.filter(isInBundle).map(({ site, files }) => ({
      site,
      document: documents.get(site) as Uint8Array,
      files: files.map(({ name, size, digest }) => ({ name, size, digest })),
    })),
  });
}

/** A file of the release from the disk, or the licence of `any` from memory: no two of them have one name. */
function openFile({ measured, sites }: Content, file: BundleFile): AsyncIterable<Uint8Array> {
  const bytes = sites.find(isInBundle)?.bytes.get(file.name);
  return bytes === undefined ? measured.open(file) : inOnePiece(bytes);
}

async function* inOnePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

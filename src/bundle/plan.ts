/**
 * What will stand where in a tar, before the first byte (DESIGN 8; FORMAT §1). Pure: manifests tell all sizes, so the
 * same inputs give the same plan. The writer follows it, and the reader makes it again from what a bundle claims and
 * compares: an entry list is right when it is the one that the plan has.
 */
import { parseJSON } from '../content/index.ts';
import { blobName, indexJSON, layOut, manifestJSON, OCI_LAYOUT, type TarEntry } from '../layout/index.ts';
import type { Descriptor, Digest, ImageClosure } from '../oci/index.ts';
import type { Chain } from '../trust/index.ts';
import { BundleError } from './error.ts';
import { type BundleKind, parseEntryName } from './names.ts';

/** More entries than this are neither written nor read: 5,000 images of 20 blobs stay below. */
export const MAX_ENTRIES = 131_072;

/** A file of the release or of a site. `name` is without its folder. */
export interface BundleFile {
  readonly name: string;
  /** Exact length in bytes. */
  readonly size: number;
  readonly digest: Digest;
}

/** One site's files and the document that authorises them. */
export interface BundleSite {
  /** The siteID, or `any`. */
  readonly site: string;
  /** The bytes of `site-files.json`. */
  readonly document: Uint8Array;
  /** In the order of the document. */
  readonly files: readonly BundleFile[];
}

/** Everything that goes into one tar. Without `release` it is an overlay (one site) or a catalogue (none). */
export interface BundleParts {
  readonly chain: Chain;
  /** The bytes of `release.json`. */
  readonly release?: Uint8Array;
  /** In the order of the release manifest. @default [] */
  readonly images?: readonly ImageClosure[];
  /** In the order of `release.json`. @default [] */
  readonly files?: readonly BundleFile[];
  readonly sites?: readonly BundleSite[];
}

/** Where the bytes of an entry come from. */
export type EntrySource =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly file: BundleFile }
  /** `part` says what it is of the first image that has it: `layer 2 of 5`. */
  | { readonly kind: 'blob'; readonly descriptor: Descriptor; readonly image: string; readonly part: string };

/** An entry at its place, with its source. */
export interface PlannedEntry extends TarEntry {
  readonly source: EntrySource;
}

/** A tar that can be written. */
export interface BundlePlan {
  readonly kind: BundleKind;
  readonly entries: readonly PlannedEntry[];
  /** Bytes of the whole tar. */
  readonly size: number;
  /** Bytes of the entries under `tuf/`, which stand first and are written last. */
  readonly tufSize: number;
}

/**
 * Lays out a tar.
 * @throws {BundleError} `PLAN_INVALID` when two things would have one name, a name is outside the grammar, or there
 * are too many.
 */
export function planBundle(parts: BundleParts): BundlePlan {
  const { release, images = [], files = [], sites = [] } = parts;
  const tuf = chainEntries(parts.chain);
  const body = [
    ...(release === undefined ? [] : releaseEntries(release, images)),
    ...files.map((file) => fileEntry(`files/${file.name}`, file)),
    ...sites.flatMap(siteEntries),
    ...imageEntries(images),
  ];
  const planned = [...tuf, ...body];
  checkParts(parts, planned);
  const { entries, size } = layOut(planned);
  return {
    kind: release !== undefined ? 'release' : sites.length > 0 ? 'overlay' : 'catalogue',
    entries: entries.map((entry, at) => ({ ...entry, source: (planned[at] as Unplaced).source })),
    size,
    tufSize: entries[tuf.length]?.headerOffset ?? size - 1024,
  };
}

type Unplaced = Pick<PlannedEntry, 'name' | 'size' | 'source'>;

function chainEntries({ roots, timestamp, snapshot, targets }: Chain): Unplaced[] {
  return [
    ...roots.map((root, at) => bytesEntry(`tuf/${at + 1}.root.json`, root)),
    bytesEntry('tuf/timestamp.json', timestamp),
    bytesEntry(`tuf/${versionOf(snapshot, 'snapshot')}.snapshot.json`, snapshot),
    bytesEntry(`tuf/${versionOf(targets, 'targets')}.targets.json`, targets),
  ];
}

function releaseEntries(release: Uint8Array, images: readonly ImageClosure[]): Unplaced[] {
  return [
    bytesEntry('release.json', release),
    bytesEntry('oci-layout', OCI_LAYOUT),
    bytesEntry('index.json', indexJSON(images)),
    bytesEntry('manifest.json', manifestJSON(images)),
  ];
}

function siteEntries({ site, document, files }: BundleSite): Unplaced[] {
  const folder = `sites/${site}`;
  return [
    bytesEntry(`${folder}/site-files.json`, document),
    ...files.map((file) => fileEntry(`${folder}/${file.name}`, file)),
  ];
}

/** Image by image, documents before layers; a blob that a former image has is there already. */
function imageEntries(images: readonly ImageClosure[]): Unplaced[] {
  const entries = new Map<Digest, Unplaced>();
  for (const image of images) {
    for (const { descriptor, bytes } of image.documents) add(entries, descriptor, { kind: 'bytes', bytes });
    const parts = partsOf(image);
    for (const descriptor of image.blobs) {
      const part = parts.get(descriptor.digest) ?? 'attestation';
      add(entries, descriptor, { kind: 'blob', descriptor, image: image.name, part });
    }
  }
  return [...entries.values()];
}

function add(entries: Map<Digest, Unplaced>, { digest, size }: Descriptor, source: EntrySource): void {
  const known = entries.get(digest);
  if (known === undefined) entries.set(digest, { name: blobName(digest), size, source });
  else if (known.size !== size) throw invalid(`blob ${digest}: expected one size, got ${known.size} and ${size}`);
}

function partsOf({ platforms }: ImageClosure): Map<Digest, string> {
  const layers = platforms.flatMap((platform) =>
    platform.layers.map(({ digest }, at) => [digest, `layer ${at + 1} of ${platform.layers.length}`] as const),
  );
  return new Map(layers);
}

function bytesEntry(name: string, bytes: Uint8Array): Unplaced {
  return { name, size: bytes.length, source: { kind: 'bytes', bytes } };
}

function fileEntry(name: string, file: BundleFile): Unplaced {
  return { name, size: file.size, source: { kind: 'file', file } };
}

/** The version that a role's metadata has of itself, which names its file. Everything else in it is judged by `trust/`. */
function versionOf(bytes: Uint8Array, role: string): number {
  const { signed } = (parseJSON(bytes, role) ?? {}) as { signed?: { version?: unknown } };
  const version = signed?.version;
  if (Number.isSafeInteger(version) && (version as number) > 0) return version as number;
  throw invalid(`${role}: expected a version number, got ${JSON.stringify(version)}`);
}

function checkParts({ release, images = [], files = [], sites = [] }: BundleParts, planned: readonly Unplaced[]): void {
  if (release === undefined && (images.length > 0 || files.length > 0 || sites.length > 1)) {
    throw invalid('expected release.json beside images, files or several sites, got none');
  }
  const odd = planned.find(({ name }) => parseEntryName(name) === undefined);
  if (odd !== undefined) throw invalid(`expected an entry of a bundle, got ${JSON.stringify(odd.name)}`);
  refuseTwice([...images, ...planned].map(({ name }) => name));
  if (planned.length > MAX_ENTRIES) throw invalid(`expected at most ${MAX_ENTRIES} entries, got ${planned.length}`);
}

function refuseTwice(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalid(`${name}: expected each name once, got it twice`);
    seen.add(name);
  }
}

function invalid(why: string): BundleError {
  return new BundleError(`plan bundle: ${why}`, { code: 'PLAN_INVALID' });
}

/**
 * Derives again what a tar must hold, from the one document that trust has authorised, and compares: everything below
 * `release.json` hangs from it by digest (FORMAT §1, §3). The closures come from the same rule as at the office, with
 * the tar as their source; from them the plan, and with it every name, place and size. What is left to check after
 * this are the bytes of layers and files (verify.ts, or whoever streams them).
 */
import { canonicalJSON } from '../content/index.ts';
import { blobName } from '../layout/index.ts';
import type { ReleaseDocument, ReleaseImage, SiteFiles } from '../manifest/index.ts';
import { parseSiteFiles, releaseImage } from '../manifest/index.ts';
import type { Descriptor, ImageClosure, ImageIndex } from '../oci/index.ts';
import {
  digestOf,
  imageClosure,
  MAX_DOCUMENT_BYTES,
  OCI_INDEX,
  OciError,
  parseManifest,
  parsePlatform,
} from '../oci/index.ts';
import { compareEntries } from './compare.ts';
import { BundleError, type Damage } from './error.ts';
import { type BundleFile, type BundleParts, type BundlePlan, type BundleSite, planBundle } from './plan.ts';
import type { Bundle } from './reader.ts';

/** What a tar holds, proven but for the bytes of layers and files. */
export interface BundleContents {
  /** As given; `undefined` for an overlay and a catalogue. */
  readonly release: ReleaseDocument | undefined;
  readonly images: readonly ImageClosure[];
  readonly files: readonly BundleFile[];
  readonly sites: readonly ProvenSite[];
  /** Every entry with its place and the digest that its bytes must have. */
  readonly plan: BundlePlan;
}

/** A site's files. Whether its document is authorised is for `trust/` to say. */
export interface ProvenSite extends BundleSite {
  readonly siteFiles: SiteFiles;
}

/**
 * Proves names, order, places and sizes of all entries, and the bytes of every document.
 * @param release what `bundle.releaseBytes` says, once trust has authorised those bytes; `undefined` for the two kinds
 * that have none.
 * @throws {BundleError} `DAMAGED` with what is missing, swapped, surplus or wrong; {ManifestError} for a site's
 * document that can't be read.
 */
export async function proveContents(bundle: Bundle, release?: ReleaseDocument): Promise<BundleContents> {
  if ((release === undefined) === (bundle.kind === 'release')) {
    throw new TypeError(`prove contents: expected release.json as read for a release alone, got a ${bundle.kind}`);
  }
  const sites = bundle.siteDocuments.map((document) => readSite(bundle, document));
  const images = release === undefined ? [] : await deriveImages(bundle, release);
  const files = (release?.files ?? []).map(({ name, size, digest }) => ({ name, size, digest }));
  const parts = { chain: bundle.chain, images, files, sites };
  const plan = planAgain(
    bundle,
    bundle.releaseBytes === undefined ? parts : { ...parts, release: bundle.releaseBytes },
  );
  const damages = compareEntries(bundle.entries, plan.entries);
  if (damages.length > 0) throw bundle.damaged(damages);
  if (release !== undefined) await proveLayout(bundle, plan, release);
  return { release, images, files, sites, plan };
}

function readSite(bundle: Bundle, { site, bytes }: Bundle['siteDocuments'][number]): ProvenSite {
  const siteFiles = parseSiteFiles(bytes);
  if (siteFiles.site !== site) {
    const why = `expected the files of site ${site}, got those of ${siteFiles.site}`;
    throw bundle.damaged([{ entry: `sites/${site}/site-files.json`, why }]);
  }
  const files = siteFiles.files.map(({ name, size, digest }) => ({ name, size, digest }));
  return { site, document: bytes, files, siteFiles };
}

const LAYOUT: ReadonlySet<string> = new Set(['oci-layout', 'index.json', 'manifest.json']);
/** index.json has a few hundred bytes an image. */
const MAX_INDEX_BYTES = 16 * 1024 * 1024;

/** The plan that the office must have had. */
function planAgain(bundle: Bundle, parts: BundleParts): BundlePlan {
  try {
    return planBundle(parts);
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    throw bundle.damaged([{ why: error.message }], { cause: error });
  }
}

/** index.json is what release.json names; from it and the documents below it come the closures. */
async function deriveImages(bundle: Bundle, release: ReleaseDocument): Promise<ImageClosure[]> {
  const bytes = await readProven(bundle, { ...release.index, name: 'index.json' }, { max: MAX_INDEX_BYTES });
  const index = parseManifest(bytes, OCI_INDEX) as ImageIndex;
  if (index.manifests.length !== release.images.length) {
    const why = `expected ${release.images.length} images as in release.json, got ${index.manifests.length}`;
    throw bundle.damaged([{ entry: 'index.json', why }]);
  }
  const images: ImageClosure[] = [];
  for (const [at, image] of release.images.entries()) {
    const target = index.manifests[at] as Descriptor;
    images.push(await deriveImage(bundle, { image, target, platforms: release.platforms }));
  }
  return images;
}

interface ClaimedImage {
  readonly image: ReleaseImage;
  readonly target: Descriptor;
  readonly platforms: readonly string[];
}

async function deriveImage(bundle: Bundle, { image, target, platforms }: ClaimedImage): Promise<ImageClosure> {
  const { mediaType, digest, size } = target;
  const fetch = ({ digest, size }: Descriptor) =>
    readProven(bundle, { digest, size, name: blobName(digest) }, { max: MAX_DOCUMENT_BYTES, image: image.name });
  const descriptor = { mediaType, digest, size };
  try {
    const closure = await imageClosure({
      name: image.name,
      target: { descriptor, bytes: await fetch(descriptor) },
      platforms: platforms.map(parsePlatform),
      fetch,
    });
    if (canonicalJSON(releaseImage(closure)).equals(canonicalJSON(knownFields(image)))) return closure;
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    throw bundle.damaged([{ image: image.name, why: error.message }], { cause: error });
  }
  const why = 'expected the manifests, configs and layers that release.json names, got others';
  throw bundle.damaged([{ image: image.name, why }]);
}

/** What is compared of an image; a later ferry of the same format may say more of it. */
function knownFields({ name, digest, platforms }: ReleaseImage): ReleaseImage {
  return {
    name,
    digest,
    platforms: platforms.map(({ platform, manifest, config, layers }) => ({
      platform,
      manifest,
      config,
      layers: layers.map(({ digest, size, mediaType, diffID }) => ({ digest, size, mediaType, diffID })),
    })),
  };
}

interface ProvenOptions {
  /** More bytes are refused before one is read. */
  readonly max: number;
  /** Whose document it is. */
  readonly image?: string;
}

/** The bytes of a document, which must be there, of this size and with this digest. */
async function readProven(
  bundle: Bundle,
  { name, digest, size }: Pick<Descriptor, 'digest' | 'size'> & { readonly name: string },
  { max, image }: ProvenOptions,
): Promise<Buffer> {
  const entry = bundle.find(name);
  const damage = (why: string): BundleError =>
    bundle.damaged([{ entry: name, ...(image && { image }), ...(entry && { offset: entry.dataOffset }), why }]);
  if (entry === undefined) throw damage('expected this entry in the tar, got none');
  if (entry.size !== size) throw damage(`expected ${size} bytes, got ${entry.size}`);
  const bytes = await bundle.read(name, max);
  const actual = digestOf(bytes);
  if (actual !== digest) throw damage(`expected ${digest}, got ${actual}`);
  return bytes;
}

/** The three documents of the layout are, byte for byte, what the closures imply, and what release.json names. */
async function proveLayout(bundle: Bundle, plan: BundlePlan, release: ReleaseDocument): Promise<void> {
  const damages: Damage[] = [];
  for (const { name, size, dataOffset, source } of plan.entries) {
    if (source.kind !== 'bytes' || !LAYOUT.has(name)) continue;
    const named = { 'index.json': release.index, 'manifest.json': release.manifestJSON }[name];
    const same = (await bundle.read(name, size)).equals(source.bytes);
    if (same && (named === undefined || (named.size === size && named.digest === digestOf(source.bytes)))) continue;
    const why = `expected what ${same ? 'release.json names' : 'the manifests imply'}, got other bytes`;
    damages.push({ entry: name, offset: dataOffset, why });
  }
  if (damages.length > 0) throw bundle.damaged(damages);
}

/**
 * A tar that may lie on a medium, opened once to know what it is: its kind, its product, its numbers, from its signed
 * metadata. What its file is called says nothing.
 */
import { basename } from 'node:path';
import { type Bundle, BundleError, type BundleKind, openBundle, proveContents } from '../bundle/index.ts';
import { PRODUCT, parseReleaseDocument, parseSiteFiles, type ReleaseDocument } from '../manifest/index.ts';
import { type Chain, type ChainView, parseEntry, readChain } from '../trust/index.ts';
import { asUnreadable } from './unreadable.ts';

/** What is known of a tar. */
export interface Tar {
  readonly path: string;
  readonly size: number;
  readonly kind: BundleKind;
  readonly product: string;
  /** The timestamp's version. */
  readonly catalogue: number;
  /** Of an overlay: whose it is. */
  readonly site?: string;
  readonly siteDocument?: Uint8Array;
  /** Of a release bundle. */
  readonly release?: ReleaseDocument;
  readonly releaseBytes?: Uint8Array;
  readonly chain: Chain;
}

/**
 * Reads a tar's documents, and proves by its own chain that they belong together. Who signed it is for judge.ts.
 * @throws {BundleError} when it is damaged, or none; {TrustError}, {ManifestError}
 */
export async function readTar(path: string): Promise<Tar> {
  const bundle = await reading(path, () => openBundle(path));
  try {
    const release = bundle.releaseBytes && parseReleaseDocument(bundle.releaseBytes);
    await reading(path, () => proveContents(bundle, release));
    return describe(bundle, release);
  } finally {
    await bundle.close();
  }
}

function describe(bundle: Bundle, release: ReleaseDocument | undefined): Tar {
  const { path, size, kind, chain, releaseBytes, siteDocuments } = bundle;
  const view = readChain(chain);
  const [overlay] = kind === 'overlay' ? siteDocuments : [];
  const product = release?.product ?? (overlay && parseSiteFiles(overlay.bytes).product) ?? productOf(path, view);
  return {
    path,
    size,
    kind,
    product,
    catalogue: view.timestamp.version,
    chain,
    ...(overlay && { site: overlay.site, siteDocument: overlay.bytes }),
    ...(release && releaseBytes && { release, releaseBytes }),
  };
}

/** A catalogue says its product only in what it lists, which may be nothing any more: then its name has to do. */
function productOf(path: string, { entries }: ChainView): string {
  const listed = entries.map(parseEntry).find((entry) => entry !== undefined)?.product;
  const named = /^(.+)-catalogue-\d+\.ferry\.tar$/.exec(basename(path))?.[1];
  const product = listed ?? named;
  if (product !== undefined && PRODUCT.test(product)) return product;
  throw new BundleError(`read ${path}: expected a catalogue of some product, got one that lists nothing`, {
    code: 'NOT_A_BUNDLE',
    facts: { path },
  });
}

/** FORMAT §1: the one name of these bytes. */
export function tarName({ product, kind, catalogue, site, release }: Tar): string {
  if (release !== undefined) return `${product}-${release.release}-${release.sequence}-${catalogue}.ferry.tar`;
  return `${product}-${kind === 'catalogue' ? 'catalogue' : site}-${catalogue}.ferry.tar`;
}

/** What may be one of ours by its name: not hidden, no partial, no volume. */
export function isTarName(name: string): boolean {
  return name.endsWith('.ferry.tar') && !name.startsWith('.');
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw asUnreadable(error, path);
  }
}

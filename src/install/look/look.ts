/**
 * Looking at a bundle without changing anything: `inspect` from signed metadata alone, `verify` every byte. Who signed
 * it is judged by a root that is given or the one that is pinned; without one, inspect says that nothing is
 * authenticated and verify refuses. DESIGN "Command line".
 */

import { type Bundle, type BundleContents, verifyBundle } from '../../bundle/index.ts';
import type { Progress } from '../../content/index.ts';
import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import { digestOf } from '../../oci/index.ts';
import { findState } from '../../state/index.ts';
import { type ChainView, readChain, TrustError } from '../../trust/index.ts';
import { lookAtJournal } from '../status/journal.ts';
import { type InspectOptions, type Judged, judge, UNJUDGED } from './look-judge.ts';
import { openMedium, proveMedium } from './medium.ts';

/** An image as a bundle carries it. */
export interface InspectedImage {
  readonly name: string;
  readonly digest: string;
  readonly platforms: readonly string[];
  /** Bytes of its layers as stored, over all platforms, each once. */
  readonly size: number;
}

export interface Inspection {
  readonly path: string;
  /** Bytes of the tar. */
  readonly bytes: number;
  readonly kind: Bundle['kind'];
  /** By which root the signatures were judged; `false` when there was none, or it refused: see `refusal`. */
  readonly authenticated: 'given' | 'pinned' | false;
  /** What the pinned root says against it. */
  readonly refusal?: { readonly code: string; readonly message: string };
  readonly product?: string;
  readonly release?: string;
  readonly sequence?: number;
  readonly issued?: string;
  readonly platforms: readonly string[];
  readonly images: readonly InspectedImage[];
  readonly files: readonly { readonly name: string; readonly size: number; readonly install?: string }[];
  readonly sites: readonly { readonly site: string; readonly files: readonly string[] }[];
  /** The catalogue that it carries. */
  readonly catalogue: { readonly root: number; readonly version: number; readonly issued: Date };
  readonly importableUntil: Date;
  readonly warnings: readonly string[];
}

/**
 * Tells what a bundle holds; reads no layer.
 * @throws {BundleError} when its structure or a document is damaged; {TrustError} when its metadata does not hold
 *   together, or the root that was given refuses it.
 */
export async function inspectBundle(path: string, options: InspectOptions): Promise<Inspection> {
  const bundle = await openMedium(path);
  try {
    const judged = await judge(bundle, options);
    return { ...describe(bundle, await prove(bundle), judged), warnings: await warningsOf(judged, options) };
  } finally {
    await bundle.close();
  }
}

export interface VerifyOptions extends InspectOptions {
  /** A tar, or a folder with one bundle. */
  readonly path: string;
  /** Asks nobody who signed it. @default false */
  readonly integrityOnly?: boolean | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads every byte of a bundle and proves it.
 * @throws {BundleError} `DAMAGED` with all bad parts; {TrustError} `NOT_PINNED` without a root, and every refusal.
 */
export async function verifyBundleAt(options: VerifyOptions): Promise<Inspection> {
  const { path, integrityOnly, progress, signal } = options;
  const bundle = await openMedium(path);
  try {
    const judged: Judged = integrityOnly ? UNJUDGED : await judge(bundle, options);
    if (judged.refusal !== undefined) throw judged.refusal;
    if (!integrityOnly && judged.accepted === undefined) throw notPinned();
    const contents = await prove(bundle);
    await verifyBundle(bundle, contents, { ...(progress && { progress }), ...(signal && { signal }) });
    return { ...describe(bundle, contents, judged), warnings: await warningsOf(judged, options) };
  } finally {
    await bundle.close();
  }
}

function prove(bundle: Bundle): Promise<BundleContents> {
  return proveMedium(bundle, bundle.releaseBytes && parseReleaseDocument(bundle.releaseBytes));
}

function describe(bundle: Bundle, contents: BundleContents, judged: Judged): Omit<Inspection, 'warnings'> {
  const { accepted, by, refusal, shown } = judged;
  const view = accepted?.carried ?? readChain(bundle.chain);
  const { release } = contents;
  if (accepted === undefined && bundle.releaseBytes !== undefined) checkListed(view, bundle.releaseBytes);
  return {
    path: bundle.path,
    bytes: bundle.size,
    kind: bundle.kind,
    authenticated: accepted === undefined ? false : by,
    ...(refusal !== undefined && { refusal: { code: refusal.code, message: refusal.message } }),
    ...(release !== undefined && releaseFields(release, shown)),
    platforms: release?.platforms ?? [],
    ...contentFields(contents),
    catalogue: { root: view.root.version, version: view.timestamp.version, issued: view.timestamp.issued },
    importableUntil: accepted?.effective.expires ?? view.importableUntil,
  };
}

/** What is pending at the site is told beside the bundle, and left as it is. */
async function warningsOf({ warnings }: Judged, { stateDir }: InspectOptions): Promise<readonly string[]> {
  const { line } = await lookAtJournal(stateDir === undefined ? undefined : await findState(stateDir));
  return line === undefined ? warnings : [...warnings, line];
}

/** Where nobody is believed, the parts must at least tell one story. */
function checkListed({ entries, timestamp }: ChainView, releaseBytes: Uint8Array): void {
  const digest = digestOf(releaseBytes);
  if (entries.some(({ sha256 }) => `sha256:${sha256}` === digest)) return;
  throw new TrustError(`inspect bundle: expected release.json in catalogue ${timestamp.version}, got it unlisted`, {
    code: 'RELEASE_NOT_LISTED',
    facts: { catalogue: timestamp.version },
  });
}

function releaseFields(release: ReleaseDocument, shown: string | undefined) {
  const { product, sequence, issued } = release;
  return { product, release: shown ?? release.release, sequence, issued };
}

function contentFields({ release, images, files, sites }: BundleContents) {
  const installs = new Map(release?.files.map(({ name, install }) => [name, install]));
  return {
    images: images.map(({ name, target, blobs }, at) => ({
      name,
      digest: target.digest,
      platforms: release?.images[at]?.platforms.map(({ platform }) => platform) ?? [],
      size: blobs.reduce((total, { size }) => total + size, 0),
    })),
    files: files.map(({ name, size }) => {
      const install = installs.get(name);
      return { name, size, ...(install !== undefined && { install }) };
    }),
    sites: sites.map(({ site, files: theirs }) => ({ site, files: theirs.map(({ name }) => name) })),
  };
}

function notPinned(): TrustError {
  return new TrustError('verify bundle: expected a root that is pinned or given, got none', { code: 'NOT_PINNED' });
}

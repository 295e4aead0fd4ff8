/**
 * Before an export says that it is done: what a site without any history would say of it. The metadata of a new tar is
 * judged from the file itself; one that is already there is read whole.
 */

import { stat } from 'node:fs/promises';
import type { BundleContents, BundlePlan } from '../bundle/index.ts';
import { BundleError, openBundle, proveContents, verifyBundle } from '../bundle/index.ts';
import type { Progress } from '../content/index.ts';
import { isErrno } from '../content/index.ts';
import { parseReleaseDocument } from '../manifest/index.ts';
import type { Accepted, Chain } from '../trust/index.ts';
import { acceptChain, acceptRelease, acceptSiteFiles, pinRoot, TrustError } from '../trust/index.ts';
import { ExportError } from './error.ts';
import type { SignedParts } from './journal.ts';
import { isInBundle } from './site-content.ts';

export interface ProveOptions {
  readonly product: string;
  readonly now: Date;
}

/**
 * Judges a tar as a site would that pinned its first root: chain, release, site files, every document and place.
 * @throws {TrustError}; {BundleError} `DAMAGED`
 */
export async function proveMetadata(path: string, options: ProveOptions): Promise<void> {
  const bundle = await openBundle(path);
  try {
    await judge(bundle, options);
  } finally {
    await bundle.close();
  }
}

/**
 * The same and every byte of its files, for tars of one chain: it is judged in the first, and in the others it must be
 * the very same bytes.
 * @throws {TrustError}; {BundleError} `DAMAGED`
 */
export function proveAlike(options: ProveOptions): (path: string) => Promise<void> {
  let known: { readonly chain: Chain; readonly accepted: Accepted } | undefined;
  return async (path) => {
    const bundle = await openBundle(path);
    try {
      const { chain } = bundle;
      if (known === undefined || !isSameChain(known.chain, chain)) known = { chain, accepted: accept(chain, options) };
      await verifyBundle(bundle, await judge(bundle, options, known.accepted), { threads: 1 });
    } finally {
      await bundle.close();
    }
  };
}

/**
 * Whether this very bundle is there already: everything signed is the same, and every byte is right.
 * @returns `false` when there is no file of the name
 * @throws {ExportError} `EXPORT_DAMAGED` when there is one and it is not so
 */
export async function isThere(
  path: string,
  {
    plan,
    signed,
    ...options
  }: ProveOptions & { plan: BundlePlan; signed: SignedParts; progress: Progress; signal?: AbortSignal | undefined },
): Promise<boolean> {
  const size = await findSize(path);
  if (size === undefined) return false;
  if (size !== plan.size) throw taken(path, `${plan.size} bytes, got ${size}`);
  try {
    const bundle = await openBundle(path);
    try {
      if (!isSame(bundle, signed)) throw taken(path, 'what was signed under this name, got something else');
      const contents = await judge(bundle, options);
      const { progress, signal } = options;
      await verifyBundle(bundle, contents, { progress, ...(signal && { signal }) });
    } finally {
      await bundle.close();
    }
  } catch (error) {
    if (error instanceof BundleError || error instanceof TrustError) throw taken(path, error.message, error);
    throw error;
  }
  return true;
}

type Bundle = Awaited<ReturnType<typeof openBundle>>;

/** What a site that pinned the first root says of a chain. */
function accept(chain: Chain, { product, now }: ProveOptions): Accepted {
  const site = pinRoot(chain.roots[0] as Uint8Array, { confirmed: true });
  return acceptChain(site, chain, { systemTime: now, buildTime: new Date(0), product });
}

async function judge(
  bundle: Bundle,
  options: ProveOptions,
  accepted: Accepted = accept(bundle.chain, options),
): Promise<BundleContents> {
  const { product } = options;
  const { releaseBytes } = bundle;
  if (releaseBytes !== undefined) acceptRelease(accepted, releaseBytes, { product });
  for (const { site: siteID, bytes } of bundle.siteDocuments) acceptSiteFiles(accepted, siteID, bytes, { product });
  return proveContents(bundle, releaseBytes && parseReleaseDocument(releaseBytes));
}

function isSame({ chain, releaseBytes, siteDocuments }: Bundle, signed: SignedParts): boolean {
  const there = [releaseBytes ?? Buffer.of(), ...siteDocuments.map(({ bytes }) => bytes)];
  const expected = [signed.release.bytes, ...signed.sites.filter(isInBundle).map(({ bytes }) => bytes)];
  return isSameChain(chain, signed.chain) && isSameBytes(there, expected);
}

function isSameChain(one: Chain, other: Chain): boolean {
  return isSameBytes(filesOf(one), filesOf(other));
}

function filesOf({ roots, timestamp, snapshot, targets }: Chain): readonly Uint8Array[] {
  return [...roots, timestamp, snapshot, targets];
}

function isSameBytes(some: readonly Uint8Array[], others: readonly Uint8Array[]): boolean {
  return (
    some.length === others.length && some.every((bytes, at) => Buffer.compare(bytes, others[at] ?? Buffer.of()) === 0)
  );
}

async function findSize(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function taken(path: string, why: string, cause?: unknown): ExportError {
  return new ExportError(`export ${path}: ${cause === undefined ? `expected ${why}` : why}`, {
    code: 'EXPORT_DAMAGED',
    cause,
    facts: { path },
  });
}

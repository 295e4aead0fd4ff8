/**
 * The trust decision of an import: which root and catalogue are in force once this bundle is here. On a site without a
 * root the bundle's newest one is pinned, if a person confirms it. What was proven is stored before anything else
 * happens, also when the bundle is refused, so that a revocation stays known. FORMAT §2 "On the site".
 */

import { parseReleaseDocument } from '../../manifest/index.ts';
import type { SiteState, SiteStateReader } from '../../state/index.ts';
import {
  type Accepted,
  acceptChain,
  type Chain,
  matchesFingerprint,
  pinRoot,
  refuseMistyped,
  type SiteTrust,
  TrustError,
} from '../../trust/index.ts';
import { type ConfirmOptions, isCompared } from './first-root.ts';
import { findSiteTrust, storedTrust } from './site-trust.ts';
import { writeTrustChange } from './trust-line.ts';

/** The clocks, and what this site runs. */
export interface JudgeOptions {
  readonly now: Date;
  /** Of the commit that this ferry was built from. @default the beginning of time */
  readonly buildTime?: Date | undefined;
  readonly product?: string | undefined;
}

/** What a site knows before a bundle comes. */
export interface KnownSite {
  readonly trust: SiteTrust | undefined;
  /** The product of the installed release. */
  readonly product: string | undefined;
  /** Releases kept here, to tell two of one name apart. */
  readonly releases: readonly { readonly release: string; readonly sequence: number }[];
}

/** Reads what the site knows; a site without a state knows nothing. */
export async function readKnownSite(state: SiteStateReader | undefined): Promise<KnownSite> {
  const releases: { release: string; sequence: number }[] = [];
  for (const sequence of (await state?.listReleases()) ?? []) {
    const stored = await state?.readRelease(sequence);
    if (stored) releases.push({ release: parseReleaseDocument(stored.document).release, sequence });
  }
  const current = await state?.findCurrentRelease();
  const product = current === undefined ? undefined : parseReleaseDocument(current.document).product;
  return { trust: await findSiteTrust(state), product, releases };
}

/** Judges a chain by the site's view. @throws {TrustError} as `acceptChain`, with `next` */
export function judgeChain(trust: SiteTrust | undefined, chain: Chain, options: JudgeOptions): Accepted {
  const { now, buildTime = new Date(0), product } = options;
  return acceptChain(trust, chain, { systemTime: now, buildTime, ...(product !== undefined && { product }) });
}

export interface ImportTrustOptions extends JudgeOptions, ConfirmOptions {
  /** Where to store what is proven; without it nothing is stored, as in a dry run. */
  readonly state: SiteState | undefined;
  readonly known: KnownSite;
}

/**
 * The catalogue in force after this chain came, stored; whom this site trusts from now on is a line in the audit log.
 * @throws {TrustError} as `acceptChain`; `NOT_PINNED` on a site without a root when nobody confirms the bundle's.
 */
export async function judgeImport(chain: Chain, options: ImportTrustOptions): Promise<Accepted> {
  const { known } = options;
  const trust = known.trust ? confirmed(known.trust, chain, options.fingerprint) : await pinNewest(chain, options);
  try {
    const accepted = judgeChain(trust, chain, { ...options, product: known.product });
    await store(accepted.next, options);
    return accepted;
  } catch (error) {
    // a site that trusted nobody yet stays so when its first bundle is refused
    if (error instanceof TrustError && error.next !== undefined && known.trust !== undefined) {
      await store(error.next, options);
    }
    throw error;
  }
}

async function store(next: SiteTrust, { state, known, now }: ImportTrustOptions): Promise<void> {
  await state?.writeTrust(storedTrust(next));
  await writeTrustChange(state, { before: known.trust, after: next, now });
}

async function pinNewest(chain: Chain, options: ImportTrustOptions): Promise<SiteTrust> {
  const newest = chain.roots.at(-1);
  if (newest === undefined || !(await isCompared(newest, options))) {
    throw new TrustError('judge bundle: expected a pinned root, got a site that trusts nobody yet', {
      code: 'NOT_PINNED',
    });
  }
  return pinRoot(newest, { confirmed: true });
}

/** A fingerprint that is given must be of a root in question, also where one is pinned; that one is then confirmed. */
function confirmed(trust: SiteTrust, chain: Chain, text: string | undefined): SiteTrust {
  if (text === undefined) return trust;
  refuseMistyped(text);
  if (matchesFingerprint(trust.root, text)) return { ...trust, confirmed: true };
  if (chain.roots.some((root) => matchesFingerprint(root, text))) return trust;
  throw new TrustError(
    'judge bundle: expected the pinned root or one of the bundle to have that fingerprint, got none',
    {
      code: 'FINGERPRINT_MISMATCH',
    },
  );
}

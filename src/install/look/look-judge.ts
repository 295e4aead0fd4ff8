/**
 * Whom `inspect` and `verify` believe: a root that is given, else the one that is pinned, else nobody. A root that is
 * given refuses by throwing; what the pinned one says against a bundle is told. Stores nothing.
 */

import type { Bundle } from '../../bundle/index.ts';
import { findState } from '../../state/index.ts';
import { type Accepted, acceptRelease, acceptSiteFiles, pinRoot, TrustError } from '../../trust/index.ts';
import { isCompared } from '../judge/first-root.ts';
import { judgeChain, type KnownSite, readKnownSite } from '../judge/judge.ts';

export interface InspectOptions {
  /** The site's state, whose root counts when none is given. @default none */
  readonly stateDir?: string | undefined;
  /** A root to judge by instead. @default none */
  readonly root?: Uint8Array | undefined;
  /** Must be of `root`. @default not compared */
  readonly fingerprint?: string | undefined;
  readonly now: Date;
  readonly buildTime?: Date | undefined;
}

/** What a root says of a bundle. */
export interface Judged {
  readonly by: 'given' | 'pinned';
  readonly accepted?: Accepted;
  readonly refusal?: TrustError;
  readonly shown?: string;
  readonly warnings: readonly string[];
}

/** Nobody was asked. */
export const UNJUDGED: Judged = { by: 'pinned', warnings: ['not authenticated: no root is pinned or given'] };

/** Judges a bundle by the root that counts here. @throws {TrustError} when the root that was given refuses it */
export async function judge(bundle: Bundle, options: InspectOptions): Promise<Judged> {
  const { root, stateDir } = options;
  if (root !== undefined) return judgeGiven(bundle, root, options);
  const known = await readKnownSite(stateDir === undefined ? undefined : await findState(stateDir));
  if (known.trust === undefined) return UNJUDGED;
  try {
    return { by: 'pinned', ...judgeBy(bundle, known, options) };
  } catch (refusal) {
    if (!(refusal instanceof TrustError)) throw refusal;
    return { by: 'pinned', refusal, warnings: [`not authenticated: ${refusal.message}`] };
  }
}

async function judgeGiven(bundle: Bundle, root: Uint8Array, options: InspectOptions): Promise<Judged> {
  const isConfirmed = await isCompared(root, { fingerprint: options.fingerprint });
  const known = { trust: pinRoot(root, { confirmed: isConfirmed }), product: undefined, releases: [] };
  return { by: 'given', ...judgeBy(bundle, known, options) };
}

function judgeBy(
  bundle: Bundle,
  known: KnownSite,
  options: InspectOptions,
): { readonly accepted: Accepted; readonly shown?: string; readonly warnings: readonly string[] } {
  const { product, releases } = known;
  const accepted = judgeChain(known.trust, bundle.chain, { ...options, product });
  const warnings = [...accepted.warnings];
  for (const { site, bytes } of bundle.siteDocuments) {
    if (acceptSiteFiles(accepted, site, bytes) === 'superseded') warnings.push(`the files for ${site} are superseded`);
  }
  if (bundle.releaseBytes === undefined) return { accepted, warnings };
  // a step back is the import's to refuse: the bytes are no worse for it
  const listed = acceptRelease(accepted, bundle.releaseBytes, {
    allowDowngrade: true,
    known: releases,
    ...(product !== undefined && { product }),
  });
  if (listed.isDowngrade) warnings.push('older than what was installed here: import wants --allow-downgrade');
  return { accepted, shown: listed.shown, warnings };
}

/**
 * The first root of a site, and what a root that a person hands over is to the one that is pinned (FORMAT §2 "First
 * root"). Asking for the fingerprint is the caller's; a root is only ever pinned whole and by its bytes.
 */
import { TrustError } from './error.ts';
import { matchesFingerprint } from './fingerprint.ts';
import type { RootRoles } from './root.ts';
import { readRoot, verifySigned, walkRoots } from './root.ts';
import type { SiteTrust } from './site-trust.ts';
import { checkShape } from './strict.ts';

export interface PinOptions {
  /** Whether a person or `--fingerprint` named it; false for `--yes` alone, which `status` keeps asking about. */
  readonly confirmed: boolean;
  /** Words or digits to compare with; nothing is pinned when they differ. @default not compared */
  readonly fingerprint?: string;
}

/**
 * The view of a site that trusts this root and nothing else yet. A root of any number may be the first.
 * @throws {TrustError} `FINGERPRINT_MISMATCH`; `SIGNATURE_THRESHOLD`, `NOT_CANONICAL`, `METADATA_INVALID` when it is
 * no sound root file.
 */
export function pinRoot(rootBytes: Uint8Array, options: PinOptions): SiteTrust {
  const root = readRoot(rootBytes);
  verifySigned(root, root.file);
  checkShape(root.file); // a later root also bears signatures of former keys, which only its chain can prove
  if (options.fingerprint !== undefined && !matchesFingerprint(rootBytes, options.fingerprint)) {
    throw new TrustError('pin root: expected the fingerprint of the approval sheet, got a root with another', {
      code: 'FINGERPRINT_MISMATCH',
    });
  }
  return { root: rootBytes, confirmed: options.confirmed, floors: {} };
}

/**
 * What a root is to a site's pinned one: the `same` bytes, a `successor` proven step by step, or an `other`, which only
 * `--replace` may put in its place.
 * @param between the roots after the pinned one and before this, where it is not the very next
 */
export function judgeRoot(
  site: SiteTrust,
  rootBytes: Uint8Array,
  between: readonly Uint8Array[] = [],
): 'same' | 'successor' | 'other' {
  if (Buffer.from(site.root).equals(rootBytes)) return 'same';
  const pinned = readRoot(site.root);
  const root = readRoot(rootBytes);
  const steps = [...between.map(readRoot), root].filter(({ version }) => version > pinned.version);
  if (steps.at(-1) !== root) return 'other';
  try {
    walkRoots(pinned, steps);
  } catch (error) {
    if (error instanceof TrustError) return 'other';
    throw error;
  }
  return 'successor';
}

/** Number, end, keys and thresholds of a root file, to show them or to make its successor. @throws {TrustError} as `readRoot` */
export function rootRoles(rootBytes: Uint8Array): { version: number; expires: Date; roles: RootRoles } {
  const { version, expires, roles } = readRoot(rootBytes);
  return { version, expires, roles };
}

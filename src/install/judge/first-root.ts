/**
 * The first root of a site, and what happens when another one is handed over later. A fingerprint is compared, never
 * shown before it matched; only `trust --yes` pins without it, and says so for ever after. FORMAT §2 "First root".
 */

import { FerryError } from '../../errors.ts';
import { ensureSiteIdentity } from '../../site/index.ts';
import { openState, type SiteState, type SystemLog } from '../../state/index.ts';
import {
  type Fingerprint,
  fingerprint,
  judgeRoot,
  matchesFingerprint,
  pinRoot as pinnedBy,
  refuseMistyped,
  rootRoles,
  type SiteTrust,
  TrustError,
} from '../../trust/index.ts';
import { InstallError } from '../error.ts';
import { writeRefusal } from '../records/refusal.ts';
import { type RecoverOptions, recoverPending } from '../transaction/recover.ts';
import { findSiteTrust, storedTrust } from './site-trust.ts';

/** How a root is to be confirmed. */
export interface ConfirmOptions {
  /** 64 hex digits or 12 words of the approval sheet. */
  readonly fingerprint?: string | undefined;
  /** Asks a person for them; answers what was typed. */
  readonly ask?: (() => Promise<string>) | undefined;
}

export interface PinRootOptions extends ConfirmOptions {
  readonly stateDir: string;
  /** The bytes of root.json. */
  readonly root: Uint8Array;
  /** Pin without a comparison when there is none. @default false */
  readonly yes?: boolean | undefined;
  /** Put it in the place of a root that is not its predecessor. @default false */
  readonly replace?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly now: Date;
  /** For a transaction that is pending here: it comes first. */
  readonly engine?: RecoverOptions['engine'] | undefined;
  /** Takes each line of the audit log for the journal of the system too. */
  readonly systemLog?: SystemLog | undefined;
}

export interface PinResult {
  readonly action: 'pinned' | 'same' | 'successor' | 'replaced';
  /** Whether somebody compared it. */
  readonly confirmed: boolean;
  /** Only after it matched. */
  readonly fingerprint?: Fingerprint;
  /** This site's ID. */
  readonly site: string;
}

/**
 * Pins the first root of a site and makes the site's signing key; or takes a successor, or replaces it.
 * @throws {TrustError} `FINGERPRINT_MISMATCH`, `ROOT_MISMATCH` for another root without `replace`, and what is wrong
 *   with the file; {InstallError} `FINGERPRINT_NEEDED`; {ContentError} `LOCKED`; {StateError}. Nothing is pinned then.
 */
export async function pinRoot(options: PinRootOptions): Promise<PinResult> {
  pinnedBy(options.root, { confirmed: false }); // a file that is no root makes no state and is worth no question
  const state = await openState(options.stateDir, { systemLog: options.systemLog });
  const lock = await state.lock();
  try {
    return await pin(state, options);
  } catch (error) {
    if (error instanceof FerryError) await writeRefusal(state, error, { facts: { command: 'trust' }, ...options });
    throw error;
  } finally {
    await lock.release();
  }
}

async function pin(state: SiteState, options: PinRootOptions): Promise<PinResult> {
  const { engine, now } = options;
  if (engine !== undefined) await recoverPending(state, { engine, now });
  const { action, site } = await decide(await findSiteTrust(state), options);
  const { site: id } = await ensureSiteIdentity(state);
  await state.writeTrust(storedTrust(site));
  if (action !== 'same') await writeDown(state, { action, site, options });
  const isShown = site.confirmed && { fingerprint: fingerprint(site.root) };
  return { action, confirmed: site.confirmed, site: id, ...isShown };
}

interface Decision {
  readonly action: PinResult['action'];
  readonly site: SiteTrust;
}

async function decide(pinned: SiteTrust | undefined, options: PinRootOptions): Promise<Decision> {
  const { root } = options;
  if (pinned === undefined) return { action: 'pinned', site: await firstView(options) };
  const relation = judgeRoot(pinned, root);
  if (relation === 'same') return confirmSame(pinned, options);
  if (relation === 'successor') {
    // nobody is asked, but a fingerprint that was given must be this root's
    const isConfirmed = await isCompared(root, { fingerprint: options.fingerprint });
    const site = follow(pinned, root);
    return { action: 'successor', site: { ...site, confirmed: site.confirmed || isConfirmed } };
  }
  if (options.replace) return { action: 'replaced', site: await firstView(options) };
  throw new TrustError('pin root: expected the pinned root or one that follows from it, got another', {
    code: 'ROOT_MISMATCH',
    facts: { version: rootRoles(root).version },
  });
}

async function firstView(options: PinRootOptions): Promise<SiteTrust> {
  const isConfirmed = await isCompared(options.root, options);
  if (!isConfirmed && !options.yes) throw fingerprintNeeded();
  return pinnedBy(options.root, { confirmed: isConfirmed });
}

async function confirmSame(pinned: SiteTrust, options: PinRootOptions): Promise<Decision> {
  const ask = pinned.confirmed ? undefined : options.ask;
  const isConfirmed = await isCompared(pinned.root, { fingerprint: options.fingerprint, ask });
  if (pinned.confirmed || !isConfirmed) return { action: 'same', site: pinned };
  return { action: 'pinned', site: { ...pinned, confirmed: true } };
}

/** TUF 1.0 §5.3.11: a catalogue and clock whose keys the new root has dropped are forgotten. */
function follow(pinned: SiteTrust, root: Uint8Array): SiteTrust {
  const [before, after] = [rootRoles(pinned.root).roles, rootRoles(root).roles];
  const isDropped = (['timestamp', 'snapshot'] as const).some((role) =>
    before[role].keys.some(({ keyID }) => !after[role].keys.some((key) => key.keyID === keyID)),
  );
  const { chain: _chain, clock: _clock, ...kept } = pinned;
  return { ...(isDropped ? kept : pinned), root };
}

/**
 * Whether the root was compared with what a person holds; false when nothing was given and nobody can be asked.
 * @throws {TrustError} `FINGERPRINT_MISMATCH`
 */
export async function isCompared(root: Uint8Array, { fingerprint: given, ask }: ConfirmOptions): Promise<boolean> {
  const text = given ?? (await ask?.());
  if (text === undefined) return false;
  refuseMistyped(text);
  if (matchesFingerprint(root, text)) return true;
  throw new TrustError('pin root: expected the fingerprint of the approval sheet, got a root with another', {
    code: 'FINGERPRINT_MISMATCH',
  });
}

/** The error for a root that nobody compared. */
function fingerprintNeeded(): InstallError {
  return new InstallError('pin root: expected the 12 words or 64 digits of the approval sheet, got no answer', {
    code: 'FINGERPRINT_NEEDED',
  });
}

async function writeDown(
  state: SiteState,
  { action, site, options }: Decision & { readonly options: PinRootOptions },
): Promise<void> {
  const facts = {
    action,
    confirmed: site.confirmed,
    fingerprint: fingerprint(site.root).hex,
    ...(options.reason !== undefined && { reason: options.reason }),
  };
  await state.appendAudit({ event: 'trust', at: options.now, facts });
  if (action === 'replaced') {
    await state.appendAudit({ event: 'override', at: options.now, facts: { flag: '--replace', ...facts } });
  }
}

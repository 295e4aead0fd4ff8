/**
 * `ferry license install`: a licence that came without a bundle takes the place of the present one, in a transaction of
 * its own: journal, lock, recovery first, a line in the audit log. The old one is kept with the installed release. It
 * needs no engine; one that answers tells which containers still see the old file.
 */

import { basename, join } from 'node:path';
import { FerryError } from '../../errors.ts';
import { type License, LicenseError, type LicenseState, licenseState, readLicense } from '../../license/index.ts';
import type { Digest } from '../../oci/index.ts';
import { ensureSiteIdentity, findSiteIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { TrustError } from '../../trust/index.ts';
import { reasonMissing } from '../error.ts';
import { hostPath } from '../files/host-path.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { keptName } from '../kept/installed.ts';
import { writeRefusal } from '../records/refusal.ts';
import type { CarryOutSite } from '../transaction/change-site.ts';
import { type Recovered, recoverPending } from '../transaction/recover.ts';
import { type CarriedOut, carryOut } from './carry-out.ts';
import { readLicenseFile } from './file.ts';
import { type LicensePlan, planLicense } from './plan.ts';
import { type SiteClockOptions, siteClock } from './site-clock.ts';

export interface InstallLicenseOptions extends SiteClockOptions, CarryOutSite {
  /** The licence. */
  readonly path: string;
  readonly stateDir: string;
  /** Where it goes, absolute, without the prefix, where no release says. */
  readonly to?: string | undefined;
  /** Takes one that ends sooner than the installed one, which is valid; wants a reason. @default false */
  readonly allowShorter?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
}

/** What it says, and what became of it: never its text. */
export interface InstallLicenseResult extends License, LicenseState {
  /** `present`: this very licence is installed already. */
  readonly action: 'installed' | 'present';
  /** On this host. */
  readonly path: string;
  readonly digest: Digest;
  /** The one that it has replaced, and where its bytes are kept. */
  readonly previous?: { readonly digest: Digest; readonly kept: string };
  /** Containers that still see the old file, because they mount that one file: they must be made anew. */
  readonly recreate?: NonNullable<CarriedOut['recreate']>;
  /** What became of a transaction that was pending. */
  readonly recovered: Recovered;
  readonly warnings: readonly string[];
}

/**
 * Installs a licence, or leaves every file as it was.
 * @throws {LicenseError}; {InstallError} `LICENSE_PLACE`, `LICENSE_SHORTER`, `REASON_MISSING`, and as `runTransaction`;
 *   {TrustError} `NOT_PINNED` on a host that is no site; {SealError}, {StateError}, {ContentError} `LOCKED`
 */
export async function installLicense(options: InstallLicenseOptions): Promise<InstallLicenseResult> {
  const { stateDir, command, systemLog, path, now, reason } = options;
  if (options.allowShorter && !reason) throw reasonMissing('install licence', '--allow-shorter');
  if ((await findState(stateDir)) === undefined) throw noSite(stateDir);
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    const { recovered, warnings } = await recoverPending(state, options);
    const done = await installWith(state, options);
    return { ...done, recovered, warnings: [...warnings, ...done.warnings] };
  } catch (error) {
    const facts = { command: 'license install', file: basename(path) };
    if (error instanceof FerryError) await writeRefusal(state, error, { facts, now, reason });
    throw error;
  } finally {
    await lock.release();
  }
}

type Done = Omit<InstallLicenseResult, 'recovered'>;

async function installWith(state: SiteState, options: InstallLicenseOptions): Promise<Done> {
  const { path, stateDir, prefix, to, allowShorter, reason = '', now } = options;
  const clock = siteClock(await findSiteTrust(state), options);
  const found = await findSiteIdentity(state);
  const bytes = await readLicenseFile(path, found);
  const what = basename(path);
  const plan = await planLicense({ state, identity: found, stateDir, prefix, what, bytes, to, allowShorter, clock });
  try {
    const { change } = plan;
    if (change === undefined) {
      const { license, warnings } = await readInstalled(bytes, { publicKey: plan.publicKey, what });
      return { ...describe(plan, license, { prefix, clock }), action: 'present', warnings };
    }
    const { license } = change;
    const about = describe(plan, license, { prefix, clock });
    // what cannot be written down is not done
    const override = { flag: '--allow-shorter', reason };
    if (change.isShorter) await state.appendAudit({ event: 'override', at: now, facts: override });
    const identity = await ensureSiteIdentity(state, { now });
    const { recreate, warnings } = await carryOut({ ...plan, change }, { state, identity, bytes, options, license });
    const previous = await previousOf(plan, state);
    const untold = about.mode === 'unknown' ? [`${what} does not say until when it is valid`] : [];
    const more = { ...(previous && { previous }), ...(recreate && { recreate }) };
    return { ...about, action: 'installed', ...more, warnings: [...untold, ...warnings] };
  } finally {
    await plan.tree.close();
  }
}

/** What is installed already is no more refused, also where the release has another key since. */
async function readInstalled(
  bytes: Uint8Array,
  about: { readonly publicKey: string | undefined; readonly what: string },
): Promise<{ readonly license: License; readonly warnings: readonly string[] }> {
  try {
    return { license: await readLicense(bytes, about), warnings: [] };
  } catch (error) {
    if (!(error instanceof LicenseError)) throw error;
    return { license: { kind: 'opaque', isProven: false }, warnings: [error.message] };
  }
}

function describe(
  { planned: { file }, graceDays }: LicensePlan,
  license: License,
  { prefix, clock }: { readonly prefix: string; readonly clock: Date },
): License & LicenseState & Pick<Done, 'path' | 'digest'> {
  const state = licenseState(license, { graceDays, now: clock });
  return { path: hostPath(prefix, file.path), digest: file.digest, ...license, ...state };
}

/** The bytes that went are kept with the release, where nothing of them was kept yet. */
async function previousOf(
  { planned: { file, found } }: LicensePlan,
  state: SiteState,
): Promise<InstallLicenseResult['previous']> {
  if (found === undefined || found.digest === file.digest) return undefined;
  const sequence = (await state.findCurrentSequence()) ?? 0;
  return { digest: found.digest, kept: join(state.dir, 'releases', String(sequence), keptName(found.digest)) };
}

function noSite(stateDir: string): TrustError {
  return new TrustError(`install licence: expected a site in ${stateDir}, got none`, { code: 'NOT_PINNED' });
}

/**
 * `ferry license install`: a licence that came without a bundle takes the place of the present one, in a transaction of
 * its own: journal, lock, recovery first, a line in the audit log. The old one is kept with the installed release. It
 * needs no engine; one that answers tells which containers still see the old file.
 */

import { randomBytes } from 'node:crypto';
import { basename, join } from 'node:path';
import type { Progress } from '../../content/index.ts';
import { DockerError, type Engine } from '../../docker/index.ts';
import { FerryError } from '../../errors.ts';
import { type License, type LicenseState, licenseState, readLicense } from '../../license/index.ts';
import type { Digest } from '../../oci/index.ts';
import { ensureSiteIdentity, type WholeIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { formatTime, TrustError } from '../../trust/index.ts';
import { reasonMissing } from '../error.ts';
import { hostPath } from '../files/host-path.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { keptName } from '../kept/installed.ts';
import { lineOrWarning } from '../records/import-log.ts';
import { writeRefusal } from '../records/refusal.ts';
import type { Outcome } from '../steps/step.ts';
import { type Recovered, recoverPending } from '../transaction/recover.ts';
import { siteFor } from '../transaction/site.ts';
import { runTransaction } from '../transaction/transaction.ts';
import { readLicenseFile } from './file.ts';
import { LICENSE_ENTRY, type LicensePlan, planLicense } from './plan.ts';
import { type SiteClockOptions, siteClock } from './site-clock.ts';

export interface InstallLicenseOptions extends SiteClockOptions {
  /** The licence. */
  readonly path: string;
  readonly stateDir: string;
  /** What stands before every installed path. */
  readonly prefix: string;
  /** Where it goes, absolute, without the prefix, where no release says. */
  readonly to?: string | undefined;
  /** Takes one that ends sooner than the installed one, which is valid; wants a reason. @default false */
  readonly allowShorter?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly engine: (socket: string | undefined) => Promise<Engine>;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
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
  readonly recreate?: NonNullable<Outcome['recreate']>;
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
  const identity = await ensureSiteIdentity(state, { now });
  const bytes = await readLicenseFile(path, identity);
  const what = basename(path);
  const plan = await planLicense({ state, identity, stateDir, prefix, what, bytes, to, allowShorter, clock });
  try {
    const { publicKey, change } = plan;
    const license = change?.license ?? (await readLicense(bytes, { publicKey, what }));
    const about = describe(plan, license, { prefix, clock });
    if (change === undefined) return { ...about, action: 'present', warnings: [] };
    // what cannot be written down is not done
    const override = { flag: '--allow-shorter', reason };
    if (change.isShorter) await state.appendAudit({ event: 'override', at: now, facts: override });
    const { recreate, warnings } = await carryOut({ ...plan, change }, { state, identity, bytes, options, license });
    const previous = await previousOf(plan, state);
    const untold = about.mode === 'unknown' ? [`${what} does not say until when it is valid`] : [];
    const more = { ...(previous && { previous }), ...(recreate && { recreate }) };
    return { ...about, action: 'installed', ...more, warnings: [...untold, ...warnings] };
  } finally {
    await plan.tree.close();
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

interface CarryOutOptions {
  readonly state: SiteState;
  readonly identity: WholeIdentity;
  readonly bytes: Uint8Array;
  readonly license: License;
  readonly options: InstallLicenseOptions;
}

async function carryOut(
  { tree, change: { steps }, planned: { file }, product }: LicensePlan & Required<Pick<LicensePlan, 'change'>>,
  { state, identity, bytes, license: { validUntil }, options }: CarryOutOptions,
): Promise<{ readonly recreate?: NonNullable<Outcome['recreate']>; readonly warnings: readonly string[] }> {
  const { prefix, now, signal, progress } = options;
  const warnings: string[] = [];
  const until = validUntil && { validUntil: formatTime(validUntil) };
  const facts = { path: hostPath(prefix, file.path), digest: file.digest, ...until };
  const engine = await options.engine(undefined).catch(unlessAway);
  try {
    const id = randomBytes(6).toString('hex');
    const site = await siteFor({
      ...{ id, state, identity, engine, prefix, tree, now, began: performance.now(), signal, progress },
      medium: { ...NO_MEDIUM, opened: new Map([[LICENSE_ENTRY, bytes]]) },
      warn: (line) => warnings.push(line),
      tell: async (became) =>
        became === 'undone' ? [] : lineOrWarning(() => state.appendAudit({ event: 'license', at: now, facts })),
    });
    const about = { id, command: 'license', title: 'install the licence', product, prefix } as const;
    // no engine: whoever finishes this needs none
    await runTransaction({ ...about, started: now.toISOString(), steps, at: 0, direction: 'forward' }, site);
    return { ...(site.outcome.recreate && { recreate: site.outcome.recreate }), warnings };
  } finally {
    engine?.close();
  }
}

const NO_MEDIUM = { bundle: undefined, plans: new Map(), spoolDir: '', onBytes: () => {} };

function unlessAway(error: unknown): undefined {
  if (!(error instanceof DockerError)) throw error;
}

function noSite(stateDir: string): TrustError {
  return new TrustError(`install licence: expected a site in ${stateDir}, got none`, { code: 'NOT_PINNED' });
}

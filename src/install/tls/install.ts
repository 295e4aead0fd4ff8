/**
 * `ferry tls install`: a certificate that came without a bundle takes the place of the present one and is served, in a
 * transaction of its own: journal, lock, recovery first, a line in the audit log. The old one is kept, and back at once
 * where the new one is not served. It needs no release, no trust and no engine. FORMAT §8, trust-and-tls.md §6.
 */

import { basename, join } from 'node:path';
import { FerryError } from '../../errors.ts';
import { ensureSiteIdentity } from '../../site/index.ts';
import { findState, openState, type SiteState, type SystemLog } from '../../state/index.ts';
import { type CertificateState, certificateState } from '../../tls/index.ts';
import { reasonMissing } from '../error.ts';
import { hostPath } from '../files/host-path.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { keptName } from '../kept/installed.ts';
import { type SiteClockOptions, siteClock } from '../license/site-clock.ts';
import { writeRefusal } from '../records/refusal.ts';
import { type Recovered, recoverPending } from '../transaction/recover.ts';
import { type CarryOutTLSSite, carryOutTLS, type ServedTLS } from './carry-out.ts';
import type { CertificateFacts } from './current.ts';
import { type GivenMaterial, type GivenPaths, readGiven } from './given.ts';
import { CHAIN_FILE, KEY_FILE } from './pair.ts';
import { planTLS, type TLSPlan } from './plan.ts';

export interface InstallTLSOptions extends GivenPaths, SiteClockOptions, CarryOutTLSSite {
  readonly stateDir: string;
  /** DNS names and addresses that it must be for. @default those of the release and of the one in use */
  readonly names?: readonly string[] | undefined;
  /** Where it goes, absolute, without the prefix. @default where the release says, else where one is */
  readonly dir?: string | undefined;
  /** Takes one that ends sooner than the one in use; wants a reason. @default false */
  readonly allowShorter?: boolean | undefined;
  /** Takes one for fewer names than the one in use; wants a reason. @default false */
  readonly allowFewerNames?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly command?: string | undefined;
  readonly systemLog?: SystemLog | undefined;
}

/** What it says, and what became of it: never its key. */
export interface InstallTLSResult extends CertificateFacts, CertificateState, ServedTLS {
  /** `present`: this very certificate is installed already; it may have been reloaded all the same. */
  readonly action: 'installed' | 'present';
  /** On this host. */
  readonly dir: string;
  readonly files: readonly { readonly path: string; readonly action: 'installed' | 'same' }[];
  /** Where the key came from. */
  readonly key: 'given' | 'waiting' | 'installed';
  /** The certificate that it has replaced, and where the bytes of the files are kept that went. */
  readonly previous?: { readonly fingerprint?: string; readonly notAfter?: Date; readonly kept: readonly string[] };
  /** What became of a transaction that was pending. */
  readonly recovered: Recovered;
  readonly warnings: readonly string[];
}

/**
 * Installs a certificate and sees that it is served, or leaves every file as it was.
 * @throws {TLSError}; {InstallError} `TLS_NO_KEY`, `TLS_PLACE`, `TLS_NOT_SERVED`, `RELOAD_FAILED`, `RELOAD_FORBIDDEN`,
 *   `REASON_MISSING`, and as `runTransaction`; {StateError}, {ContentError} `LOCKED`
 */
export async function installTLS(options: InstallTLSOptions): Promise<InstallTLSResult> {
  const { stateDir, command, systemLog, cert, now, reason } = options;
  if (options.allowShorter && !reason) throw reasonMissing('install certificate', '--allow-shorter');
  if (options.allowFewerNames && !reason) throw reasonMissing('install certificate', '--allow-fewer-names');
  // a pipe can be read once, and what is refused on a host that is no site makes none
  const first = (await findState(stateDir)) === undefined ? await tryWithout(options) : undefined;
  const state = await openState(stateDir, { command, systemLog });
  const lock = await state.lock();
  try {
    const { recovered, warnings } = await recoverPending(state, options);
    const done = await installWith(state, first ?? (await readGiven(options)), options);
    return { ...done, recovered, warnings: [...warnings, ...done.warnings] };
  } catch (error) {
    const facts = { command: 'tls install', file: basename(cert) };
    if (error instanceof FerryError) await writeRefusal(state, error, { facts, now, reason });
    throw error;
  } finally {
    await lock.release();
  }
}

/** All that can be refused, on a host without a state. */
async function tryWithout(options: InstallTLSOptions): Promise<GivenMaterial> {
  const given = await readGiven(options);
  const { names = [] } = options;
  const clock = siteClock(undefined, options);
  const { files } = await planTLS({ ...options, names, state: undefined, given, clock });
  await files.tree.close();
  return given;
}

type Done = Omit<InstallTLSResult, 'recovered'>;

async function installWith(state: SiteState, given: GivenMaterial, options: InstallTLSOptions): Promise<Done> {
  const { names = [], reason = '', now } = options;
  const clock = siteClock(await findSiteTrust(state), options);
  const plan = await planTLS({ ...options, names, state, given, clock });
  try {
    // what cannot be written down is not done
    for (const flag of overridesOf(plan)) {
      await state.appendAudit({ event: 'override', at: now, facts: { flag, reason } });
    }
    const identity = await ensureSiteIdentity(state, { now });
    const { isChanged, warnings, ...served } = await carryOutTLS(plan, { state, identity, options });
    const previous = await previousOf(plan, state);
    return {
      ...describe(plan, { prefix: options.prefix, clock }),
      action: isChanged ? 'installed' : 'present',
      ...(previous && { previous }),
      ...served,
      warnings,
    };
  } finally {
    await plan.files.tree.close();
  }
}

function overridesOf({ pair }: TLSPlan): readonly string[] {
  if (pair === undefined) return [];
  const { isShorter, droppedNames } = pair.judged;
  return [...(isShorter ? ['--allow-shorter'] : []), ...(droppedNames.length > 0 ? ['--allow-fewer-names'] : [])];
}

function describe(
  { place: { dir }, next, pair, files }: TLSPlan,
  { prefix, clock }: { readonly prefix: string; readonly clock: Date },
): CertificateFacts & CertificateState & Pick<Done, 'dir' | 'files' | 'key'> {
  return {
    dir: hostPath(prefix, dir),
    files: files.files.map(({ file, action }) => ({
      path: hostPath(prefix, file.path),
      action: action === 'installed' ? 'installed' : 'same',
    })),
    ...next,
    ...certificateState(next, clock),
    key: pair?.keyFrom ?? 'installed',
  };
}

/** The bytes that went are kept with the release, those of the key among them. */
async function previousOf({ files, current }: TLSPlan, state: SiteState): Promise<InstallTLSResult['previous']> {
  const gone = files.files.filter(({ file, found }) => found !== undefined && found.digest !== file.digest);
  if (gone.length === 0) return undefined;
  const folder = join(state.dir, 'releases', String((await state.findCurrentSequence()) ?? 0));
  const [chain, key] = [CHAIN_FILE, KEY_FILE].map((name) => gone.find(({ file }) => file.name === name)?.found);
  const kept = [chain, key].flatMap((found) => (found === undefined ? [] : [join(folder, keptName(found.digest))]));
  const told = current && { fingerprint: current.fingerprint, notAfter: current.notAfter };
  return { ...told, kept };
}

/**
 * What is here: the release that is installed, its images and files as they are against as they were installed, what is
 * pending, how long the catalogue holds, and where a rollback would go. Whatever wants a person is a line in
 * `attention`. Changes nothing, and tells what it can when a part cannot be read or asked. DESIGN "status".
 */

import type { Engine } from '../../docker/index.ts';
import { findSiteIdentity, type SiteIdentity } from '../../site/index.ts';
import { findState, type SiteStateReader } from '../../state/index.ts';
import type { ActivationRecord } from '../activation/activation-record.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import type { SiteLicense } from '../license/look.ts';
import { type SiteClockOptions, siteClock } from '../license/site-clock.ts';
import { policyLines } from '../policy.ts';
import type { SiteTLS } from '../tls/look.ts';
import type { OldContainer } from './containers.ts';
import { lookInEngine } from './engine.ts';
import { lookAtFerry, type StatusFerry } from './ferry.ts';
import { fileLines, lookAtReleaseFiles, type StatusFile } from './files.ts';
import type { StatusImage } from './images.ts';
import { lookAtJournal, type PendingTransaction } from './journal.ts';
import { lookAtStatusLicense } from './license.ts';
import type { StatusPins } from './pins.ts';
import { type InstalledRelease, lookAtRelease } from './release.ts';
import { lookAtStatusTLS } from './tls.ts';
import { lookAtTrust, type StatusCatalogue, type StatusRoot } from './trust.ts';

export interface StatusOptions extends SiteClockOptions {
  readonly stateDir: string;
  /** Connects to the engine; status also tells what it can without. */
  readonly engine: () => Promise<Engine>;
  /** What stands before every installed path. @default what the receipt says */
  readonly prefix?: string | undefined;
}

export interface SiteStatus {
  readonly site?: string;
  /** What people call the site. */
  readonly name?: string;
  readonly product?: string;
  /** Absent on a site that has none, also where what was here before ferry is back. */
  readonly release?: string;
  /** 0 where what was here before ferry is back. */
  readonly sequence?: number;
  /** When it was installed, ISO 8601. */
  readonly installed?: string;
  readonly images: readonly StatusImage[];
  readonly files: readonly StatusFile[];
  /** The product's licence, and what the product does with it. */
  readonly license?: SiteLicense;
  /** The certificate, what is served of it, and the requests that wait. */
  readonly tls?: SiteTLS;
  /** The ferry that /usr/bin/ferry leads to; absent where an import never linked one. */
  readonly ferry?: StatusFerry;
  /** Of the installed release and of the one to go back to; absent when the engine could not be asked. */
  readonly pins?: readonly StatusPins[];
  /** Running containers of the product with older images; absent when the engine could not be asked. */
  readonly oldContainers?: readonly OldContainer[];
  /** What came of the last `--activate`. */
  readonly activation?: {
    readonly result: 'healthy' | 'failed';
    readonly at: Date;
    readonly why?: string;
    /** It failed, and what was to run runs by now. */
    readonly isSettled?: true;
  };
  /** What `ferry rollback` would bring back: a release, or sequence 0. */
  readonly rollback?: { readonly sequence: number; readonly release: string; readonly isRevoked: boolean };
  /** A transaction that is under way, or was cut off. */
  readonly pending?: PendingTransaction;
  /** What may be installed, as far as this site knows. */
  readonly catalogue?: StatusCatalogue;
  readonly root?: StatusRoot;
  /** Lines for a person; status 10 when there are any. */
  readonly attention: readonly string[];
}

/** Looks at the site. @throws {StateError} when its folder cannot be read */
export async function siteStatus({ stateDir, engine, prefix, ...clocks }: StatusOptions): Promise<SiteStatus> {
  const state = await findState(stateDir);
  const trust = await findSiteTrust(state);
  const identity = state && (await findSiteIdentity(state));
  const who = whoFields(identity);
  if (state === undefined || trust === undefined) return lookWithoutTrust(state, { who, prefix, clocks });
  const { pending, line } = await lookAtJournal(state);
  const { release, lines } = await lookAtRelease({ state, identity, trust });
  const {
    lines: inEngine,
    isActivationSettled = false,
    ...asked
  } = await lookInEngine({ connect: engine, site: who.site ?? '', release });
  const files = await lookAtReleaseFiles(release, prefix);
  const { lines: ofFerry, ...ferry } = await lookAtFerry(release, prefix);
  const { lines: ofTrust, ...trusted } = lookAtTrust(trust, clocks.now);
  const clock = siteClock(trust, clocks);
  const { lines: ofTLS, ...secured } = await lookAtStatusTLS({ state, prefix, release, clock });
  const { lines: ofLicense, ...licensed } = await lookAtStatusLicense({ state, identity, prefix, release, clock });
  return {
    ...who,
    ...releaseFields(release, isActivationSettled),
    ...asked,
    files,
    ...licensed,
    ...secured,
    ...ferry,
    ...(pending !== undefined && { pending }),
    ...trusted,
    attention: [
      ...(line === undefined ? [] : [line]),
      ...lines,
      ...releaseLines(release, isActivationSettled),
      ...inEngine,
      ...fileLines(files),
      ...ofFerry,
      ...ofLicense,
      ...ofTLS,
      ...ofTrust,
      ...(await policyLines(state)),
    ],
  };
}

/** A certificate and its key come before any trust. */
async function lookWithoutTrust(
  state: SiteStateReader | undefined,
  {
    who,
    prefix,
    clocks,
  }: { who: Pick<SiteStatus, 'site' | 'name'>; prefix: string | undefined; clocks: SiteClockOptions },
): Promise<SiteStatus> {
  const clock = siteClock(undefined, clocks);
  const { pending, line } = state ? await lookAtJournal(state) : {};
  const { lines, ...secured } = await lookAtStatusTLS({ state, prefix, release: undefined, clock });
  return {
    ...who,
    images: [],
    files: [],
    ...secured,
    ...(pending !== undefined && { pending }),
    attention: [
      ...(line === undefined ? [] : [line]),
      'no root is pinned here: the first ferry import asks for its fingerprint, or pin one with ferry trust',
      ...lines,
    ],
  };
}

function whoFields(identity: SiteIdentity | undefined): Pick<SiteStatus, 'site' | 'name'> {
  if (identity === undefined) return {};
  const { site, name } = identity;
  return { site, ...(name !== undefined && { name }) };
}

function releaseFields(release: InstalledRelease | undefined, isActivationSettled: boolean) {
  if (release === undefined) return {};
  const { sequence, product, shown, receipt, activation, previous } = release;
  return {
    ...(sequence !== 0 && { product, release: shown }),
    sequence,
    ...(receipt !== undefined && { installed: receipt.finished }),
    ...(activation !== undefined && { activation: activationField(activation, isActivationSettled) }),
    ...(previous !== undefined && {
      rollback: { sequence: previous.sequence, release: previous.shown, isRevoked: previous.isRevoked },
    }),
  };
}

function activationField({ result, at, why }: ActivationRecord, isSettled: boolean): SiteStatus['activation'] {
  return { result, at, ...(why !== undefined && { why }), ...(isSettled && { isSettled }) };
}

function releaseLines(release: InstalledRelease | undefined, isActivationSettled: boolean): readonly string[] {
  if (release === undefined) return [];
  const { isRevoked, activation, previous } = release;
  const orBack = previous === undefined || previous.isRevoked ? '' : ', or go back with ferry rollback';
  return [
    ...(isRevoked ? [`the installed release is revoked: import one that the catalogue lists${orBack}`] : []),
    ...(activation?.result === 'failed' && !isActivationSettled
      ? // of this release, or of one that was left again
        [`the last --activate failed: ${activation.why ?? 'no reason is known'}`]
      : []),
  ];
}

/** `ferry tls show`: the certificate of this site, for whoever asks, and the lines for a person. */

import type { HostPort } from '../../manifest/index.ts';
import { findSiteIdentity } from '../../site/index.ts';
import { findState } from '../../state/index.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { type SiteClockOptions, siteClock } from '../license/site-clock.ts';
import { findPolicy } from '../policy.ts';
import { findInstalledPrefix } from '../records/installed-prefix.ts';
import { lookAtTLS, type SiteTLS } from './look.ts';

export interface ShowTLSOptions extends SiteClockOptions {
  readonly stateDir: string;
  /** What stands before every installed path. @default what the receipt says */
  readonly prefix?: string | undefined;
  /** Whether the live port is looked at, where `site.yaml` names one; or the address. @default false */
  readonly probe?: boolean | HostPort | undefined;
}

/**
 * What is there; `undefined` on a host without a certificate and a request.
 * @throws {StateError}, {SiteError}; {ManifestError} `POLICY_INVALID`
 */
export async function showTLS({ stateDir, prefix, probe = false, ...clocks }: ShowTLSOptions) {
  const state = await findState(stateDir);
  const identity = state && (await findSiteIdentity(state));
  const clock = siteClock(await findSiteTrust(state), clocks);
  const before = prefix ?? (state === undefined ? '/' : await findInstalledPrefix(state, identity));
  const at = probe === true ? (await findPolicy(state)).tls?.probe : probe || undefined;
  return lookAtTLS({ state, prefix: before, clock, probe: at }) satisfies Promise<SiteTLS | undefined>;
}

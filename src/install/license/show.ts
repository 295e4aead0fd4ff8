/** `ferry license show`: the licence of this site, for whoever asks. */

import { findSiteIdentity } from '../../site/index.ts';
import { findState } from '../../state/index.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { findInstalledPrefix } from '../records/installed-prefix.ts';
import { lookAtLicense, type SiteLicense } from './look.ts';
import { type SiteClockOptions, siteClock } from './site-clock.ts';

export interface ShowLicenseOptions extends SiteClockOptions {
  readonly stateDir: string;
  /** What stands before every installed path. @default what the receipt says */
  readonly prefix?: string | undefined;
}

/** What is there; `undefined` on a host where nobody says that there is a licence. @throws {StateError}, {SiteError} */
export async function showLicense({
  stateDir,
  prefix,
  ...clocks
}: ShowLicenseOptions): Promise<SiteLicense | undefined> {
  const state = await findState(stateDir);
  if (state === undefined) return undefined;
  const identity = await findSiteIdentity(state);
  const clock = siteClock(await findSiteTrust(state), clocks);
  return lookAtLicense({ state, identity, prefix: prefix ?? (await findInstalledPrefix(state, identity)), clock });
}

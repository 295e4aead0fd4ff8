/** `ferry license show`: the licence of this site, for whoever asks. */

import { findSiteIdentity, type SiteIdentity } from '../../site/index.ts';
import { findState, type SiteStateReader } from '../../state/index.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { findInstalled } from '../kept/installed.ts';
import { openReceipt } from '../records/signed-receipt.ts';
import { prefixIn } from '../status/files.ts';
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
  return lookAtLicense({ state, identity, prefix: prefix ?? (await findPrefix(state, identity)), clock });
}

/** As the receipt of the installed release says. */
async function findPrefix(state: SiteStateReader, identity: SiteIdentity | undefined): Promise<string> {
  const sequence = await state.findCurrentSequence();
  if (sequence === undefined || identity === undefined) return '/';
  const receipt = await state.findReleaseFile(sequence, 'receipt.json');
  const installed = await findInstalled(state, sequence);
  return receipt === undefined ? '/' : prefixIn(openReceipt(receipt, identity).files, installed?.files ?? []);
}

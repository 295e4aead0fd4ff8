/** What stands before every installed path on this host, for whoever does not say it. */

import type { SiteIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { findInstalled } from '../kept/installed.ts';
import { prefixIn } from '../status/files.ts';
import { openReceipt } from './signed-receipt.ts';

/** As the receipt of the installed release says; `/` where there is none. @throws {InstallError} `RECEIPT_ALTERED` */
export async function findInstalledPrefix(state: SiteStateReader, identity: SiteIdentity | undefined): Promise<string> {
  const sequence = await state.findCurrentSequence();
  if (sequence === undefined || identity === undefined) return '/';
  const receipt = await state.findReleaseFile(sequence, 'receipt.json');
  const installed = await findInstalled(state, sequence);
  return receipt === undefined ? '/' : prefixIn(openReceipt(receipt, identity).files, installed?.files ?? []);
}

/**
 * A key that was installed here and is kept for a way back: after one, the same bundle may come again, with the
 * certificate alone, for the key that waited here is used up. Reads and changes nothing.
 */

import type { SiteStateReader } from '../../state/index.ts';
import { findInstalled, keptName } from '../kept/installed.ts';
import { findSpki } from './pair.ts';

/** The key of an SPKI among those that kept releases had, PKCS#8 PEM. Secret. */
export async function findKeptKey(state: SiteStateReader | undefined, spki: string): Promise<string | undefined> {
  if (state === undefined) return undefined;
  for (const sequence of [0, ...(await state.listReleases())]) {
    const files = (await findInstalled(state, sequence))?.files ?? [];
    for (const { role, digest } of files) {
      if (role !== 'key' || digest === null) continue;
      const bytes = await state.findReleaseFile(sequence, keptName(digest));
      if (bytes !== undefined && findSpki(bytes) === spki) return bytes.toString('utf8');
    }
  }
  return undefined;
}

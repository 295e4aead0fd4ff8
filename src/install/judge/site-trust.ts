/** Between what the state stores and what the room trust judges: the same view, checked where it comes from a disk. */

import type { SiteStateReader, StoredTrust } from '../../state/index.ts';
import type { SiteTrust } from '../../trust/index.ts';

/** The site's view as stored, or `undefined` when no root is pinned. @throws {StateError} `STATE_DAMAGED` */
export async function findSiteTrust(state: SiteStateReader | undefined): Promise<SiteTrust | undefined> {
  const stored = await state?.findTrust();
  return stored === undefined ? undefined : { ...stored, floors: floorsOf(stored.floors) };
}

/** The form in which a view is stored. */
export function storedTrust(site: SiteTrust): StoredTrust {
  return { ...site, floors: { ...site.floors } };
}

function floorsOf({ release }: StoredTrust['floors']): SiteTrust['floors'] {
  return typeof release === 'number' ? { release } : {};
}

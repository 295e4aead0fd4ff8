/** The line in the audit log for a change of whom this site trusts that an import brought: a first root, a newer one. */

import type { SiteState } from '../../state/index.ts';
import { fingerprint, rootRoles, type SiteTrust } from '../../trust/index.ts';

export interface TrustChange {
  /** None on a site that trusted nobody. */
  readonly before: SiteTrust | undefined;
  readonly after: SiteTrust;
  readonly now: Date;
}

/** Writes it down, where there is a change and a state. */
export async function writeTrustChange(state: SiteState | undefined, change: TrustChange): Promise<void> {
  const action = actionOf(change);
  if (action === undefined) return;
  const { root, confirmed } = change.after;
  const facts = { action, confirmed, version: rootRoles(root).version, fingerprint: fingerprint(root).hex };
  await state?.appendAudit({ event: 'trust', at: change.now, facts });
}

function actionOf({ before, after }: TrustChange): 'pinned' | 'successor' | 'confirmed' | undefined {
  if (before === undefined) return 'pinned';
  if (!Buffer.from(before.root).equals(after.root)) return 'successor';
  return after.confirmed && !before.confirmed ? 'confirmed' : undefined;
}

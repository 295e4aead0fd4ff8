/** The last of an import of any kind, after its receipt: the newest card of this site on the medium, and a word about it. */

import { FerryError } from '../../errors.ts';
import { isWhole, type WholeIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { signCard } from '../identity/sign-card.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { lookAtLicense } from '../license/look.ts';
import { siteClock } from '../license/site-clock.ts';
import type { MediumCopy } from '../records/beside-bundle.ts';
import { deliverCard } from '../records/deliver-card.ts';
import { lookAtTLS } from '../tls/look.ts';
import type { ImportResult } from './result.ts';
import type { Session } from './session.ts';

/** The result with what became of the card: also when there was nothing to import, for an older card may lie there. */
export async function withCardCopy(session: Session, result: ImportResult): Promise<ImportResult> {
  const { state, identity, options } = session;
  if (state === undefined || !isWhole(identity)) return result;
  if (options.cardOnMedium === false) return { ...result, cardCopy: { action: 'declined' } };
  const { warning, warnings, ...cardCopy } = await deliver({ ...session, state, identity }, result).catch(failed);
  const said = [...warnings, ...(warning === undefined ? [] : [warning])];
  return { ...result, cardCopy, warnings: [...result.warnings, ...said] };
}

type Delivered = MediumCopy & { readonly warnings: readonly string[] };
type WritingSession = Session & { readonly state: SiteState; readonly identity: WholeIdentity };

async function deliver(
  { state, identity, engine, bundle, options }: WritingSession,
  { images }: ImportResult,
): Promise<Delivered> {
  const trust = await findSiteTrust(state);
  const clock = siteClock(trust, options);
  const license = () => lookAtLicense({ state, identity, prefix: options.prefix ?? '/', clock });
  const tls = () => lookAtTLS({ state, prefix: options.prefix ?? '/', clock });
  // the import has held each of its images to what was signed
  const seen = new Set(images.map(({ imageID }) => imageID));
  const { card, product, warnings } = await signCard({ state, identity, trust, engine, seen, license, tls, clock });
  return { ...(await deliverCard({ card, identity, product, bundle: bundle.path, onCard: options.onCard })), warnings };
}

/** The import is done, whatever a part of the state that a card is made from may be. */
function failed(error: unknown): Delivered {
  if (!(error instanceof FerryError)) throw error;
  return { action: 'failed', warnings: [`no card of this site on the medium: ${error.message}`] };
}

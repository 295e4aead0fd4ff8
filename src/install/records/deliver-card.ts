/**
 * The card of this site beside the bundle, so that it travels back to the office on the stick that came: shown before it
 * is written, whole or not at all, in the place of an older one of this site and of nothing else. A stick that can only
 * be read takes none, which is no fault; that it fails otherwise is said, and the import stays done. FORMAT §4.
 */

import { dirname, join } from 'node:path';
import { ContentError, findFileBounded, writeAtomic } from '../../content/index.ts';
import { messageOf } from '../../errors.ts';
import { parseSiteCard, SITE_CARD, type SiteCard } from '../../manifest/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import { MAX_ENVELOPE_BYTES, openEnvelope } from '../../trust/index.ts';
import { isReadOnly, type MediumCopy, removeDrafts } from './beside-bundle.ts';

export interface DeliverCardOptions {
  /** As this site signed it just now. */
  readonly card: Uint8Array;
  readonly identity: SiteIdentity;
  /** Of what was imported, for the name. @default none in the name */
  readonly product?: string | undefined;
  /** Path of the bundle. */
  readonly bundle: string;
  /** Shows a person what is about to be written, and where. */
  readonly onCard?: ((card: SiteCard, path: string) => void) | undefined;
}

/** Writes the card; never throws for what a medium may do. */
export async function deliverCard(options: DeliverCardOptions): Promise<MediumCopy> {
  const { card, identity, product, bundle, onCard } = options;
  const content = parseSiteCard(openEnvelope(card, identity.key, SITE_CARD));
  const folder = dirname(bundle);
  const name = `${product === undefined ? '' : `${product}-`}${identity.site}.site.json`;
  const path = join(folder, name);
  try {
    if (await isReadOnly(folder)) return { action: 'read-only' };
    await removeDrafts(folder, name.replaceAll('.', '\\.'));
    const existing = await findFileBounded(path, { max: MAX_ENVELOPE_BYTES });
    if (existing?.equals(card)) return { action: 'same', path };
    onCard?.(content, path);
    await writeAtomic(path, card);
    return { action: 'written', path };
  } catch (error) {
    if (error instanceof ContentError && error.code === 'READ_ONLY') return { action: 'read-only' };
    return { action: 'failed', warning: `no card of this site on the medium: ${messageOf(error)}` };
  }
}

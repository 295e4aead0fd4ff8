/**
 * A receipt that comes back: from the state, from a stick, from a mail. It is what this site signed, byte for byte, or it
 * is refused, and the refusal tells another site's receipt from one that was altered. FORMAT §4.
 */

import { basename } from 'node:path';
import { readFileBounded } from '../../content/index.ts';
import { findSiteIdentity, type SiteIdentity } from '../../site/index.ts';
import { findState } from '../../state/index.ts';
import { MAX_ENVELOPE_BYTES, openEnvelope, peekEnvelope, TrustError } from '../../trust/index.ts';
import { InstallError } from '../error.ts';
import type { ReceiptFacts } from './receipt.ts';

/** What a site has signed. */
export interface SignedReceipt extends ReceiptFacts {
  readonly site: string;
  /** ISO 8601. */
  readonly finished: string;
  /** Whether another process than the one that began it came to its end. */
  readonly recovered?: true;
  /** The last line of the audit log at that time, as SHA-256 in hex. */
  readonly audit?: { readonly head: string };
}

export interface VerifyReceiptOptions {
  readonly path: string;
  readonly stateDir: string;
}

/**
 * Reads a receipt and holds it to this site's key.
 * @throws {InstallError} `RECEIPT_ALTERED`, `RECEIPT_FOREIGN`; {TrustError} `NOT_PINNED` on a host that is no site yet
 */
export async function verifyReceipt({ path, stateDir }: VerifyReceiptOptions): Promise<SignedReceipt> {
  const state = await findState(stateDir);
  const identity = state && (await findSiteIdentity(state));
  if (identity === undefined) {
    throw new TrustError(`verify receipt: expected a site with a key in ${stateDir}, got none`, { code: 'NOT_PINNED' });
  }
  return openReceipt(await readFileBounded(path, { max: MAX_ENVELOPE_BYTES }), identity, path);
}

/** The content of a receipt of this site. @throws {InstallError} `RECEIPT_ALTERED`, `RECEIPT_FOREIGN` */
export function openReceipt(bytes: Uint8Array, identity: SiteIdentity, path = 'receipt.json'): SignedReceipt {
  const what = `verify receipt: ${JSON.stringify(basename(path))}: expected one of this site (${identity.site})`;
  try {
    const { type: _, ...content } = openEnvelope(bytes, identity.key, 'receipt');
    // only this site's own key can have signed it, so its form is ours
    return content as unknown as SignedReceipt;
  } catch (cause) {
    if (!(cause instanceof TrustError)) throw cause;
    const other = findOtherSite(bytes, identity);
    if (other === undefined) throw new InstallError(`${what}, got an altered one`, { code: 'RECEIPT_ALTERED', cause });
    throw new InstallError(`${what}, got one of site ${other}`, {
      code: 'RECEIPT_FOREIGN',
      cause,
      facts: { site: other },
    });
  }
}

/** The site by whose key it claims to be signed, where that is another. */
function findOtherSite(bytes: Uint8Array, { key }: SiteIdentity): string | undefined {
  try {
    const { content, keyID } = peekEnvelope(bytes);
    return content.type === 'receipt' && keyID !== key.keyID && /^[0-9a-f]{16}/.test(keyID)
      ? keyID.slice(0, 16)
      : undefined;
  } catch (error) {
    if (error instanceof TrustError) return undefined;
    throw error;
  }
}

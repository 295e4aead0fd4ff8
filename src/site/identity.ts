/**
 * Who this site is: an Ed25519 key made here, once, that signs its card and its receipts, and never leaves
 * `<state>/identity/sign.pem`. The site's ID is the head of its keyID. FORMAT, head, §4 and §7.
 */

import type { SiteState, SiteStateReader } from '../state/index.ts';
import { generateKey, type PublicKey, publicKeyOf, siteIDOf } from '../trust/index.ts';
import { SiteError } from './error.ts';

const FILE = 'sign.pem';

/** The site's name and the key behind it. */
export interface SiteIdentity {
  /** The first 16 hex digits of the key's keyID. */
  readonly site: string;
  readonly key: PublicKey;
  /** PKCS#8 PEM; goes nowhere but into a signature. */
  readonly privatePEM: string;
}

/** The site's identity, or `undefined` before `trust` has made one. @throws {SiteError} `IDENTITY_DAMAGED` */
export async function findSiteIdentity(state: SiteStateReader): Promise<SiteIdentity | undefined> {
  const stored = await state.findIdentity(FILE);
  return stored === undefined ? undefined : identityOf(stored.toString('utf8'));
}

/** The site's identity; made and stored when there is none. @throws {SiteError} `IDENTITY_DAMAGED` */
export async function ensureSiteIdentity(state: SiteState): Promise<SiteIdentity> {
  const existing = await findSiteIdentity(state);
  if (existing !== undefined) return existing;
  const { privatePEM } = generateKey();
  await state.writeIdentity(FILE, Buffer.from(privatePEM));
  return identityOf(privatePEM);
}

function identityOf(privatePEM: string): SiteIdentity {
  const key = readPublicKey(privatePEM);
  return { site: siteIDOf(key), key, privatePEM };
}

function readPublicKey(privatePEM: string): PublicKey {
  try {
    return publicKeyOf(privatePEM);
  } catch (cause) {
    // the cause is kept out: parsers may quote what they could not read
    const why = cause instanceof Error ? cause.name : 'unreadable';
    throw new SiteError(`read identity: ${FILE}: expected an Ed25519 private key in PEM, got ${why}`, {
      code: 'IDENTITY_DAMAGED',
    });
  }
}

/**
 * The card of this site (FORMAT §4): what its office may know of it, signed by the site's own key. It tells both public
 * keys and nothing of the private ones, of a licence only until when it holds, of a certificate what everybody is shown
 * who connects, and of files nothing.
 */

import type { EngineFacts } from '../docker/index.ts';
import { type HeldImage, type SiteCardFields, siteCardDocument } from '../manifest/index.ts';
import { formatPlatform } from '../oci/index.ts';
import { signEnvelope } from '../trust/index.ts';
import type { WholeIdentity } from './identity.ts';

/** What a card tells of the engine. */
export type CardEngine = Pick<EngineFacts, 'name' | 'version' | 'store' | 'apiVersion' | 'platform'>;

export interface SiteCardOptions {
  readonly identity: WholeIdentity;
  readonly product?: string | undefined;
  /** None when no engine answers. */
  readonly engine?: CardEngine | undefined;
  /** Of the installed release, what the engine has. */
  readonly holds: readonly HeldImage[];
  /** Versions of root and catalogue in force, and the sequence that is installed, 0 for none; absent on an unpinned site. */
  readonly trust?: { readonly root: number; readonly catalogue: number; readonly sequence: number } | undefined;
  /** Of the installed licence, where it says. */
  readonly license?: { readonly validUntil: Date } | undefined;
  /** The one that is installed. */
  readonly certificate?:
    | { readonly notAfter: Date; readonly names: readonly string[]; readonly spki: string }
    | undefined;
  /** The request that waits for its certificate, base64 of PKCS#10 in DER. */
  readonly csr?: string | undefined;
  /** Of two cards the office takes the later. */
  readonly now: Date;
}

/** The bytes of a card. */
export function makeSiteCard({
  identity,
  engine,
  holds,
  license,
  certificate,
  csr,
  ...about
}: SiteCardOptions): Buffer {
  const { product, trust, now } = about;
  const fields: SiteCardFields = {
    site: identity.site,
    name: identity.name,
    keys: { sign: identity.key.value, age: identity.age.recipient },
    ...(product !== undefined && { product }),
    ...(engine && { platform: formatPlatform(engine.platform), engine: engineFields(engine) }),
    holds: [...holds],
    ...(trust && { trust }),
    ...(license && { license: { validUntil: license.validUntil.toISOString() } }),
    ...(certificate && { certificate: certificateFields(certificate) }),
    ...(csr !== undefined && { csr }),
    issued: now.toISOString(),
  };
  return signEnvelope(siteCardDocument(fields), identity.privatePEM);
}

function engineFields({ name, version, store, apiVersion }: CardEngine): SiteCardFields['engine'] {
  return { name, version, store, apiVersion };
}

function certificateFields({
  notAfter,
  names,
  spki,
}: NonNullable<SiteCardOptions['certificate']>): SiteCardFields['certificate'] {
  return { notAfter: notAfter.toISOString(), names: [...names], spki };
}

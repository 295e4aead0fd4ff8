/**
 * A certificate as it travels (FORMAT §4): a chain alone as it is, since all that is in it every client gets to see; with
 * its key as one text, which is sealed. A root that the office gave for it goes behind the chain. Pure but for the sealing.
 */
import { X509Certificate } from 'node:crypto';
import type { SiteFile } from '../manifest/index.ts';
import { CERTIFICATE_NAME, CHAIN_NAME, formatTime } from '../manifest/index.ts';
import { digestOf } from '../oci/index.ts';
import { fullchainPEM } from '../tls/index.ts';
import type { ShownCertificate } from './options.ts';
import type { SealedCache } from './sealed-cache.ts';
import type { SiteCertificate } from './site-certificates.ts';

/** A file of a site, with its bytes as they travel. */
export interface CarriedFile {
  readonly file: SiteFile;
  readonly bytes: Uint8Array;
}

/** The chain alone, in the clear. */
export function chainFile({ material, authorities, judged }: SiteCertificate): CarriedFile {
  const bytes = Buffer.from(fullchainPEM(material.chain) + rootPEM(material.chain, authorities));
  const file = { name: CHAIN_NAME, role: 'chain', mode: '0644', ...factsOf(judged) } as const;
  return { file: { ...file, digest: digestOf(bytes), size: bytes.length, sealed: false }, bytes };
}

/** Chain and key in one, which only the recipient opens. @param to where it is sealed, and for whom */
export async function certificateFile(
  { material, authorities, judged }: SiteCertificate,
  { cache, recipient }: { readonly cache: SealedCache; readonly recipient: string },
): Promise<CarriedFile> {
  const { chain, keyPEM } = material;
  if (keyPEM === undefined) throw new TypeError('expected a certificate with its key');
  const plain = Buffer.from(fullchainPEM(chain) + keyPEM + rootPEM(chain, authorities));
  const { bytes, digest } = await cache.seal(plain, recipient);
  const file = { name: `${CERTIFICATE_NAME}.age`, role: 'certificate', mode: '0600', ...factsOf(judged) } as const;
  return { file: { ...file, digest, size: bytes.length, sealed: true }, bytes };
}

/** What is told of a certificate. */
export function shownCertificate({ material, judged }: SiteCertificate): ShownCertificate {
  const { names, issuer, notAfter, spki } = judged;
  return { names, issuer, notAfter, spki, sealed: material.keyPEM !== undefined };
}

function factsOf({ spki, notAfter }: SiteCertificate['judged']) {
  return { spki, validUntil: formatTime(notAfter) };
}

/** The authority that the chain ends at, where it is one of these; empty for none. */
function rootPEM(chain: readonly X509Certificate[], authorities: readonly string[]): string {
  const last = chain.at(-1);
  const roots = authorities.map((pem) => new X509Certificate(pem));
  const root = roots.find((one) => last && one.checkIssued(one) && last.checkIssued(one) && last.verify(one.publicKey));
  return root?.toString() ?? '';
}

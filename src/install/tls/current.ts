/** The certificate that stands in a folder, as far as it is one: whoever replaces it must not give less. */

import type { X509Certificate } from 'node:crypto';
import { readBounded } from '../../content/index.ts';
import { fingerprintOf, issuerOf, MAX_TLS_BYTES, namesOf, readMaterial, spkiOf, TLSError } from '../../tls/index.ts';
import type { FolderTree } from '../files/folder.ts';
import { readStanding } from '../files/standing.ts';
import { CHAIN_FILE } from './pair.ts';

/** What a certificate says of itself, with no judgement. */
export interface CertificateFacts {
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuer: string;
  readonly fingerprint: string;
  readonly spki: string;
}

/** The facts of a certificate. Pure. */
export function factsOf(certificate: X509Certificate): CertificateFacts {
  return {
    names: namesOf(certificate),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    issuer: issuerOf(certificate),
    fingerprint: fingerprintOf(certificate),
    spki: spkiOf(certificate),
  };
}

/** What stands in a folder, absolute, without the prefix. @throws {InstallError} `DESTINATION_UNSAFE`; {ContentError} `TOO_LARGE` */
export async function findCurrent(tree: FolderTree, dir: string): Promise<CertificateFacts | undefined> {
  const path = `${dir}/${CHAIN_FILE}`;
  return factsIn(await readBounded(readStanding(tree, path), { max: MAX_TLS_BYTES, what: path }), path);
}

/** What bytes say as a certificate; `undefined` where they are none. */
export async function factsIn(bytes: Uint8Array, what: string): Promise<CertificateFacts | undefined> {
  if (bytes.length === 0) return undefined;
  try {
    const { chain } = await readMaterial({ cert: bytes, certWhat: what });
    return chain[0] && factsOf(chain[0]);
  } catch (error) {
    if (error instanceof TLSError) return undefined;
    throw error;
  }
}

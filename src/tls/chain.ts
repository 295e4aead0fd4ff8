/** Who issued whom, who is trusted, and the file that servers send a chain from. Pure. */
import { X509Certificate } from 'node:crypto';
import { findCertificate } from './certificate.ts';
import { readPEM } from './pem.ts';

/** PEM as servers read it: the leaf first, then its intermediates; a root is left out, for clients have their own. */
export function fullchainPEM(chain: readonly X509Certificate[]): string {
  return sentOf(chain)
    .map((one) => one.toString())
    .join('');
}

/** What of a chain is sent: all but roots above the leaf. */
export function sentOf(chain: readonly X509Certificate[]): readonly X509Certificate[] {
  return chain.filter((one, at) => at === 0 || !isSelfSigned(one));
}

/**
 * Whether it signed itself: a root, or a server's own without any authority. Its usages are not asked: a server's own may
 * well say that it issues nothing.
 */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return isSelfIssued(certificate) && certificate.verify(certificate.publicKey);
}

/** Whether it bears the name of its issuer, which is quickly seen. */
export function isSelfIssued({ subject, issuer }: X509Certificate): boolean {
  return subject === issuer;
}

/** Whether the name, the key identifier and the signature of one say that another issued it. */
export function issuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** All certificates of some PEM texts. What cannot be read is passed over: a system's store may hold anything. */
export function certificatesOf(pems: readonly string[]): X509Certificate[] {
  return pems.flatMap((pem) => {
    // one block, as a system's store hands them out, is read at once
    if (pem.indexOf('-----BEGIN', 1) < 0) return found(pem);
    return readPEM(pem, 'the authorities').flatMap(({ label, bytes }) =>
      label.endsWith('CERTIFICATE') ? (findCertificate(bytes) ?? []) : [],
    );
  });
}

function found(pem: string): X509Certificate[] {
  try {
    return [new X509Certificate(pem)];
  } catch {
    return [];
  }
}

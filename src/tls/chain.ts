/** The certificates above a server's own, and the file that servers send them from. Pure. */
import type { X509Certificate } from 'node:crypto';

/** PEM as servers read it: the leaf first, then its intermediates; a root at the end is left out, for clients have their own. */
export function fullchainPEM(chain: readonly X509Certificate[]): string {
  const sent = chain.filter((one, at) => at === 0 || !isSelfSigned(one));
  return sent.map((one) => one.toString()).join('');
}

/** Whether it signed itself: a root, or a server's own without any authority. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey);
}

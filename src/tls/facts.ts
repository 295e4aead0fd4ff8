/** What a certificate and a key say of themselves, in the forms that Ferry writes down. Pure. */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';

/** SHA-256 of the SubjectPublicKeyInfo: 64 lower-case hex digits. @param of a certificate, or a private or public key in PEM */
export function spkiOf(of: X509Certificate | string): string {
  const key: KeyObject = of instanceof X509Certificate ? of.publicKey : createPublicKey(of);
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/** SHA-256 of the certificate: 64 lower-case hex digits, without colons. */
export function fingerprintOf(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

/** The DNS names (lower case) and IP addresses of the subject alternative names, in their order, each once. */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const names = (certificate.subjectAltName ?? '').split(', ');
  return [...new Set(names.flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1]?.toLowerCase() ?? []))];
}

/** Who issued it, on one line: the common name, else the whole name. */
export function issuerOf(certificate: X509Certificate): string {
  return nameOnALine(certificate.issuer);
}

/** Whom it is for, on one line: the common name, else the whole name, else the first of its names. */
export function subjectOf(certificate: X509Certificate): string {
  return nameOnALine(certificate.subject ?? '') || (namesOf(certificate)[0] ?? 'no name');
}

function nameOnALine(name: string): string {
  return /^CN=(.+)$/m.exec(name)?.[1] ?? name.replaceAll('\n', ', ');
}

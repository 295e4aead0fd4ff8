/** What a certificate and a key say of themselves, in the forms that Ferry writes down. Pure. */
import { createHash, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { canonicalIP } from './name.ts';

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

/**
 * The DNS names (lower case) and IP addresses (as RFC 5952 writes them) of the subject alternative names, in their order,
 * each once. A name with a character that none has, which Node.js puts in quotes, is left out: it covers nothing.
 */
export function namesOf(certificate: X509Certificate): readonly string[] {
  const all = (certificate.subjectAltName ?? '').matchAll(/(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g);
  const names = [...all].flatMap(([, kind, value = '']) => {
    if (kind === 'IP Address') return canonicalIP(value) ?? [];
    // an address among the DNS names is a common mistake, and covers nothing
    return kind === 'DNS' && /^[\w.*-]+$/.test(value) && canonicalIP(value) === undefined ? value.toLowerCase() : [];
  });
  return [...new Set(names)];
}

/** Who issued it, on one line: the common name, else the whole name. */
export function issuerOf(certificate: X509Certificate): string {
  return onALine(certificate.issuer) || 'an authority without a name';
}

/** Whom it is for, on one line: the common name, else the whole name, else the first of its names. */
export function subjectOf(certificate: X509Certificate): string {
  return onALine(certificate.subject) || (namesOf(certificate)[0] ?? 'nobody');
}

/** Node.js says `undefined` for an empty name, whatever its types say. */
function onALine(name: string | undefined): string {
  return /^CN=(.+)$/m.exec(name ?? '')?.[1] ?? (name ?? '').replaceAll('\n', ', ');
}

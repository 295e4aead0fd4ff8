/**
 * What a certificate says that its key is for (RFC 5280 §4.2.1.3 and §4.2.1.12). One that says nothing is for everything.
 * The handshakes of today are signed: Chrome refuses a key that may only encipher or agree, which OpenSSL takes.
 */
import type { X509Certificate } from 'node:crypto';
import { contentOf, valuesIn } from './der.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const ANY_USAGE = '2.5.29.37.0';

const USAGES: Readonly<Record<string, string>> = {
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
  [ANY_USAGE]: 'anyExtendedKeyUsage',
};

/**
 * Why it is not for servers, as `… got …`; `undefined` when it is. Authorities are held to their usages too, as OpenSSL and
 * Windows hold them.
 */
export function misfitOfUsage(
  certificate: X509Certificate,
  { isLeaf }: { readonly isLeaf: boolean },
): string | undefined {
  // Node.js calls the extended usages so
  const usages: readonly string[] | undefined = certificate.keyUsage;
  const isFine = usages === undefined || usages.includes(SERVER_AUTH) || (!isLeaf && usages.includes(ANY_USAGE));
  if (!isFine) return `usages with serverAuth, got ${usages.map((oid) => USAGES[oid] ?? oid).join(', ')}`;
  if (isLeaf && !maySign(certificate.raw))
    return 'a key usage with digitalSignature, got one without: browsers refuse it';
  return undefined;
}

/** 2.5.29.15, keyUsage. */
const KEY_USAGE = Buffer.from('0603551d0f', 'hex');
const DIGITAL_SIGNATURE = 0x80;

/** Extension is SEQUENCE { OID, BOOLEAN perhaps, OCTET STRING { BIT STRING { unused bits, usages } } }. */
function maySign(der: Buffer): boolean {
  for (const extension of extensionsOf(der)) {
    const { start } = contentOf(der, extension);
    if (!der.subarray(start, start + KEY_USAGE.length).equals(KEY_USAGE)) continue;
    const value = [...valuesIn(der, extension)].at(-1) ?? start;
    const bits = contentOf(der, contentOf(der, value).start);
    return bits.end - bits.start > 1 && ((der[bits.start + 1] ?? 0) & DIGITAL_SIGNATURE) !== 0;
  }
  return true;
}

/** `[3]` of the signed part, a SEQUENCE in it. */
function extensionsOf(der: Buffer): number[] {
  const signed = contentOf(der).start;
  const tagged = [...valuesIn(der, signed)].find((at) => der[at] === 0xa3);
  return tagged === undefined ? [] : [...valuesIn(der, contentOf(der, tagged).start)];
}

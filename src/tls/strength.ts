/**
 * Keys and signatures that hold, and that browsers take. What Chrome leaves out is refused although OpenSSL would take it:
 * people would find out with a page that does not open (Ed25519, P-521 and RSASSA-PSS keys in a server's certificate).
 */
import type { KeyObject, X509Certificate } from 'node:crypto';
import { contentOf } from './der.ts';
import { kindOfKey } from './key.ts';

/** CA/Browser Forum Baseline Requirements §6.1.5. */
const MIN_RSA_BITS = 2048;
const LEAF_CURVES = ['prime256v1', 'secp384r1'];
const AUTHORITY_CURVES = [...LEAF_CURVES, 'secp521r1'];

/** What is wrong with a key, as `expected …, got …`; `undefined` when nothing is. @param isLeaf it is a server's, not an authority's */
export function weaknessOfKey(key: KeyObject, { isLeaf }: { readonly isLeaf: boolean }): string | undefined {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const curves = isLeaf ? LEAF_CURVES : AUTHORITY_CURVES;
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= MIN_RSA_BITS) return undefined;
  if (key.asymmetricKeyType === 'ec' && curves.includes(namedCurve)) return undefined;
  const isWeak = key.asymmetricKeyType === 'rsa' && modulusLength < MIN_RSA_BITS;
  // an authority's Ed25519 key holds; that browsers leave it out is said of the leaf and of what it signed alike
  const got = `${kindOfKey(key)}${isWeak ? '' : ', which browsers do not take'}`;
  return `expected a key of RSA from ${MIN_RSA_BITS} bits, EC P-256 or P-384, got ${got}`;
}

const STRONG = /^(?:sha(?:256|384|512)WithRSAEncryption|ecdsa-with-SHA(?:256|384|512)|ED25519|ED448)$/i;
const PSS_OID = '1.2.840.113549.1.1.10';

/** 2.16.840.1.101.3.4.2.1 to .3: SHA-256, SHA-384, SHA-512. */
const SHA2 = ['01', '02', '03'].map((last) => Buffer.from(`06096086480165030402${last}`, 'hex'));

/** What is wrong with the algorithm that a certificate is signed by, as `expected …, got …`; `undefined` when nothing is. */
export function weaknessOfSignature(certificate: X509Certificate): string | undefined {
  const { signatureAlgorithm = 'one without a name', signatureAlgorithmOid } = certificate;
  if (STRONG.test(signatureAlgorithm)) return undefined;
  const isPSS = signatureAlgorithmOid === PSS_OID;
  if (isPSS && hasStrongHash(certificate.raw)) return undefined;
  const got = isPSS ? `${signatureAlgorithm} with SHA-1 or the like` : signatureAlgorithm;
  return `expected a signature with SHA-256 or better, got ${got}`;
}

/**
 * RFC 4055 §3.1: the hash of RSASSA-PSS is the first parameter, `[0]`, and SHA-1 where it is left out.
 * Certificate is SEQUENCE { signed part, algorithm SEQUENCE { OID, parameters SEQUENCE { [0] … } }, signature }.
 */
function hasStrongHash(der: Buffer): boolean {
  const signed = contentOf(der, 0);
  const algorithm = contentOf(der, contentOf(der, signed.start).end);
  const parameters = contentOf(der, contentOf(der, algorithm.start).end);
  if (parameters.start >= algorithm.end || der[parameters.start] !== 0xa0) return false;
  const hash = contentOf(der, parameters.start);
  return SHA2.some((oid) => der.subarray(hash.start, hash.end).includes(oid));
}

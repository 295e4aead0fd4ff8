/**
 * Licences as a vendor issues them: signed tokens, made with Node.js' own crypto and not with what reads them. Each is
 * planted: no command may print it.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { plant } from './secrets.ts';

export interface LicenseIssuer {
  /** As a release manifest has it, SPKI in PEM. */
  readonly publicPEM: string;
  /** The same as base64 of its DER, as release.json has it. */
  readonly publicDER: string;
  readonly privateKey: KeyObject;
  readonly algorithm: 'EdDSA' | 'ES256' | 'RS256';
  /** A token in compact form. @param header further fields of it, or others */
  issue(claims: object, header?: object): string;
}

/** A new issuer with its own key. */
export function licenseIssuer(algorithm: LicenseIssuer['algorithm'] = 'EdDSA'): LicenseIssuer {
  const { publicKey, privateKey } = pairFor(algorithm);
  return {
    algorithm,
    privateKey,
    publicPEM: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    publicDER: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    issue: (claims, header = {}) => {
      const input = `${base64url({ alg: algorithm, ...header })}.${base64url(claims)}`;
      return plant(`${input}.${signature(input, privateKey, algorithm)}`);
    },
  };
}

/** A part of a token. */
export function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** RFC 7518 §3.3, §3.4; RFC 8037 §3.1. */
export function signature(input: string, key: KeyObject, algorithm: LicenseIssuer['algorithm']): string {
  const bytes = Buffer.from(input);
  const hash = algorithm === 'EdDSA' ? null : 'sha256';
  return sign(hash, bytes, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
}

function pairFor(algorithm: LicenseIssuer['algorithm']) {
  if (algorithm === 'EdDSA') return generateKeyPairSync('ed25519');
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

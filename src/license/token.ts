/**
 * A licence as a signed token: JWS (RFC 7515) in compact form, as every JWT is, or in JSON. jose checks the signature, and is loaded
 * when there is one to check; the key says which algorithm it is for, never the token, so that nobody makes a secret of a public key.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import type * as Jose from 'jose';
import { LicenseError } from './error.ts';

/** A JWS, its signature not looked at yet. */
export interface Token {
  /** What is signed, as bytes; `undefined` where only an extension would tell (`crit`, RFC 7515 §4.1.11). */
  readonly payload: Uint8Array | undefined;
  /** The `alg` of each signature. */
  readonly algorithms: readonly unknown[];
  /** The payload once one signature is proven; throws what jose throws. */
  verify(jose: typeof Jose, key: KeyObject, algorithms: string[]): Promise<Uint8Array>;
}

type Fields = Readonly<Record<string, unknown>>;

const COMPACT = /^(?<header>[A-Za-z0-9_-]+)\.(?<payload>[A-Za-z0-9_-]*)\.[A-Za-z0-9_-]*$/;

/** The token that a text is, if it is one. @param json what the text is as JSON, if it is an object */
export function findToken(text: string, json: Fields | undefined): Token | undefined {
  return json === undefined ? findCompact(text) : findInJSON(json);
}

/**
 * The payload, proven with the release's key.
 * @param publicKey PEM or base64 of its DER, SPKI: as a release manifest and release.json have it
 * @throws {LicenseError} `LICENSE_SIGNATURE`, `LICENSE_KEY_INVALID`
 */
export async function provenPayload(
  token: Token,
  { publicKey, what }: { readonly publicKey: string; readonly what: string },
): Promise<Uint8Array> {
  const { key, algorithm } = readKey(publicKey);
  const jose = await import('jose');
  try {
    return await token.verify(jose, key, [algorithm]);
  } catch (error) {
    if (!(error instanceof jose.errors.JOSEError)) throw error;
    const got = inWords(jose, error, token);
    throw notSigned(what, `expected an ${algorithm} signature by the key of the release, got ${got}`);
  }
}

/** The error for a licence that the release's key did not sign. */
export function notSigned(what: string, why: string): LicenseError {
  return new LicenseError(`check the signature of ${what}: ${why}`, { code: 'LICENSE_SIGNATURE' });
}

/** A JSON object, or `undefined`. */
export function findObject(text: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function findCompact(text: string): Token | undefined {
  const { header = '', payload = '' } = COMPACT.exec(text)?.groups ?? {};
  const fields = findObject(decoded(header).toString('utf8'));
  if (fields === undefined || !('alg' in fields)) return undefined;
  return {
    payload: 'crit' in fields ? undefined : decoded(payload),
    algorithms: [fields['alg']],
    verify: async (jose, key, algorithms) => (await jose.compactVerify(text, key, { algorithms })).payload,
  };
}

/** RFC 7515 §7.2: one signature beside the payload, or a list of them; one that the key made is enough. */
function findInJSON(json: Fields): Token | undefined {
  const { payload, signature, signatures } = json;
  if (typeof payload !== 'string' || (typeof signature !== 'string' && !Array.isArray(signatures))) return undefined;
  const each = Array.isArray(signatures) ? (signatures as readonly unknown[]) : [json];
  const headers = each.map(headerOf);
  return {
    payload: headers.some((header) => 'crit' in header) ? undefined : decoded(payload),
    algorithms: headers.map(({ alg }) => alg),
    verify: async (jose, key, algorithms) => {
      if (!Array.isArray(signatures)) return (await jose.flattenedVerify(json as never, key, { algorithms })).payload;
      return (await jose.generalVerify(json as never, key, { algorithms })).payload;
    },
  };
}

function headerOf(signature: unknown): { readonly alg?: unknown } {
  const { header, protected: own } = (signature ?? {}) as { header?: object; protected?: unknown };
  return { ...header, ...(typeof own === 'string' && findObject(decoded(own).toString('utf8'))) };
}

function decoded(text: string): Buffer {
  return Buffer.from(text, 'base64url');
}

function readKey(text: string): { readonly key: KeyObject; readonly algorithm: string } {
  const key = findKey(text);
  const { modulusLength = 0, namedCurve } = key?.asymmetricKeyDetails ?? {};
  if (key?.asymmetricKeyType === 'ed25519') return { key, algorithm: 'EdDSA' };
  if (key?.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return { key, algorithm: 'ES256' };
  if (key?.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return { key, algorithm: 'RS256' };
  const got =
    key === undefined ? 'something else' : `a key of type ${key.asymmetricKeyType} ${namedCurve ?? ''}`.trim();
  throw new LicenseError(`read license.publicKey: expected Ed25519, P-256 or RSA from 2048 bits, got ${got}`, {
    code: 'LICENSE_KEY_INVALID',
  });
}

function findKey(text: string): KeyObject | undefined {
  try {
    if (text.includes('-----BEGIN')) return createPublicKey(text);
    return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

function inWords({ errors }: typeof Jose, error: Jose.errors.JOSEError, { algorithms }: Token): string {
  const named = algorithms.map((algorithm) => JSON.stringify(algorithm)?.slice(0, 40) ?? 'none').join(', ');
  if (error instanceof errors.JOSEAlgNotAllowed) return `the algorithm ${named}`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return 'one that does not fit';
  return `a token that cannot be checked (${error.code})`;
}

/**
 * Keys and single signatures: Ed25519 and ECDSA on P-256 (FORMAT §2), keyIDs as TUF 1.0 §4.2 computes them.
 * An Ed25519 public value is 64 hex digits; a P-256 one is written as the hex of its point, since canonical JSON has no
 * line breaks for PEM, and read in both forms. Whose key counts for what is root's to say (root.ts).
 */
import type { KeyObject } from 'node:crypto';
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { canonicalJSON } from '../content/index.ts';
import { TrustError } from './error.ts';

const ED25519 = 'ed25519';
const P256 = 'ecdsa-sha2-nistp256';
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex');

/** A public key as metadata lists it. */
export interface PublicKey {
  /** SHA-256 of the canonical key, 64 hex digits. */
  readonly keyID: string;
  /** `ed25519`, `ecdsa-sha2-nistp256` or the older `ecdsa`. */
  readonly keytype: string;
  /** `ed25519` or `ecdsa-sha2-nistp256`; a signature by any other scheme never counts. */
  readonly scheme: string;
  /** `keyval.public`. */
  readonly value: string;
}

/** A new Ed25519 key; the private half as PKCS#8 PEM, not encrypted: seal it before it is stored. */
export function generateKey(): { readonly key: PublicKey; readonly privatePEM: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { key: describe(publicKey), privatePEM: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** The public half of a PKCS#8 PEM. @throws {TrustError} `KEY_INVALID` when it is no Ed25519 or P-256 key */
export function publicKeyOf(privatePEM: string): PublicKey {
  return describe(createPublicKey(privateKey(privatePEM)));
}

/** Reads a public key (SPKI PEM, as `openssl pkey -pubout` prints it). @throws {TrustError} `KEY_INVALID` */
export function publicKeyFromPEM(publicPEM: string): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey(publicPEM);
  } catch (cause) {
    throw invalidKey('read public key: expected PEM, got something else', cause);
  }
  return describe(key);
}

/** An Ed25519 key from its 64 hex digits. @throws {TrustError} `KEY_INVALID` */
export function ed25519Key(hex: string): PublicKey {
  if (!/^[0-9a-f]{64}$/.test(hex)) throw invalidKey('read public key: expected 64 lower-case hex digits');
  return withID({ keytype: ED25519, scheme: ED25519, value: hex });
}

/** The keyID over a key as listed, its unknown fields included (TUF 1.0 §4.2). */
export function keyIDOf(listed: unknown): string {
  return createHash('sha256')
    .update(canonicalJSON(listed, { controlCharacters: 'allow' }))
    .digest('hex');
}

/** A key as root metadata lists it. */
export function keyJSON({ keytype, scheme, value }: PublicKey): Record<string, unknown> {
  return { keytype, scheme, keyval: { public: value } };
}

/** A site's short name: the first 16 hex digits of its signing keyID (FORMAT, head). */
export function siteIDOf(key: PublicKey): string {
  return key.keyID.slice(0, 16);
}

/** Signs bytes as they are. @throws {TrustError} `KEY_INVALID` */
export function signWith(privatePEM: string, bytes: Uint8Array): Buffer {
  const key = privateKey(privatePEM);
  return sign(hashOf(describe(createPublicKey(key)).scheme), bytes, key);
}

/** Whether the signature over exactly these bytes is the key's. A key that can't be read has signed nothing. */
export function verifySignature(key: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  const object = findKeyObject(key);
  return object !== undefined && verify(hashOf(key.scheme), bytes, object, signature);
}

/** One text per key, however it is written and under whatever keyID; `undefined` for a key that can't be used here. */
export function keyMaterial(key: PublicKey): string | undefined {
  const object = findKeyObject(key);
  return object && publicValue(object);
}

function findKeyObject({ keytype, scheme, value }: PublicKey): KeyObject | undefined {
  if (scheme === ED25519 && keytype === ED25519) return findSPKI(value, ED25519_SPKI, 'ed25519');
  if (scheme === P256 && (keytype === P256 || keytype === 'ecdsa')) return findSPKI(value, P256_SPKI, 'ec');
  return undefined;
}

function findSPKI(value: string, prefix: Buffer, type: 'ed25519' | 'ec'): KeyObject | undefined {
  try {
    const key = value.startsWith('-----BEGIN PUBLIC KEY-----')
      ? createPublicKey(value)
      : createPublicKey({ key: Buffer.concat([prefix, fromHex(value)]), type: 'spki', format: 'der' });
    return key.asymmetricKeyType === type && isCurveRight(key) ? key : undefined;
  } catch {
    return undefined; // TUF 5.3: a key that can't be read is a key that did not sign, not a broken file
  }
}

function isCurveRight(key: KeyObject): boolean {
  return key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
}

function fromHex(value: string): Buffer {
  return /^(?:[0-9a-fA-F]{2})+$/.test(value) ? Buffer.from(value, 'hex') : Buffer.alloc(0);
}

function hashOf(scheme: string): 'sha256' | null {
  return scheme === P256 ? 'sha256' : null;
}

function privateKey(privatePEM: string): KeyObject {
  try {
    return createPrivateKey(privatePEM);
  } catch (cause) {
    throw invalidKey('read private key: expected PKCS#8 PEM, got something else', cause);
  }
}

function describe(key: KeyObject): PublicKey {
  if (key.asymmetricKeyType === 'ed25519') {
    return withID({ keytype: ED25519, scheme: ED25519, value: publicValue(key) });
  }
  if (key.asymmetricKeyType === 'ec' && isCurveRight(key)) {
    return withID({ keytype: P256, scheme: P256, value: publicValue(key) });
  }
  throw invalidKey(`read key: expected Ed25519 or ECDSA on P-256, got ${key.asymmetricKeyType ?? 'a secret'}`);
}

/** Ed25519: the 32 bytes. P-256: the uncompressed point, also where the key was written as a compressed one. */
function publicValue(key: KeyObject): string {
  const { x, y } = key.export({ format: 'jwk' });
  const [first, second] = [x, y].map((part) => Buffer.from(part ?? '', 'base64url').toString('hex'));
  return key.asymmetricKeyType === 'ec' ? `04${first}${second}` : `${first}`;
}

function withID(key: Omit<PublicKey, 'keyID'>): PublicKey {
  return { keyID: keyIDOf(keyJSON({ keyID: '', ...key })), ...key };
}

function invalidKey(message: string, cause?: unknown): TrustError {
  return new TrustError(message, { code: 'KEY_INVALID', cause });
}

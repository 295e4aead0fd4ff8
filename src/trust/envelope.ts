/**
 * Signed documents that travel back from a site: card and receipt (FORMAT §4). `{"signatures":[{keyid,sig}],"signed":
 * {"type",…}}`, canonical, one Ed25519 signature over the canonical bytes of `signed`. What they say is judged elsewhere.
 */
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { TrustError } from './error.ts';
import type { PublicKey } from './key.ts';
import { publicKeyOf, signWith, verifySignature } from './key.ts';
import { isRecord } from './metadata.ts';

/** The most bytes that an envelope may have. */
export const MAX_ENVELOPE_BYTES = 4 * 1024 * 1024;

/** What an envelope holds. */
export interface EnvelopeContent {
  /** `site-card` or `receipt`: so that no signed document is ever taken for one of another kind. */
  readonly type: string;
  readonly [name: string]: unknown;
}

/** A signed document, as it is written. @throws {TrustError} `KEY_INVALID` */
export function signEnvelope(signed: EnvelopeContent, privatePEM: string): Buffer {
  const key = publicKeyOf(privatePEM);
  const sig = signWith(privatePEM, canonicalJSON(signed)).toString('hex');
  return canonicalJSON({ signatures: [{ keyid: key.keyID, sig }], signed });
}

/**
 * What a key has signed, as that type.
 * @throws {TrustError} `ENVELOPE_INVALID` when form or type are not right; `SIGNATURE_INVALID` when the key did not sign.
 */
export function openEnvelope(bytes: Uint8Array, key: PublicKey, type: string): EnvelopeContent {
  const { content, keyID, signature } = readEnvelope(bytes);
  if (content.type !== type) throw broken(`expected type ${type}, got another`);
  if (keyID !== key.keyID || !verifySignature(key, canonicalJSON(content), signature)) {
    throw new TrustError(
      `verify ${type}: expected a signature of key ${key.keyID.slice(0, 16)}, got none that is right`,
      {
        code: 'SIGNATURE_INVALID',
        facts: { expected: key.keyID, got: keyID },
      },
    );
  }
  return content;
}

/**
 * What an envelope claims, before anybody is believed: to find the key that a self-signed card names.
 * @throws {TrustError} `ENVELOPE_INVALID`
 */
export function peekEnvelope(bytes: Uint8Array): { readonly content: EnvelopeContent; readonly keyID: string } {
  const { content, keyID } = readEnvelope(bytes);
  return { content, keyID };
}

function readEnvelope(bytes: Uint8Array): { content: EnvelopeContent; keyID: string; signature: Buffer } {
  if (bytes.length > MAX_ENVELOPE_BYTES)
    throw broken(`expected at most ${MAX_ENVELOPE_BYTES} bytes, got ${bytes.length}`);
  const envelope = parseEnvelope(bytes);
  const { signed, signatures } = isRecord(envelope) ? envelope : {};
  const listed: unknown = Array.isArray(signatures) && signatures.length === 1 ? signatures[0] : undefined;
  const { keyid, sig } = isRecord(listed) ? listed : {};
  if (!isRecord(signed) || typeof signed['type'] !== 'string') throw broken('expected signed with a type');
  if (typeof keyid !== 'string' || typeof sig !== 'string' || !/^(?:[0-9a-f]{2})+$/.test(sig)) {
    throw broken('expected one signature, in lower-case hex');
  }
  if (!canonicalJSON({ signatures: [{ keyid, sig }], signed }).equals(bytes))
    throw broken('expected canonical JSON alone');
  return { content: { ...signed, type: signed['type'] }, keyID: keyid, signature: Buffer.from(sig, 'hex') };
}

function parseEnvelope(bytes: Uint8Array): unknown {
  try {
    const value = parseJSON(bytes, 'envelope');
    canonicalJSON(value); // what can't be written can't have been signed: floats, control characters
    return value;
  } catch (cause) {
    throw broken('expected canonical JSON, got something else', cause);
  }
}

function broken(why: string, cause?: unknown): TrustError {
  return new TrustError(`read signed document: ${why}`, { code: 'ENVELOPE_INVALID', cause });
}

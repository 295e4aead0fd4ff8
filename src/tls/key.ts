/**
 * A private key out of whatever it comes in: PKCS#8, PKCS#1, SEC 1, encrypted or not. What comes out is PKCS#8 in PEM,
 * not encrypted, as every server reads it. No error has a cause here: it could quote the key.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isEndless } from './derivation.ts';
import { TLSError } from './error.ts';
import type { PEMBlock } from './pem.ts';

const KEY_LABEL = /^(?:[A-Z]+ )?PRIVATE KEY$/;

/** Whether a block is a private key. */
export function isKeyBlock({ label }: PEMBlock): boolean {
  return KEY_LABEL.test(label);
}

/**
 * The key of a block, PKCS#8 in PEM.
 * @param passphrase where it is encrypted; without one the empty one is tried
 * @throws {TLSError} `TLS_PASSPHRASE`, `TLS_UNREADABLE`
 */
export function keyOfBlock(
  block: PEMBlock,
  { what, passphrase }: { what: string; passphrase?: string | undefined },
): string {
  const isEncrypted = block.label === 'ENCRYPTED PRIVATE KEY' || block.text.includes('Proc-Type: 4,ENCRYPTED');
  refuseEndless(block.bytes, what);
  try {
    return pkcs8(createPrivateKey({ key: block.text, ...(isEncrypted && { passphrase: passphrase ?? '' }) }));
  } catch (error) {
    const code = codeOf(error);
    if (isEncrypted && code !== 'ERR_OSSL_EVP_UNSUPPORTED') throw wrongPassphrase(what, passphrase);
    const expected = isEncrypted ? 'a key encrypted as today (AES)' : 'a private key';
    throw new TLSError(`read ${what}: expected ${expected}, got what cannot be read (${code})`, {
      code: 'TLS_UNREADABLE',
      ...(isEncrypted && { hint: 'write it anew: `openssl pkcs8 -topk8 -in OLD -out NEW`' }),
    });
  }
}

/** The key that DER is, PKCS#8 in PEM; `undefined` when it is none. @throws {TLSError} `TLS_PASSPHRASE` */
export function findKeyInDER(
  der: Uint8Array,
  { what, passphrase }: { what: string; passphrase?: string | undefined },
): string | undefined {
  const key = Buffer.from(der);
  refuseEndless(key, what);
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      return pkcs8(createPrivateKey({ key, format: 'der', type, passphrase: passphrase ?? '' }));
    } catch {
      // another form, or none
    }
  }
  // EncryptedPrivateKeyInfo (RFC 5958 §3) of PBES2 (1.2.840.113549.1.5.13)
  if (key.subarray(0, 32).includes(Buffer.from('2a864886f70d01050d', 'hex'))) throw wrongPassphrase(what, passphrase);
  return undefined;
}

function refuseEndless(der: Uint8Array, what: string): void {
  if (!isEndless(der)) return;
  throw new TLSError(`read ${what}: expected a private key, got one that takes minutes to open (its iterations)`, {
    code: 'TLS_UNREADABLE',
    hint: 'write it anew: `openssl pkcs8 -topk8 -in OLD -out NEW`',
  });
}

/** The error for a passphrase that opens nothing. */
export function wrongPassphrase(what: string, given: string | undefined): TLSError {
  const got = given === undefined ? 'none' : 'one that does not open it';
  return new TLSError(`read ${what}: it is encrypted: expected its passphrase, got ${got}`, { code: 'TLS_PASSPHRASE' });
}

/** What kind of key it is, in a few words: `RSA 2048`, `EC P-256`, `Ed25519`. */
export function kindOfKey({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): string {
  const type: string = asymmetricKeyType ?? 'unknown';
  const { modulusLength, namedCurve = '' } = asymmetricKeyDetails;
  if (type === 'ec') return `EC ${CURVES[namedCurve] ?? namedCurve}`;
  if (type.startsWith('ed') || type.startsWith('x')) return type.replace('ed', 'Ed').replace('x', 'X');
  return [type.toUpperCase(), modulusLength].join(' ').trim();
}

const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function pkcs8(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

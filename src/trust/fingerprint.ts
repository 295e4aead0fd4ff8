/**
 * The fingerprint of a root, the SHA-256 of `root.json` as `sha256sum` prints it, or of a key; and as 12 words that can be
 * read over a telephone (BIP-39 English of its first 16 bytes). Only a match shows it; who compares is the caller's.
 */
import { createHash } from 'node:crypto';
import { entropyToMnemonic, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { TrustError } from './error.ts';
import type { PublicKey } from './key.ts';

export interface Fingerprint {
  /** 64 lower-case hex digits. */
  readonly hex: string;
  /** 12 English words; the last holds a checksum. */
  readonly words: readonly string[];
}

/** The fingerprint of bytes, which are those of a root file or of a request to sign. */
export function fingerprint(bytes: Uint8Array): Fingerprint {
  return inWords(createHash('sha256').update(bytes).digest());
}

/** The fingerprint of a key: its keyID. */
export function keyFingerprint({ keyID }: PublicKey): Fingerprint {
  return inWords(Buffer.from(keyID, 'hex'));
}

/**
 * Whether what a person typed is the fingerprint: all 64 digits or all 12 words. Case, line breaks, and spaces, also
 * within the digits, don't matter.
 */
export function matchesFingerprint(rootBytes: Uint8Array, text: string): boolean {
  return isTyped(fingerprint(rootBytes), text);
}

/** The same for the fingerprint of a key. */
export function matchesKeyFingerprint(key: PublicKey, text: string): boolean {
  return isTyped(keyFingerprint(key), text);
}

/**
 * Says what is wrong with a text that can be nobody's fingerprint: somebody made a slip, and that is no attack. It tells
 * nothing of the right one.
 * @throws {TrustError} `FINGERPRINT_MISMATCH`
 */
export function refuseMistyped(text: string): void {
  const got = findSlip(text.trim().toLowerCase().split(/\s+/));
  if (got === undefined) return;
  throw new TrustError(`read fingerprint: expected 12 words or 64 digits, got ${got}`, {
    code: 'FINGERPRINT_MISMATCH',
    hint: 'type it once more, as it stands on the sheet',
  });
}

function findSlip(typed: readonly string[]): string | undefined {
  const digits = typed.join('');
  if (/^[0-9a-f]*$/.test(digits)) return digits.length === 64 ? undefined : `${digits.length} digits`;
  const unknown = typed.find((word) => !wordlist.includes(word));
  if (unknown !== undefined) return `${JSON.stringify(unknown.slice(0, 40))}, which is none of the words`;
  if (typed.length !== 12) return `${typed.length} words`;
  return validateMnemonic(typed.join(' '), wordlist) ? undefined : 'words of which one is another, or in another place';
}

function inWords(digest: Buffer): Fingerprint {
  return { hex: digest.toString('hex'), words: entropyToMnemonic(digest.subarray(0, 16), wordlist).split(' ') };
}

function isTyped({ hex, words }: Fingerprint, text: string): boolean {
  const typed = text.trim().toLowerCase().split(/\s+/);
  return typed.join('') === hex || typed.join(' ') === words.join(' ');
}

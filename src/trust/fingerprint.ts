/**
 * The fingerprint of a root: the SHA-256 of `root.json`, as `sha256sum` prints it, and as 12 words that can be read
 * over a telephone (BIP-39 English of its first 16 bytes). Only a match shows it; who compares is the caller's.
 */
import { createHash } from 'node:crypto';
import { entropyToMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

export interface Fingerprint {
  /** 64 lower-case hex digits. */
  readonly hex: string;
  /** 12 English words; the last holds a checksum. */
  readonly words: readonly string[];
}

/** The fingerprint of bytes, which are those of a root file or of a request to sign. */
export function fingerprint(bytes: Uint8Array): Fingerprint {
  const digest = createHash('sha256').update(bytes).digest();
  return { hex: digest.toString('hex'), words: entropyToMnemonic(digest.subarray(0, 16), wordlist).split(' ') };
}

/**
 * Whether what a person typed is the fingerprint: all 64 digits or all 12 words. Case, line breaks, and spaces, also
 * within the digits, don't matter.
 */
export function matchesFingerprint(rootBytes: Uint8Array, text: string): boolean {
  const { hex, words } = fingerprint(rootBytes);
  const typed = text.trim().toLowerCase().split(/\s+/);
  return typed.join('') === hex || typed.join(' ') === words.join(' ');
}

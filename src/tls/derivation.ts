/**
 * How long a file may make us derive a key from a passphrase: the file itself says how often, up to two thousand million
 * times, and neither OpenSSL nor node-forge has a limit. Most programs say 2048, careful ones some 600,000.
 */
import type Forge from 'node-forge';
import { contentOf, valuesIn } from './der.ts';

/** PBKDF2 in OpenSSL: some seconds. The product of its numbers, for scrypt has several. */
const MAX_WORK = 50_000_000;
/** In forge, which does it in JavaScript: some seconds, for one file. */
const MAX_ROUNDS = 500_000;
const INTEGER = 0x02;
const SEQUENCE = 0x30;
const MAX_DEPTH = 6;

/** Whether an encrypted key (EncryptedPrivateKeyInfo, RFC 5958 §3) wants more work than any that is meant to be opened. */
export function isEndless(der: Uint8Array): boolean {
  const [algorithm] = valuesIn(der);
  return algorithm !== undefined && der[algorithm] === SEQUENCE && workOf(der, algorithm) > MAX_WORK;
}

function workOf(der: Uint8Array, at: number, depth = 0): number {
  if (depth > MAX_DEPTH) return Number.POSITIVE_INFINITY;
  let [own, most] = [1, 0];
  for (const value of valuesIn(der, at)) {
    const { start, end } = contentOf(der, value);
    if (der[value] === INTEGER) own *= Number(`0x0${Buffer.from(der.subarray(start, end)).toString('hex')}`);
    if (der[value] === SEQUENCE) most = Math.max(most, workOf(der, value, depth + 1));
  }
  return Math.max(own, most);
}

export class EndlessError extends Error {}

/** Runs what opens a file with forge, and throws {@link EndlessError} before the rounds of that file are too many. */
export function withLimit<T>(forge: typeof Forge, open: () => T): T {
  let rounds = 0;
  const { pbe } = forge.pki as unknown as { pbe: { generatePkcs12Key: Derive } };
  const pkcs12 = forge.pkcs12 as unknown as { generateKey: Derive };
  const pkcs5 = forge.pkcs5 as unknown as { pbkdf2: Derive };
  const former = [pbe.generatePkcs12Key, pkcs12.generateKey, pkcs5.pbkdf2] as const;
  const counted = (derive: Derive, { at, cost }: { readonly at: number; readonly cost: number }): Derive => {
    return (...words) => {
      rounds += Number(words[at]) * cost;
      if (!(rounds <= MAX_ROUNDS)) throw new EndlessError('more rounds than any passphrase is worth');
      return derive(...words);
    };
  };
  // forge calls each by its name, and nothing here waits
  pbe.generatePkcs12Key = counted(former[0], { at: 3, cost: 1 });
  pkcs12.generateKey = counted(former[1], { at: 3, cost: 1 });
  // Node.js does these for it
  pkcs5.pbkdf2 = counted(former[2], { at: 2, cost: 0.05 });
  try {
    return open();
  } finally {
    [pbe.generatePkcs12Key, pkcs12.generateKey, pkcs5.pbkdf2] = former;
  }
}

type Derive = (...words: unknown[]) => unknown;

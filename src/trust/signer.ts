/**
 * Who signs: a key that is at hand, or a command that asks a token, an HSM or another machine. The command's protocol:
 * the exact bytes on stdin; as its last argument one JSON object `{protocol, keyid, scheme, sha256, summary}`; one JSON
 * object `{keyid, sig}` on stdout, exit status 0. Its answer is checked before it is believed. Running it is the caller's.
 */
import { createHash } from 'node:crypto';
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { TrustError } from './error.ts';
import type { PublicKey } from './key.ts';
import { publicKeyOf, signWith, verifySignature } from './key.ts';
import { isRecord } from './metadata.ts';

/** A key that can sign, wherever its private half is. */
export interface Signer {
  readonly key: PublicKey;
  /**
   * Signs these bytes.
   * @param summary one line for the person who holds the key
   */
  sign(bytes: Uint8Array, summary: string): Promise<Uint8Array>;
}

/** What a signer command is given. */
export interface SignerCall {
  /** JSON, the command's last argument. */
  readonly argument: string;
  /** The bytes to sign, for its stdin. */
  readonly input: Uint8Array;
}

/** What came of it. */
export interface SignerResult {
  /** Exit status; anything but 0 is a refusal. */
  readonly status: number;
  readonly stdout: Uint8Array;
}

/** A signer with the private key in memory. @throws {TrustError} `KEY_INVALID` */
export function pemSigner(privatePEM: string): Signer {
  return { key: publicKeyOf(privatePEM), sign: async (bytes) => signWith(privatePEM, bytes) };
}

/**
 * A signer that asks a command. `run` starts it, bounds its time and output, and gives its status.
 * Its `sign` rejects with `SIGNER_FAILED` when the command refuses, or answers for another key or wrongly.
 */
export function commandSigner(key: PublicKey, run: (call: SignerCall) => Promise<SignerResult>): Signer {
  return {
    key,
    async sign(bytes, summary) {
      const { status, stdout } = await run({ argument: signerArgument(key, bytes, summary), input: bytes });
      if (status !== 0) throw failed(key, `expected exit status 0, got ${status}`);
      const signature = readAnswer(key, stdout);
      if (!verifySignature(key, bytes, signature)) throw failed(key, 'expected a signature of this key, got another');
      return signature;
    },
  };
}

function signerArgument({ keyID, scheme }: PublicKey, bytes: Uint8Array, summary: string): string {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return canonicalJSON({ protocol: 1, keyid: keyID, scheme, sha256, summary }).toString();
}

function readAnswer(key: PublicKey, stdout: Uint8Array): Buffer {
  let answer: unknown;
  try {
    answer = parseJSON(stdout, 'signer answer');
  } catch (cause) {
    throw failed(key, 'expected one JSON object on stdout', cause);
  }
  const { keyid, sig } = isRecord(answer) ? answer : {};
  if (keyid !== key.keyID) throw failed(key, 'expected an answer for this keyid, got one for another');
  if (typeof sig !== 'string' || !/^(?:[0-9a-fA-F]{2})+$/.test(sig)) throw failed(key, 'expected sig in hex');
  return Buffer.from(sig, 'hex');
}

function failed({ keyID }: PublicKey, why: string, cause?: unknown): TrustError {
  return new TrustError(`sign with command: key ${keyID.slice(0, 16)}: ${why}`, {
    code: 'SIGNER_FAILED',
    cause,
    facts: { keyID },
  });
}

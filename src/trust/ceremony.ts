/**
 * Signing by several holders, each on a machine of their own: a request goes round, answers come back, and whoever has
 * them makes the file when enough agree (FORMAT §6). A changed root needs enough of the old holders and of the new.
 */
import { createHash } from 'node:crypto';
import { canonicalJSON, parseJSON } from '../content/index.ts';
import { joinSignatures } from './build.ts';
import { TRUST_FORMAT, TRUST_MIN_FERRY } from './entry.ts';
import { TrustError } from './error.ts';
import { keyMaterial, verifySignature } from './key.ts';
import { isRecord } from './metadata.ts';
import type { Quorum, SigningRequest } from './request.ts';
import { readRequest, refused } from './request.ts';
import type { Signer } from './signer.ts';

/** How far one group of holders is. */
export interface Tally {
  /** As people say it: `holders of root 3`. */
  readonly name: string;
  readonly threshold: number;
  /** keyIDs of those who signed. */
  readonly signed: readonly string[];
  /** keyIDs of those who have not. */
  readonly open: readonly string[];
  /** How many more are needed. */
  readonly missing: number;
}

/**
 * Signs a request and writes the answer file. All that the request says is recomputed first; show it before calling.
 * @throws {TrustError} `REQUEST_INVALID`, also when the key is not one of those asked; `SIGNER_FAILED`.
 */
export async function signRequest(requestBytes: Uint8Array, signer: Signer): Promise<Buffer> {
  const request = readRequest(requestBytes);
  const { key } = signer;
  if (!request.quorums.some(({ keys }) => keys.some(({ keyID }) => keyID === key.keyID))) {
    throw refused(`expected a key that may sign ${request.role} ${request.version}, got ${key.keyID.slice(0, 16)}`);
  }
  const signature = await signer.sign(request.payload, request.summary);
  if (!verifySignature(key, request.payload, signature)) {
    throw new TrustError(`sign request: key ${key.keyID.slice(0, 16)}: expected its signature, got another`, {
      code: 'SIGNER_FAILED',
      facts: { keyID: key.keyID },
    });
  }
  const answer = { type: 'signing-answer', format: TRUST_FORMAT, minFerry: TRUST_MIN_FERRY, request: idOf(request) };
  return canonicalJSON({ ...answer, keyid: key.keyID, sig: Buffer.from(signature).toString('hex') });
}

/** Who has signed so far, and how many are missing. @throws {TrustError} `REQUEST_INVALID` when an answer is for another request */
export function tally(requestBytes: Uint8Array, answers: readonly Uint8Array[]): Tally[] {
  const request = readRequest(requestBytes);
  return tallyOf(request, readAnswers(request, answers));
}

/**
 * Makes the signed file from a request and its answers.
 * @throws {TrustError} `SIGNATURE_THRESHOLD` with who signed and how many are missing; `REQUEST_INVALID`
 */
export function assemble(requestBytes: Uint8Array, answers: readonly Uint8Array[]): Buffer {
  const request = readRequest(requestBytes);
  const signatures = readAnswers(request, answers);
  const tallies = tallyOf(request, signatures);
  if (tallies.some(({ missing }) => missing > 0)) {
    throw new TrustError(`assemble ${request.role} ${request.version}: ${tallies.map(formatTally).join('; ')}`, {
      code: 'SIGNATURE_THRESHOLD',
      facts: { role: request.role, version: request.version, tallies },
      hint: 'collect the missing answers (`ferry keys sign` at their holders) and assemble again, with those that are here',
    });
  }
  return joinSignatures(request.payload, signatures);
}

/** One line: `holders of root 3: 1 of 2 signed (4f2a…), 1 missing`. */
export function formatTally({ name, threshold, signed, missing }: Tally): string {
  const who = signed.length === 0 ? '' : ` (${signed.map((keyID) => keyID.slice(0, 16)).join(', ')})`;
  return `${name}: ${signed.length} of ${threshold} signed${who}, ${missing} missing`;
}

function tallyOf({ quorums }: SigningRequest, signatures: ReadonlyMap<string, Uint8Array>): Tally[] {
  return quorums.map(({ name, threshold, keys }) => {
    const signed = keys.filter(({ keyID }) => signatures.has(keyID));
    // one key under two keyIDs counts once, here as on the site
    const count = new Set(signed.map(keyMaterial)).size;
    return {
      name,
      threshold,
      signed: signed.map(({ keyID }) => keyID),
      open: keys.filter(({ keyID }) => !signatures.has(keyID)).map(({ keyID }) => keyID),
      missing: Math.max(0, threshold - count),
    };
  });
}

function readAnswers(request: SigningRequest, answers: readonly Uint8Array[]): Map<string, Uint8Array> {
  return new Map(answers.map((bytes) => readAnswer(request, bytes)));
}

function readAnswer(request: SigningRequest, bytes: Uint8Array): [string, Uint8Array] {
  const answer = parseJSON(bytes, 'signing answer');
  const { type, request: id, keyid, sig } = isRecord(answer) ? answer : {};
  if (type !== 'signing-answer' || typeof keyid !== 'string' || typeof sig !== 'string') {
    throw refused('expected an answer to a signing request');
  }
  if (id !== idOf(request))
    throw refused(`expected an answer to this request, got one of ${keyid.slice(0, 16)} to another`);
  const key = request.quorums.flatMap(({ keys }: Quorum) => keys).find(({ keyID }) => keyID === keyid);
  const signature = /^(?:[0-9a-f]{2})+$/.test(sig) ? Buffer.from(sig, 'hex') : Buffer.alloc(0);
  if (!key || !verifySignature(key, request.payload, signature)) {
    throw refused(`expected a right signature of one of those asked, got none from ${keyid.slice(0, 16)}`);
  }
  return [keyid, signature];
}

function idOf({ payload }: SigningRequest): string {
  return createHash('sha256').update(payload).digest('hex');
}

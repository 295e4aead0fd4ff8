/**
 * Believe bytes, not headers: a stream that only ends when its digest and size are those of the descriptor. The last
 * chunk is held back until then, so that whoever writes or sends what comes out never completes a wrong blob.
 */
import { createHash } from 'node:crypto';
import type { Descriptor, Digest } from '../oci/index.ts';
import { digestFromHex, digestOf } from '../oci/index.ts';
import { ContentError } from './error.ts';

/** What bytes must be. */
export type Expected = Pick<Descriptor, 'digest' | 'size'>;

/**
 * Passes bytes on while it counts and hashes them.
 *
 * @throws {ContentError} `SIZE_MISMATCH` as soon as one byte too many comes, or at the end; `DIGEST_MISMATCH` at the end
 */
export async function* verified(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  expected: Expected,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > expected.size) throw sizeMismatch(expected, `more than ${expected.size}`);
    hash.update(chunk);
    if (held !== undefined) yield held;
    held = chunk;
  }
  if (size < expected.size) throw sizeMismatch(expected, String(size));
  const actual = digestFromHex(hash.digest('hex'));
  if (actual !== expected.digest) throw digestMismatch(expected, actual);
  if (held !== undefined) yield held;
}

/** Checks bytes that are at hand as a whole. @throws {ContentError} `SIZE_MISMATCH`, `DIGEST_MISMATCH` */
export function verifyBytes(bytes: Uint8Array, expected: Expected): void {
  if (bytes.length !== expected.size) throw sizeMismatch(expected, String(bytes.length));
  const actual = digestOf(bytes);
  if (actual !== expected.digest) throw digestMismatch(expected, actual);
}

/** The digest that bytes were held to, and in words what was expected and got: for whoever names the place better. */
export function findMismatch(error: unknown): { readonly digest: string; readonly why: string } | undefined {
  if (!(error instanceof ContentError) || !['DIGEST_MISMATCH', 'SIZE_MISMATCH'].includes(error.code)) return undefined;
  const why = error.message.replace(/^verify blob(?: sha256:[0-9a-f]{64})?: /, '');
  return { digest: String(error.facts['digest']), why };
}

function sizeMismatch({ digest, size }: Expected, got: string): ContentError {
  return new ContentError(`verify blob ${digest}: expected ${size} bytes, got ${got}`, {
    code: 'SIZE_MISMATCH',
    facts: { digest },
  });
}

function digestMismatch({ digest }: Expected, got: Digest): ContentError {
  return new ContentError(`verify blob: expected ${digest}, got ${got}`, {
    code: 'DIGEST_MISMATCH',
    facts: { digest },
  });
}

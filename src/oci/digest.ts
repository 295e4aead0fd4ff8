/**
 * Digests (OCI image-spec v1.1, descriptor.md "Digests"). Only sha256: every engine and registry that Ferry meets
 * uses it. A `Digest` is made here alone, so that a value of that type has always been checked.
 */
import { createHash } from 'node:crypto';
import { OciError } from './error.ts';

declare const brand: unique symbol;

/** `sha256:` and 64 lower-case hex digits: the digest of bytes as they are stored. */
export type Digest = string & { readonly [brand]: 'Digest' };

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Reads a digest. @throws {OciError} `DIGEST_INVALID` for any other algorithm or form. */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new OciError(
      `read digest: expected sha256: and 64 lower-case hex digits, got ${JSON.stringify(text.slice(0, 100))}`,
      {
        code: 'DIGEST_INVALID',
      },
    );
  }
  return text;
}

/** Whether a text is a digest as {@link parseDigest} takes it. */
export function isDigest(text: string): text is Digest {
  return DIGEST.test(text);
}

/** The digest with these 64 hex digits. @throws {OciError} `DIGEST_INVALID` */
export function digestFromHex(hex: string): Digest {
  return parseDigest(`sha256:${hex}`);
}

/** The 64 hex digits of a digest, as in `blobs/sha256/<hex>`. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** The digest of bytes that are at hand as a whole. */
export function digestOf(bytes: Uint8Array): Digest {
  return digestFromHex(createHash('sha256').update(bytes).digest('hex'));
}

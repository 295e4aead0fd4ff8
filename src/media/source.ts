/** Bytes that are to be copied: a file from front to back, or an entry of a bundle, proven by what was signed. */
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type Bundle, BundleError } from '../bundle/index.ts';
import { findMismatch, readAt, verified } from '../content/index.ts';
import type { Digest } from '../oci/index.ts';
import { asUnreadable } from './unreadable.ts';
import type { Source } from './write-proven.ts';

const READ_SIZE = 4 * 1024 * 1024;

/** A file that has this size; that it cannot be read to there is damage. */
export function fileSource(path: string, size: number): Source {
  return { size, open: () => readFrom(path, size) };
}

async function* readFrom(path: string, size: number): AsyncGenerator<Uint8Array> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'r');
    for (let offset = 0; offset < size; ) {
      const bytes = await readAt(file, { offset, length: Math.min(READ_SIZE, size - offset) });
      if (bytes.length === 0) throw cutOff(path, offset);
      yield bytes;
      offset += bytes.length;
    }
  } catch (error) {
    throw asUnreadable(error, path);
  } finally {
    await file?.close();
  }
}

function cutOff(path: string, offset: number): BundleError {
  return new BundleError(`read ${path}: offset ${offset}: expected more bytes, got the end of the file`, {
    code: 'BUNDLE_CUT_OFF',
    facts: { path, offset },
  });
}

/** Bytes that are at hand. */
export function bytesSource(bytes: Uint8Array): Source {
  return { size: bytes.length, open: () => Readable.from([bytes]) };
}

/** An entry of an open bundle with the digest that was signed. */
export function entrySource(
  bundle: Bundle,
  { name, digest, size }: { readonly name: string; readonly digest: Digest; readonly size: number },
): Source {
  return { size, open: () => provenEntry(bundle, name, { digest, size }) };
}

async function* provenEntry(
  bundle: Bundle,
  name: string,
  expected: { readonly digest: Digest; readonly size: number },
): AsyncGenerator<Uint8Array> {
  try {
    yield* verified(bundle.stream(name), expected);
  } catch (error) {
    const mismatch = findMismatch(error);
    if (mismatch === undefined) throw asUnreadable(error, bundle.path);
    throw bundle.damaged([{ entry: name, why: mismatch.why }], { cause: error });
  }
}

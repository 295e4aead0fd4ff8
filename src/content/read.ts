/** Reads with an end: whatever comes from outside has a maximum, so that nothing endless fills the memory. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import type { Digest } from '../oci/index.ts';
import { digestFromHex } from '../oci/index.ts';
import { isErrno } from './errno.ts';
import { ContentError } from './error.ts';

export interface BoundedOptions {
  /** Bytes that are too few to be refused. */
  readonly max: number;
  /** Names the thing in the error, as in `manifest of ghcr.io/a/b:1`. */
  readonly what: string;
}

/** All bytes of a stream. @throws {ContentError} `TOO_LARGE` at the first byte above `max` */
export async function readBounded(source: AsyncIterable<Uint8Array>, { max, what }: BoundedOptions): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.length;
    if (size > max) throw tooLarge(what, max);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** Windows knows no such flag, and no pipe in a folder either. */
const NON_BLOCKING: number | undefined = constants.O_NONBLOCK;

/**
 * Opens a file that somebody else may have put there: to open a pipe would wait for a writer for ever, and no Ctrl-C ends
 * that wait. What it is instead of a file, its reader finds out.
 */
export function openToRead(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | (NON_BLOCKING ?? 0));
}

/** All bytes of a file. @throws {ContentError} `TOO_LARGE`, `NO_FILE` for a pipe; and what the file system says */
export async function readFileBounded(path: string, { max }: Pick<BoundedOptions, 'max'>): Promise<Buffer> {
  const file = await openToRead(path);
  try {
    const stat = await file.stat();
    if (stat.isFIFO()) throw noFile(path);
    const { size } = stat;
    if (size > max) throw tooLarge(path, max);
    // one byte more than it said: a file that grows meanwhile, or a device that lies about its size, is seen
    const bytes = await readAt(file, { offset: 0, length: Math.min(max, Math.max(size, 64 * 1024)) + 1 });
    if (bytes.length > max) throw tooLarge(path, max);
    return bytes;
  } catch (error) {
    // a read knows no path, and "EISDIR" or "EIO" alone helps nobody
    throw error instanceof Error && 'errno' in error ? Object.assign(error, { path }) : error;
  } finally {
    await file.close();
  }
}

/** Bytes at a place of a file: fewer than `length` only where the file ends. */
export async function readAt(
  file: FileHandle,
  { offset, length }: { offset: number; length: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

/** The bytes of a file, or `undefined` when there is none; any other failure is thrown. */
export async function findFileBounded(path: string, options: Pick<BoundedOptions, 'max'>): Promise<Buffer | undefined> {
  try {
    return await readFileBounded(path, options);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The digest of a whole small file; large ones are hashed where they stream. */
export async function fileDigest(path: string): Promise<Digest> {
  const { default: sha256File } = await import('sha256-file');
  return new Promise((resolve, reject) => {
    sha256File(path, (error, hex) => (error ? reject(error) : resolve(digestFromHex(hex as string))));
  });
}

function tooLarge(what: string, max: number): ContentError {
  return new ContentError(`read ${what}: expected at most ${max} bytes, got more`, { code: 'TOO_LARGE' });
}

function noFile(path: string): ContentError {
  return new ContentError(`read ${path}: expected a file, got a pipe`, { code: 'NO_FILE', facts: { path } });
}

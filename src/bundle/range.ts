/**
 * Reads a range of a file by positions: as a stream with the next read already under way, or straight into a hash.
 * Several may be read at once, and memory is two buffers each, however long the range is.
 */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { type Digest, digestFromHex } from '../oci/index.ts';

/** So many bytes from `offset` on. */
export interface Range {
  readonly offset: number;
  readonly length: number;
}

const STREAM_CHUNK = 512 * 1024;
const HASH_CHUNK = 4 * 1024 * 1024;

/** The file ended inside a range that it had when it was opened. */
export class RangeCutOff extends Error {
  /** Where it ends now. */
  readonly offset: number;

  constructor(offset: number) {
    super(`read: expected more bytes, got the end of the file at offset ${offset}`);
    this.offset = offset;
  }
}

/**
 * The bytes of a range, in chunks that are the caller's to keep.
 * @throws {RangeCutOff} when the file has become shorter.
 */
export async function* readRange(file: FileHandle, { offset, length }: Range): AsyncGenerator<Uint8Array> {
  const end = offset + length;
  const readAt = (at: number) => fill(file, Buffer.allocUnsafeSlow(Math.min(STREAM_CHUNK, end - at)), at);
  let next = offset < end ? readAt(offset) : undefined;
  next?.catch(() => {});
  try {
    for (let at = offset; next !== undefined; ) {
      const bytes = await next;
      at += bytes.length;
      next = at < end ? readAt(at) : undefined;
      next?.catch(() => {}); // thrown where it is awaited
      yield bytes;
    }
  } finally {
    await next?.catch(() => {}); // no read may outlive its stream: the file may be closed next
  }
}

/**
 * The digest of a range. `advance` is told of every piece; `signal` ends it between two.
 * @throws {RangeCutOff} when the file has become shorter.
 */
export async function hashRange(
  file: FileHandle,
  { offset, length }: Range,
  { advance = () => {}, signal }: { readonly advance?: (bytes: number) => void; readonly signal?: AbortSignal } = {},
): Promise<Digest> {
  const hash = createHash('sha256');
  const size = Math.min(HASH_CHUNK, length);
  let [front, back] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(length > size ? size : 0)];
  let next = fill(file, front, offset);
  for (let at = offset; at < offset + length; ) {
    const bytes = await next;
    at += bytes.length;
    [front, back] = [back, front];
    next = fill(file, front.subarray(0, Math.min(size, offset + length - at)), at);
    next.catch(() => {});
    hash.update(bytes); // while the other buffer is being filled
    advance(bytes.length);
    if (signal?.aborted) break;
  }
  await next;
  signal?.throwIfAborted();
  return digestFromHex(hash.digest('hex'));
}

async function fill(file: FileHandle, buffer: Buffer, position: number): Promise<Buffer> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw new RangeCutOff(position + filled);
    filled += bytesRead;
  }
  return buffer;
}

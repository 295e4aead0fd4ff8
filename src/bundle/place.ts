/**
 * Puts the bytes of one entry where they belong in a file that is laid out already: header, body and padding are one
 * run of positioned writes of about 1 MiB. Chunks of the source are gathered and written as they are, never copied;
 * one write is under way while the next is gathered, and the source waits for both: so memory is bounded.
 */
import type { FileHandle } from 'node:fs/promises';
import { padding, type TarEntry, tarHeader } from '../layout/index.ts';
import { BundleError } from './error.ts';

/** A write is made when so many bytes are there. */
const WRITE_SIZE = 512 * 1024;
/** … or so many chunks: below the system's limit for one call, which is 1024. */
const WRITE_CHUNKS = 256;

/** Told after each write: everything of this region up to `offset` is in the file; `bytes` of it are new. */
export type Written = (offset: number, bytes: number) => void;

/** Writes at increasing positions from `offset` on. */
export interface RegionWriter {
  /** Takes over the chunk; waits when two writes' worth is held. */
  write(chunk: Uint8Array): Promise<void>;
  /** Waits until everything given is written. */
  flush(): Promise<void>;
}

export interface RegionOptions {
  /** @default nobody is told */
  readonly written?: Written;
  /** Frees each chunk once it is written; see {@link release}. @default false */
  readonly releaseChunks?: boolean;
}

/** A writer into a file from a position on. Not for use by two at once. */
export function openRegion(
  file: FileHandle,
  offset: number,
  { written = () => {}, releaseChunks = false }: RegionOptions = {},
): RegionWriter {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let position = offset;
  let underWay: Promise<void> = Promise.resolve();
  const start = async () => {
    await underWay;
    const [chunks, at, bytes] = [held, position, heldBytes];
    position += bytes;
    held = [];
    heldBytes = 0;
    underWay = writeAll(file, chunks, at).then(() => {
      if (releaseChunks) chunks.forEach(release);
      written(at + bytes, bytes);
    });
    underWay.catch(() => {}); // thrown where it is awaited, which may be a while later
  };
  return {
    async write(chunk) {
      if (chunk.length === 0) return;
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= WRITE_SIZE || held.length >= WRITE_CHUNKS) await start();
    },
    async flush() {
      if (heldBytes > 0) await start();
      await underWay;
    },
  };
}

/**
 * Writes an entry whole: header, body, padding. The source must not reuse a chunk that it has given.
 * @throws {BundleError} `SOURCE_SIZE` when the body has another length; nothing beyond its place is ever written.
 */
export async function placeEntry(
  entry: TarEntry,
  { region, body }: { readonly region: RegionWriter; readonly body: AsyncIterable<Uint8Array> },
): Promise<void> {
  let size = 0;
  await region.write(tarHeader(entry.name, entry.size));
  for await (const chunk of body) {
    size += chunk.length;
    if (size > entry.size) throw sourceSize(entry, `more than ${entry.size}`);
    await region.write(chunk);
  }
  if (size < entry.size) throw sourceSize(entry, String(size));
  await region.write(Buffer.alloc(padding(entry.size)));
}

/**
 * Gives the memory of a chunk back at once, where the chunk has it for itself. Left to the collector, what a fast
 * network brings piles up to some 60 MiB before it is looked at, whatever its limits.
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}

async function writeAll(file: FileHandle, chunks: Uint8Array[], position: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks, position);
  let behind = bytesWritten;
  let at = position + bytesWritten;
  // A short write is rare (a signal, a disk nearly full): what is left goes chunk by chunk, and then says why.
  for (const chunk of chunks) {
    const rest = chunk.subarray(Math.min(behind, chunk.length));
    behind -= chunk.length - rest.length;
    await writeAt(file, at, rest);
    at += rest.length;
  }
}

/** Writes all of these bytes at a position. */
export async function writeAt(file: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  }
}

function sourceSize({ name, size }: TarEntry, got: string): BundleError {
  return new BundleError(`write bundle: ${name}: expected ${size} bytes, got ${got}`, {
    code: 'SOURCE_SIZE',
    facts: { entry: name },
  });
}

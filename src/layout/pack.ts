/**
 * The tar that goes to an engine, made while it is sent. This is the only file that knows tar-stream. Bodies are
 * pulled one after the other and never held; a body that fails ends the whole tar, so that the engine sees it cut
 * off and loads nothing. Order and names are the caller's (DESIGN 3: what the engine acts on comes last).
 */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack as newPack, type Pack } from 'tar-stream';
import { LayoutError } from './error.ts';

/** One file for the engine. `size` is the exact length of `body`. */
export interface PackEntry {
  readonly name: string;
  readonly size: number;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Every entry is root's, world-readable and of the first instant: what the engine gets depends on the bytes alone. */
const OWNER = { uid: 0, gid: 0, mode: 0o644, mtime: new Date(0), type: 'file' } as const;

/**
 * Packs the entries as they come. Reading pulls; nothing is buffered beyond one chunk of a body. When an entry or a
 * body throws, the stream is destroyed with that error; when the stream is destroyed, the body being read and the
 * entries are closed.
 * @throws {LayoutError} `PACK_FAILED` through the stream when a body has another length than announced.
 */
export function packTar(entries: AsyncIterable<PackEntry>): Readable {
  const pack = newPack();
  // The pack reports its own end through the reader below; alone it must not bring the process down.
  pack.on('error', () => {});
  feed(pack, entries).catch((error: unknown) => pack.destroy(asError(error)));
  return Readable.from(pack as AsyncIterable<Uint8Array>, { objectMode: false });
}

async function feed(pack: Pack, entries: AsyncIterable<PackEntry>): Promise<void> {
  for await (const entry of entries) await addEntry(pack, entry);
  pack.finalize();
}

async function addEntry(pack: Pack, { name, size, body }: PackEntry): Promise<void> {
  const sink = pack.entry({ ...OWNER, name, size });
  // pipeline, not a write loop: an entry that is open while the pack is destroyed emits its own 'error'.
  await pipeline(Readable.from(counted(name, size, chunksOf(body)), { objectMode: false }), sink);
}

async function* chunksOf(body: Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (body instanceof Uint8Array) {
    if (body.length > 0) yield body;
    return;
  }
  yield* body;
}

async function* counted(name: string, size: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > size) throw wrongLength(name, size, `more than ${size}`);
    if (chunk.length > 0) yield chunk;
  }
  if (seen < size) throw wrongLength(name, size, String(seen));
}

function wrongLength(name: string, size: number, got: string): LayoutError {
  return new LayoutError(`pack tar: ${name}: expected ${size} bytes, got ${got}`, {
    code: 'PACK_FAILED',
    facts: { name },
  });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error), { cause: error });
}

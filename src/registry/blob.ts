/**
 * Blobs of any size, through any number of dropped connections: what has come is hashed as it passes, and after a drop
 * the rest is asked for by Range (distribution-spec v1.1 "Pulling blobs", RFC 9110 §14). A server that sends the whole
 * again is read past what we have, and its beginning must be what came before. Nothing is buffered here but one chunk,
 * the last, which is held back until size and digest are proven.
 */
import { createHash, type Hash } from 'node:crypto';
import { ContentError } from '../content/index.ts';
import { type HTTPResponse, isPassing, type Retries } from '../http/index.ts';
import { type Descriptor, digestFromHex, type Reference, repositoryName } from '../oci/index.ts';
import type { Place } from './document.ts';
import { RegistryError, WRONG_BYTES_HINT } from './error.ts';

/** A drop after at least so many new bytes does not count against the retries. */
const PROGRESS_BYTES = 16 * 1024;

/** What has come so far. */
interface Received {
  size: number;
  readonly hash: Hash;
  /** The last chunk, not passed on yet. */
  held: Uint8Array | undefined;
  /** The server's name for these very bytes; strong ones alone (RFC 9110 §13.1.5). */
  etag: string | undefined;
}

interface Download extends Place {
  readonly wanted: Descriptor;
  readonly doing: string;
  readonly retries: Retries;
  readonly signal?: AbortSignal | undefined;
}

/** The bytes of a blob; as {@link RegistryClient.fetchBlob} promises. */
export async function* fetchBlob(
  place: Place,
  { reference, wanted, signal }: { reference: Reference; wanted: Descriptor; signal?: AbortSignal | undefined },
): AsyncGenerator<Uint8Array> {
  const doing = `fetch blob ${wanted.digest} of ${repositoryName(reference)}`;
  const download: Download = { ...place, wanted, doing, retries: place.session.newRetries(signal), signal };
  const received: Received = { size: 0, hash: createHash('sha256'), held: undefined, etag: undefined };
  let useRange = true;
  do {
    const before = received.size;
    try {
      const response = await open(download, useRange ? received : { ...received, size: 0 });
      const at = startOf(response);
      // A range that starts elsewhere than it was asked to: this server's ranges are not to be used.
      useRange = response.status === 200 || at === before;
      if (at === 0 || at === before) yield* receive(response, { at, received, download });
      else await response.discard();
      if (received.size < wanted.size) await download.retries.wait({ error: short(download, received) });
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (received.size - before >= PROGRESS_BYTES) download.retries.progressed();
      if (received.size < wanted.size) await download.retries.wait({ error });
    }
  } while (received.size < wanted.size);
  prove(received, download);
  if (received.held !== undefined) yield received.held;
}

function open({ session, endpoint, wanted, doing, retries, signal }: Download, { size, etag }: Received) {
  const range: Record<string, string> = size === 0 ? {} : { range: `bytes=${size}-` };
  const condition: Record<string, string> = size === 0 || etag === undefined ? {} : { 'if-range': etag };
  return session.get({
    ...{ endpoint, doing, retries, signal, missing: 'BLOB_NOT_FOUND' },
    path: `blobs/${wanted.digest}`,
    headers: { ...range, ...condition },
    wanted: size === 0 ? [200] : [200, 206, 416],
  });
}

/** Where the body begins in the blob: by Content-Range, which is held to; `undefined` where it can't be known. */
function startOf(response: HTTPResponse): number | undefined {
  if (response.status === 200) return 0;
  const start = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(response.header('content-range') ?? '')?.[1];
  return response.status === 206 && start !== undefined ? Number(start) : undefined;
}

/** Passes on what is new. Of a body that begins at zero again, what is here already is skipped, and must be the same. */
async function* receive(
  response: HTTPResponse,
  { at, received, download }: { at: number; received: Received; download: Download },
): AsyncGenerator<Uint8Array> {
  const etag = response.header('etag');
  received.etag = etag?.startsWith('"') ? etag : undefined;
  const again = createHash('sha256');
  let left = received.size - at;
  for await (const chunk of response.body()) {
    const old = Math.min(left, chunk.length);
    if (old > 0) again.update(chunk.subarray(0, old));
    if (old > 0 && old === left) compare(again, received, download);
    left -= old;
    if (old < chunk.length) yield* take(chunk.subarray(old), received, download);
  }
}

function* take(chunk: Uint8Array, received: Received, { doing, wanted }: Download): Generator<Uint8Array> {
  if (received.size + chunk.length > wanted.size) {
    throw new ContentError(`${doing}: expected ${wanted.size} bytes, got more`, {
      code: 'SIZE_MISMATCH',
      hint: WRONG_BYTES_HINT,
      facts: { digest: wanted.digest },
    });
  }
  received.hash.update(chunk);
  received.size += chunk.length;
  const ready = received.held;
  received.held = chunk;
  if (ready !== undefined) yield ready;
}

function compare(again: Hash, received: Received, { doing, wanted }: Download): void {
  if (again.digest().equals(received.hash.copy().digest())) return;
  throw new RegistryError(`${doing}: expected the first ${received.size} bytes as they came before, got others`, {
    code: 'BLOB_CHANGED',
    facts: { digest: wanted.digest },
  });
}

function prove({ hash }: Received, { doing, wanted }: Download): void {
  const actual = digestFromHex(hash.digest('hex'));
  if (actual === wanted.digest) return;
  throw new ContentError(`${doing}: expected ${wanted.digest}, got ${actual}`, {
    code: 'DIGEST_MISMATCH',
    hint: WRONG_BYTES_HINT,
    facts: { digest: wanted.digest },
  });
}

/** A body that ended in order, but too soon. */
function short({ doing, wanted }: Download, { size }: Received): ContentError {
  return new ContentError(`${doing}: expected ${wanted.size} bytes, got ${size}`, {
    code: 'SIZE_MISMATCH',
    hint: WRONG_BYTES_HINT,
    facts: { digest: wanted.digest },
  });
}

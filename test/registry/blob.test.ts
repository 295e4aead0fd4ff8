// Blobs through a line that drops, a server that lies, a store whose addresses expire.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Descriptor, parseReference, type Reference } from '../../src/oci/index.ts';
import { openRegistry, type RegistryClient, type RegistryOptions } from '../../src/registry/index.ts';
import { collect, collectUntilError } from '../support/collect.ts';
import {
  answer,
  dropAfter,
  type Exchange,
  type FakeRegistry,
  fakeRegistry,
  generatedBlob,
  listen,
  storedBytes,
} from '../support/fake-registry.ts';
import { noise, sha256 } from '../support/registry-images.ts';
import { type TestTiming, testTiming } from '../support/timing.ts';

const BYTES = noise('blob', 300_001);
const BLOB: Descriptor = { mediaType: 'application/octet-stream', digest: sha256(BYTES), size: BYTES.length };
const ASK = /^GET \/v2\/app\/blobs\//;

let registry: FakeRegistry;
let client: RegistryClient;
let timing: TestTiming;
let reference: Reference;
const stops: (() => Promise<void>)[] = [];

function open(options: RegistryOptions = {}): RegistryClient {
  const opened = openRegistry({ timing, ...options });
  stops.push(() => opened.close());
  return opened;
}

beforeEach(async () => {
  registry = await fakeRegistry();
  registry.put('app', storedBytes(BLOB, BYTES));
  timing = testTiming();
  client = open();
  reference = parseReference(`${registry.host}/app:v1`);
  stops.push(() => registry.stop());
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const fetching = (blob = BLOB) => client.fetchBlob(reference, blob);
const ranges = () => registry.seen.filter(({ line }) => ASK.test(line)).map(({ headers }) => headers.range);

describe('fetchBlob', () => {
  it.each([
    ...[
      0, 1, 2, 511, 512, 65_535, 65_536, 65_537, 131_072, 150_000, 262_143, 262_144, 262_145, 299_999, 300_000, 300_001,
    ],
  ])('goes on after a drop at byte %i', async (byte) => {
    registry.rule({ on: ASK, act: dropAfter(byte) });
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
    expect(ranges().length).toBeLessThanOrEqual(2);
    expect(ranges()[1] ?? 'bytes=0-').toMatch(/^bytes=\d+-$/);
  });

  it('goes on where it was, not from the beginning, and asks for the same bytes by their ETag', async () => {
    registry.rule({ on: ASK, act: dropAfter(200_000) });
    await collect(fetching());
    const [, again] = registry.seen.filter(({ line }) => ASK.test(line));
    expect(Number(/\d+/.exec(again?.headers.range ?? '')?.[0])).toBeGreaterThan(100_000);
    expect(again?.headers['if-range']).toBe(`"${BLOB.digest}"`);
  });

  it('survives more drops than it has retries, as long as each brings something', async () => {
    const big = generatedBlob('many drops', 8 << 20);
    registry.put('app', big);
    registry.rule({ on: ASK, times: 20, act: dropAfter(300_000) });
    client = open({ retries: 2 });
    let size = 0;
    for await (const chunk of client.fetchBlob(reference, big)) size += chunk.length;
    expect(size).toBe(big.size);
    expect(ranges().length).toBe(21);
  });

  it('gives up when the drops bring nothing more', async () => {
    registry.rule({ on: ASK, times: 100, act: dropAfter(0) });
    const { error } = await collectUntilError(fetching());
    expect(error).toMatchObject({ code: 'CONNECTION_LOST' });
    expect(timing.waits.length).toBe(8);
  });

  it('reads past what it has when a server sends the whole again', async () => {
    registry.rule({ on: ASK, act: dropAfter(200_000) });
    registry.rule({
      on: ASK,
      act: ({ request, serve }) => {
        delete request.headers.range;
        serve();
      },
    });
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
  });

  it('says BLOB_CHANGED when the whole that is sent again begins otherwise', async () => {
    registry.rule({ on: ASK, act: dropAfter(200_000) });
    const other = Buffer.from(BYTES);
    other[70_000] = (other[70_000] ?? 0) ^ 1;
    registry.rule({
      on: ASK,
      act: ({ response }) => void response.writeHead(200, { 'content-length': other.length }).end(other),
    });
    const { error, bytes } = await collectUntilError(fetching());
    expect(error).toMatchObject({ code: 'BLOB_CHANGED' });
    expect(bytes.length).toBeLessThan(200_000);
  });

  it('says DIGEST_MISMATCH, before the last chunk, when the rest is of another body', async () => {
    registry.rule({ on: ASK, act: dropAfter(200_000) });
    registry.rule({
      on: ASK,
      act: ({ request, response }) => {
        const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
        const rest = Buffer.alloc(BYTES.length - start, 7);
        response.writeHead(206, { 'content-range': `bytes ${start}-${BYTES.length - 1}/${BYTES.length}` }).end(rest);
      },
    });
    const { error, bytes } = await collectUntilError(fetching());
    expect(error).toMatchObject({
      code: 'DIGEST_MISMATCH',
      message: expect.stringContaining(`fetch blob ${BLOB.digest} of ${registry.host}/app: `),
    });
    expect(bytes.length).toBeLessThan(BYTES.length);
  });

  it.each([
    ['starts earlier', (start: number) => `bytes ${start - 1}-${BYTES.length - 1}/${BYTES.length}`],
    ['starts later', (start: number) => `bytes ${start + 1}-${BYTES.length - 1}/${BYTES.length}`],
    ['is not there', () => undefined],
    ['is nonsense', () => 'bytes */x'],
  ])('does not use a part whose Content-Range %s, and starts over without Range', async (_, lie) => {
    registry.rule({ on: ASK, act: dropAfter(200_000) });
    registry.rule({
      on: ASK,
      act: ({ request, response }) => {
        const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
        const range = lie(start);
        response.writeHead(206, range === undefined ? {} : { 'content-range': range }).end(BYTES.subarray(start));
      },
    });
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
    expect(ranges().at(-1)).toBeUndefined();
  });

  it('believes bytes, not headers: a right digest header over wrong bytes', async () => {
    const wrong = Buffer.alloc(BYTES.length, 1);
    const headers = { 'docker-content-digest': BLOB.digest, etag: `"${BLOB.digest}"` };
    registry.rule({ on: ASK, act: ({ response }) => void response.writeHead(200, headers).end(wrong) });
    expect((await collectUntilError(fetching())).error).toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('stops at one byte too many, and asks again when there are too few', async () => {
    registry.rule({ on: ASK, act: ({ response }) => void response.end(Buffer.concat([BYTES, Buffer.from('x')])) });
    expect((await collectUntilError(fetching())).error).toMatchObject({ code: 'SIZE_MISMATCH' });
    registry.rule({ on: ASK, act: ({ response }) => void response.end(BYTES.subarray(0, 1000)) });
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
  });

  it('gives an empty blob as nothing', async () => {
    const empty = { ...BLOB, digest: sha256(Buffer.alloc(0)), size: 0 };
    registry.put('app', storedBytes(empty, Buffer.alloc(0)));
    expect((await collect(fetching(empty))).length).toBe(0);
  });

  it('takes a silent connection for a lost one', async () => {
    registry.rule({
      on: ASK,
      act: ({ response }) =>
        void response.writeHead(200, { 'content-length': BYTES.length }).write(BYTES.subarray(0, 100_000)),
    });
    client = open({ idleTimeoutMs: 50 });
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
  });

  it('says BLOB_NOT_FOUND for a blob the registry lacks', async () => {
    const missing = { ...BLOB, digest: sha256(Buffer.from('missing')) };
    await expect(collect(fetching(missing))).rejects.toMatchObject({
      code: 'BLOB_NOT_FOUND',
      message: `fetch blob ${missing.digest} of ${registry.host}/app: ${registry.host} does not have it (status 404, BLOB_UNKNOWN)`,
    });
  });

  it('fetches at most as many at once as it may, from one host', async () => {
    client = open({ concurrency: 3 });
    const blobs = Array.from({ length: 9 }, (_, at) => generatedBlob(`blob ${at}`, 100_000));
    for (const blob of blobs) registry.put('app', blob);
    const waiting: (() => void)[] = [];
    let most = 0;
    const act = ({ serve }: Exchange) => {
      most = Math.max(most, waiting.push(serve));
      // a fourth would come within these turns, were it allowed to
      if (waiting.length === 3) setTimeout(() => waiting.splice(0).map((go) => go()), 20);
    };
    registry.rule({ on: ASK, times: 9, act });
    await Promise.all(blobs.map((blob) => collect(client.fetchBlob(reference, blob))));
    expect(most).toBe(3);
  });

  it("ends with the signal's reason, the client's or its own", async () => {
    const reason = new Error('stopped by a person');
    for (const whole of [true, false]) {
      const control = new AbortController();
      const mine = open(whole ? { signal: control.signal } : {});
      const reading = (async () => {
        const options = whole ? {} : { signal: control.signal };
        const big = generatedBlob('big', 64 << 20);
        registry.put('app', big);
        for await (const chunk of mine.fetchBlob(reference, big, options)) chunk.length > 0 && control.abort(reason);
      })();
      await expect(reading).rejects.toBe(reason);
    }
  });

  it('ends a wait between two tries by the signal', async () => {
    const control = new AbortController();
    const reason = new Error('stopped by a person');
    const never = {
      ...timing,
      sleep: async (_: number, signal?: AbortSignal) => {
        control.abort(reason);
        signal?.throwIfAborted();
      },
    };
    registry.rule({ on: ASK, act: answer(503) });
    const mine = open({ timing: never, signal: control.signal });
    await expect(collect(mine.fetchBlob(reference, BLOB))).rejects.toBe(reason);
  });
});

describe('a store behind the registry', () => {
  /** Sends each blob request to a signed address elsewhere; an address is good for one use and until it expires. */
  async function store(act: (use: number, path: string) => number) {
    const seen: { url: string; authorization: string | undefined; range: string | undefined }[] = [];
    const { host, stop } = await listen((request, response) => {
      const { authorization, range } = request.headers;
      seen.push({ url: request.url ?? '', authorization, range });
      const status = act(seen.length, request.url ?? '');
      if (status === 0) {
        response.writeHead(200, { 'content-length': BYTES.length });
        response.write(BYTES.subarray(0, 150_000), () => response.socket?.destroy());
      } else if (status === 200 && range !== undefined) {
        const start = Number(/\d+/.exec(range)?.[0]);
        response.writeHead(206, { 'content-range': `bytes ${start}-${BYTES.length - 1}/${BYTES.length}` });
        response.end(BYTES.subarray(start));
      } else {
        response.writeHead(status).end(status === 200 ? BYTES : '<Error>Signature expired sig=secret1</Error>');
      }
    });
    stops.push(stop);
    let signed = 0;
    registry.rule({
      on: ASK,
      times: 100,
      act: ({ response }) => {
        signed += 1;
        response.writeHead(307, { location: `http://${host}/store?sig=secret${signed}` }).end();
      },
    });
    return { host, seen };
  }

  it('never sees the Authorization of the registry', async () => {
    const { seen } = await store(() => 200);
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
    expect(seen).toEqual([{ url: '/store?sig=secret1', authorization: undefined, range: undefined }]);
  });

  it('is given a new address when one has expired, in the middle of a blob too', async () => {
    const { seen } = await store((use) => [403, 0, 403, 200][use - 1] ?? 500);
    expect((await collect(fetching())).equals(BYTES)).toBe(true);
    expect(seen.map(({ url }) => url)).toEqual([1, 2, 3, 4].map((n) => `/store?sig=secret${n}`));
    expect(seen[3]?.range).toMatch(/^bytes=[1-9]/);
  });

  it('that refuses every address is DENIED after some tries, and no signature is in the error', async () => {
    const { host, seen } = await store(() => 403);
    const { error } = await collectUntilError(fetching());
    expect(error).toMatchObject({
      code: 'DENIED',
      message: expect.stringContaining(`${host} denied access (status 403)`),
    });
    expect(JSON.stringify(error) + String(error)).not.toContain('secret');
    expect(seen.length).toBe(4);
  });
});

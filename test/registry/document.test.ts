// Manifests from a registry that lies, floods, stumbles or is of another age.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReference } from '../../src/oci/index.ts';
import { openRegistry, type RegistryClient } from '../../src/registry/index.ts';
import { answer, dropAfter, type FakeRegistry, fakeRegistry, refuse } from '../support/fake-registry.ts';
import { type BuiltImage, buildImage, content } from '../support/registry-images.ts';
import { type TestTiming, testTiming } from '../support/timing.ts';

const ASK = /^GET \/v2\/app\/manifests\//;
let registry: FakeRegistry;
let client: RegistryClient;
let timing: TestTiming;
let image: BuiltImage;
let lines: string[];

beforeEach(async () => {
  registry = await fakeRegistry();
  image = buildImage({ platforms: ['linux/amd64', 'linux/arm64'] });
  registry.add('app', 'v1', image);
  timing = testTiming();
  lines = [];
  client = openRegistry({ timing, onRetry: (why) => lines.push(why) });
});
afterEach(async () => {
  await client.close();
  await registry.stop();
});

const reference = (suffix = ':v1') => parseReference(`${registry.host}/app${suffix}`);

describe('resolve', () => {
  it('computes the digest from the bytes, whatever the header claims', async () => {
    const headers = {
      'docker-content-digest': `sha256:${'1'.repeat(64)}`,
      'content-type': image.target.descriptor.mediaType,
    };
    registry.rule({ on: ASK, act: ({ response }) => void response.writeHead(200, headers).end(image.target.bytes) });
    expect((await client.resolve(reference())).descriptor).toEqual(image.target.descriptor);
  });

  it('says DIGEST_CHANGED when a digest is asked for and other bytes come', async () => {
    const other = buildImage({}).target;
    const headers = {
      'docker-content-digest': image.target.descriptor.digest,
      'content-type': other.descriptor.mediaType,
    };
    registry.rule({ on: ASK, act: ({ response }) => void response.writeHead(200, headers).end(other.bytes) });
    await expect(client.resolve(reference(`:v1@${image.target.descriptor.digest}`))).rejects.toMatchObject({
      code: 'DIGEST_CHANGED',
      facts: { expected: image.target.descriptor.digest, got: other.descriptor.digest },
    });
  });

  it('takes the pinned digest though the tag has moved on', async () => {
    registry.add('app', 'v1', buildImage({}));
    const resolved = await client.resolve(reference(`:v1@${image.target.descriptor.digest}`));
    expect(resolved.descriptor).toEqual(image.target.descriptor);
    expect(registry.seen.map(({ line }) => line)).not.toContain('GET /v2/app/manifests/v1');
  });

  it('stops reading an endless manifest at 4 MiB', async () => {
    let written = 0;
    registry.rule({
      on: ASK,
      act: ({ response }) => {
        const more = (): void => {
          while (!response.destroyed && written < 1 << 30) {
            written += 1 << 16;
            if (!response.write(Buffer.alloc(1 << 16, ' '))) {
              response.once('drain', more);
              return;
            }
          }
        };
        more();
      },
    });
    await expect(client.resolve(reference())).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(written).toBeLessThan(64 << 20);
  });

  it('refuses schema 1 in words', async () => {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 1, name: 'app', tag: 'v1', fsLayers: [], history: [] }));
    const type = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    registry.rule({
      on: ASK,
      act: ({ response }) => void response.writeHead(200, { 'content-type': type }).end(bytes),
    });
    await expect(client.resolve(reference())).rejects.toMatchObject({ code: 'SCHEMA1_REFUSED' });
  });

  it('asks for the four kinds of today, and for bytes as they are', async () => {
    await client.resolve(reference());
    const { accept, 'accept-encoding': encoding } = registry.seen[0]?.headers ?? {};
    expect(accept?.split(', ').length).toBe(4);
    expect(accept).not.toContain('v1+prettyjws');
    expect(encoding).toBe('identity');
  });

  it('knows the kind by the Content-Type where the document does not say it', async () => {
    const { mediaType: _, ...rest } = JSON.parse(image.target.bytes.toString()) as Record<string, unknown>;
    const silent = content(image.target.descriptor.mediaType, Buffer.from(JSON.stringify(rest)));
    const headers = { 'content-type': `${silent.descriptor.mediaType}; charset=utf-8` };
    registry.rule({ on: ASK, act: ({ response }) => void response.writeHead(200, headers).end(silent.bytes) });
    expect((await client.resolve(reference())).descriptor).toEqual(silent.descriptor);
  });

  it('asks again when the answer is cut off, and after 408, 429, 5xx', async () => {
    registry.rule({ on: ASK, act: dropAfter(10) });
    for (const status of [408, 429, 500, 502, 503, 504]) registry.rule({ on: ASK, act: answer(status) });
    expect((await client.resolve(reference())).descriptor).toEqual(image.target.descriptor);
    expect(timing.waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000]);
    expect(lines[1]).toBe(
      `resolve ${registry.host}/app:v1: ${registry.host} failed (status 408); trying again in 0.5 s (2 of 8)`,
    );
  });

  it('says REGISTRY_FAILED when a registry does not recover, REGISTRY_ANSWER for what is no answer', async () => {
    registry.rule({ on: ASK, times: 9, act: answer(503) });
    await expect(client.resolve(reference())).rejects.toMatchObject({
      code: 'REGISTRY_FAILED',
      facts: { status: 503 },
    });
    for (const status of [204, 304, 400, 418]) {
      registry.rule({ on: ASK, act: answer(status) });
      await expect(client.resolve(reference())).rejects.toMatchObject({ code: 'REGISTRY_ANSWER', facts: { status } });
    }
  });

  it('does not follow a 303 to a web page', async () => {
    registry.rule({ on: ASK, act: answer(303, { location: 'https://github.example/-/v2/packages' }) });
    await expect(client.resolve(reference())).rejects.toMatchObject({
      code: 'REGISTRY_ANSWER',
      facts: { status: 303 },
    });
  });

  it('does not repeat what the server says: it may be what we sent', async () => {
    registry.rule({ on: ASK, act: refuse(403, 'DENIED', 'you sent Bearer secret') });
    const error = await client.resolve(reference()).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'DENIED', message: expect.stringContaining('(status 403, DENIED)') });
    expect(JSON.stringify(error) + error.message).not.toContain('secret');
  });
});

describe('fetchDocument', () => {
  it('proves size and digest', async () => {
    const { descriptor } = image.platforms[0]?.config ?? image.target;
    expect((await client.fetchDocument(reference(), descriptor)).length).toBe(descriptor.size);
    const smaller = { ...descriptor, size: descriptor.size - 1 };
    await expect(client.fetchDocument(reference(), smaller)).rejects.toMatchObject({ code: 'SIZE_MISMATCH' });
    registry.rule({ on: /blobs/, act: ({ response }) => void response.end(Buffer.alloc(descriptor.size)) });
    await expect(client.fetchDocument(reference(), descriptor)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('does not ask for what is promised to be larger than a document is', async () => {
    const large = { ...image.target.descriptor, size: 4 * 1024 * 1024 + 1 };
    await expect(client.fetchDocument(reference(), large)).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(registry.seen).toEqual([]);
  });

  it('asks for manifests as manifests and for configs as blobs', async () => {
    const platform = image.platforms[0];
    if (!platform) throw new Error('no platform');
    await client.fetchDocument(reference(), platform.manifest.descriptor);
    await client.fetchDocument(reference(), platform.config.descriptor);
    expect(registry.seen.map(({ line }) => line)).toEqual([
      `GET /v2/app/manifests/${platform.manifest.descriptor.digest}`,
      `GET /v2/app/blobs/${platform.config.descriptor.digest}`,
    ]);
  });
});

describe('a rate limit', () => {
  it('is waited for as Retry-After says, in seconds or as a date', async () => {
    registry.rule({ on: ASK, act: answer(429, { 'retry-after': '7' }) });
    registry.rule({
      on: ASK,
      act: answer(503, { 'retry-after': new Date(timing.clock + 7000 + 11_000).toUTCString() }),
    });
    await client.resolve(reference());
    expect(timing.waits).toEqual([7000, 11_000]);
  });

  it("is waited for as ghcr.io's message says", async () => {
    const say = (duration: string) => refuse(429, 'TOOMANYREQUESTS', `retry-after: ${duration}, allowed: 44000/minute`);
    registry.rule({ on: ASK, act: say('1.16676ms') });
    registry.rule({ on: ASK, act: say('4.5s') });
    await client.resolve(reference());
    expect(timing.waits).toEqual([250, 4500]);
  });

  it('of more than two minutes is not waited for but said', async () => {
    registry.rule({ on: ASK, act: answer(429, { 'retry-after': '3600' }) });
    await expect(client.resolve(reference())).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      message: `resolve ${registry.host}/app:v1: ${registry.host} asks to wait 3600 s (status 429)`,
      facts: { retryAfterMs: 3_600_000 },
    });
    expect(timing.waits).toEqual([]);
  });

  it('that does not end is RATE_LIMITED', async () => {
    registry.rule({ on: ASK, times: 9, act: refuse(429, 'TOOMANYREQUESTS', 'slow down') });
    await expect(client.resolve(reference())).rejects.toMatchObject({ code: 'RATE_LIMITED' });
  });
});

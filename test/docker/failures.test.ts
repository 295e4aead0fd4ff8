// What a real engine will not do on demand: every way in which a load can go wrong, and what is left.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, LoadOptions } from '../../src/docker/index.ts';
import { connectEngine } from '../../src/docker/index.ts';
import { type FakeEngine, fakeContainerdEngine } from '../support/containerd-engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';

let fake: FakeEngine;
let engine: Engine;
let spoolDir: string;

beforeEach(async () => {
  fake = await fakeContainerdEngine();
  engine = await connectEngine({ env: { DOCKER_HOST: fake.host } });
  spoolDir = await mkdtemp('/tmp/ferry-test-spool-');
});
afterEach(async () => {
  engine.close();
  await fake.stop();
  expect(await readdir(spoolDir)).toEqual([]);
  await rm(spoolDir, { recursive: true });
});

const big = { tar: Buffer.alloc(8_000_000, 'x'), compression: 'none' as const };
const image = makeImage({ name: 'ghcr.io/o/a:1', layers: [{ files: { a: '1' } }, big], index: true });

async function load(options: Partial<LoadOptions> = {}, what: TestImage = image): Promise<unknown> {
  const plan = engine.planImage(await engine.inventory(), what);
  return await engine.loadImage(plan, { open: what.open, spoolDir, ...options });
}

/** Nothing that the engine could act on has come, and nothing is there. */
function expectNothing(): void {
  expect(fake.loads.flat()).not.toContain('index.json');
  expect(fake.store.records.size).toBe(0);
}

describe('loadImage believes no answer that is not a success', () => {
  const line = (value: object) => `${JSON.stringify(value)}\r\n`;

  it.each([
    ['an error line under status 200', [line({ errorDetail: { message: 'unexpected EOF' } })], 'unexpected EOF'],
    [
      'an error line amid others',
      [line({ status: 'x' }), line({ error: 'bad layer' }), line({ stream: 'Loaded image: a' })],
      'bad layer',
    ],
    [
      'an unpack failure as ordinary output',
      [line({ stream: 'Error unpacking image a: no snapshot\n' })],
      'Error unpacking image',
    ],
    ['something that is no JSON', ['<html>bad gateway</html>\n'], 'expected a JSON object'],
    ['a line that is cut off', ['{"stream":"Loaded ima'], 'expected a JSON object'],
  ])('%s', async (_, chunks, words) => {
    fake.misbehave({ kind: 'answer', chunks });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED', message: expect.stringContaining(words) });
  });

  it('reads an error whose characters are split between chunks', async () => {
    const bytes = Buffer.from(line({ errorDetail: { message: 'größe' } }));
    const at = bytes.indexOf(0xc3) + 1;
    fake.misbehave({ kind: 'answer', chunks: [bytes.subarray(0, at), bytes.subarray(at)] });
    await expect(load()).rejects.toMatchObject({ facts: { words: 'größe' } });
  });

  it('tells a full disk from a bad image', async () => {
    fake.misbehave({
      kind: 'answer',
      chunks: [line({ errorDetail: { message: 'write /x: no space left on device' } })],
    });
    await expect(load()).rejects.toMatchObject({ code: 'ENGINE_NO_SPACE' });
  });

  it('an answer that breaks off', async () => {
    fake.misbehave({ kind: 'answer', chunks: [line({ stream: 'Loaded image: a' })], hangUp: true });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  });

  it('words that came before the answer broke off, in preference to the break', async () => {
    fake.misbehave({ kind: 'answer', chunks: [line({ error: 'out of luck' })], hangUp: true });
    await expect(load()).rejects.toMatchObject({ facts: { words: 'out of luck' } });
  });

  it('a claim of success with nothing behind it', async () => {
    fake.misbehave({ kind: 'answer', chunks: [line({ stream: 'Loaded image: ghcr.io/o/a:1' })] });
    await expect(load()).rejects.toMatchObject({
      code: 'IMAGE_MISMATCH',
      message: expect.stringContaining('no such image'),
    });
  });

  it.each([
    ['other layers', (answer: object) => ({ ...answer, RootFS: { Layers: [`sha256:${'0'.repeat(64)}`] } })],
    ['another platform', (answer: object) => ({ ...answer, Architecture: 's390x' })],
    ['another ID', (answer: object) => ({ ...answer, Id: `sha256:${'0'.repeat(64)}` })],
    ['blobs missing', (answer: object) => ({ ...answer, Manifests: [] })],
  ])('an image with %s', async (_, change) => {
    fake.lie(change);
    await expect(load()).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
  });

  it('removes an image that the engine loaded and then could not unpack', async () => {
    fake.misbehave({ kind: 'unpack-failure' });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    expect(fake.store.records.size).toBe(0);
    expect(await load()).toMatchObject({ action: 'loaded' });
  });
});

describe('loadImage while it sends', () => {
  it('tells the words of an engine that fails before it has everything', async () => {
    fake.misbehave({ kind: 'answer-early', chunks: ['{"errorDetail":{"message":"invalid tar header"}}\r\n'] });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED', facts: { words: 'invalid tar header' } });
    expectNothing();
  });

  it('takes no early success', async () => {
    fake.misbehave({ kind: 'answer-early', chunks: ['{"stream":"Loaded image: a"}\r\n'] });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    expectNothing();
  });

  it('fails when the engine hangs up in the middle', async () => {
    fake.misbehave({ kind: 'drop', after: 1_000_000 });
    await expect(load()).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    expectNothing();
  });

  it('gives up on an engine that takes no more, with the way out', async () => {
    fake.misbehave({ kind: 'stop-reading' });
    const patience = { sendingMs: 100, unpackingMs: 60_000 };
    const stalled = { code: 'ENGINE_STALLED', hint: expect.stringContaining('restart the engine') };
    await expect(load({ patience })).rejects.toMatchObject(stalled);
    expectNothing();
  });

  it('gives up on an engine that never answers', async () => {
    fake.misbehave({ kind: 'silent' });
    await expect(load({ patience: { sendingMs: 60_000, unpackingMs: 100 } })).rejects.toMatchObject({
      code: 'ENGINE_STALLED',
    });
  });

  it('stops at once when told to, and throws the reason', async () => {
    const stop = new AbortController();
    const reason = new Error('interrupted');
    let seen = 0;
    const onBytes = (size: number) => {
      seen += size;
      if (seen > 1_000_000) stop.abort(reason);
    };
    await expect(load({ signal: stop.signal, onBytes })).rejects.toBe(reason);
    expect(seen).toBeLessThan(image.layerBytes);
    expectNothing();
  });

  it('sends nothing when told to stop before', async () => {
    await expect(load({ signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(fake.loads).toEqual([]);
  });

  it('counts exactly the bytes that the plan told', async () => {
    let seen = 0;
    await load({
      onBytes: (size) => {
        seen += size;
      },
    });
    expect(seen).toBe(image.layerBytes);
  });
});

describe('loadImage does not let the engine act on', () => {
  type Change = (bytes: Buffer) => Buffer;
  const flip =
    (at: number): Change =>
    (bytes) =>
      Buffer.concat([bytes.subarray(0, at), Buffer.from([(bytes[at] ?? 0) ^ 1]), bytes.subarray(at + 1)]);

  it.each<[string, string, Change]>([
    ['a layer with its first bit turned', 'DIGEST_MISMATCH', flip(0)],
    ['a layer with a bit turned in the middle', 'DIGEST_MISMATCH', flip(4_000_000)],
    ['a layer with its last bit turned', 'DIGEST_MISMATCH', flip(7_999_999)],
    ['a layer that is one byte short', 'SIZE_MISMATCH', (bytes) => bytes.subarray(0, -1)],
    ['a layer that is one byte long', 'SIZE_MISMATCH', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['an empty layer', 'SIZE_MISMATCH', () => Buffer.alloc(0)],
  ])('%s', async (_, code, change) => {
    const bytes = change(image.blobs.get(image.platform.layers[1]?.digest ?? '') ?? Buffer.alloc(0));
    const open: LoadOptions['open'] = (descriptor) => {
      if (descriptor.digest !== image.platform.layers[1]?.digest) return image.open(descriptor);
      return pieces(bytes);
    };
    await expect(load({ open })).rejects.toMatchObject({ code });
    expectNothing();
    expect((await engine.inventory()).images).toEqual([]);
  });

  it('a document that is not what its descriptor says', async () => {
    const documents = image.documents.map((document, i) =>
      i === 2 ? { ...document, bytes: flip(1)(Buffer.from(document.bytes)) } : document,
    );
    const altered = { ...image, documents };
    await expect(load({}, altered)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expectNothing();
  });

  it('a layer that the medium fails to give', async () => {
    const broken = Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
    async function* open() {
      yield Buffer.alloc(10);
      throw broken;
    }
    await expect(load({ open })).rejects.toBe(broken);
    expectNothing();
  });

  async function* pieces(bytes: Buffer) {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
});

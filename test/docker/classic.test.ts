// The classic store, at a real engine of its own.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, ImagePlan, LoadedImage, LoadOptions } from '../../src/docker/index.ts';
import { connectEngine } from '../../src/docker/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, sha256, type TestImage } from '../support/images.ts';

let host: TestEngine;
let engine: Engine;
let spoolDir: string;

beforeAll(async () => {
  host = await startEngine();
  engine = await connectEngine({ env: { DOCKER_HOST: host.host } });
  spoolDir = await mkdtemp('/tmp/ferry-test-spool-');
});
afterAll(async () => {
  engine?.close();
  await host?.stop();
  await rm(spoolDir, { recursive: true, force: true });
});
afterEach(async () => {
  expect(await readdir(spoolDir)).toEqual([]);
  expect(await readdir(join(host.dataRoot, 'tmp'))).toEqual([]);
  for (const { handle } of await engine.findPins()) await engine.unpin(handle);
  const images = (await engine.inventory()).images;
  if (images.length > 0) await host.docker('rmi', '-f', ...images.map(({ id }) => id));
});

async function plan(image: TestImage): Promise<ImagePlan> {
  return engine.planImage(await engine.inventory(), image);
}

async function load(
  image: TestImage,
  options: Partial<LoadOptions> = {},
): Promise<LoadedImage & { plan: ImagePlan; read: number }> {
  const made = await plan(image);
  let read = 0;
  const onBytes = (size: number) => {
    read += size;
  };
  const loaded = await engine.loadImage(made, { open: image.open, onBytes, spoolDir, ...options });
  return { ...loaded, plan: made, read };
}

const name = (tail: string) => `127.0.0.1:5055/o/${tail}`;
const base = { files: { base: 'b'.repeat(200_000) } };
const app = makeImage({
  name: name('app:1'),
  busybox: true,
  layers: [base, { files: { version: 'one\n' } }],
  index: true,
});
const next = makeImage({ name: name('app:2'), busybox: true, layers: [base, { files: { version: 'two\n' } }] });

describe('connectEngine', () => {
  it('tells what engine this is', () => {
    expect(engine.facts).toMatchObject({
      ...{ socket: host.host, name: 'docker', store: 'classic', rootless: false, local: true },
      ...{ platform: { os: 'linux', architecture: 'amd64' }, dataRoot: host.dataRoot },
    });
    expect(engine.facts.version).toMatch(/^\d+\.\d+/);
    expect(engine.facts.id).not.toBe('');
  });
});

describe('loadImage on the classic store', () => {
  it('loads an image untagged, with the config digest as its ID', async () => {
    expect(await load(app)).toMatchObject({
      imageID: app.platform.config.digest,
      action: 'loaded',
      read: app.layerBytes,
    });
    expect((await engine.inventory()).images).toMatchObject([{ id: app.platform.config.digest, tags: [] }]);
  });

  it('loads an image that runs once its tag is moved', async () => {
    const { imageID } = await load(app);
    await engine.tag(imageID, app.name);
    expect(await engine.findTag(app.name)).toBe(imageID);
    expect(await host.docker('run', '--rm', '--network=none', app.name, '/bin/busybox', 'cat', '/version')).toBe('one');
  });

  it('reads and sends only what the engine lacks', async () => {
    const first = await load(app);
    const second = await load(next);
    expect(second.plan.missing).toEqual([next.platform.layers[2]]);
    expect(second.plan.lenders).toEqual([first.imageID]);
    expect(second.read).toBe(next.platform.layers[2]?.size);
    expect(await host.docker('run', '--rm', '--network=none', second.imageID, '/bin/busybox', 'cat', '/version')).toBe(
      'two',
    );
  });

  it('loads an image that shares all layers without reading one', async () => {
    await load(app);
    const twin = makeImage({
      name: name('twin:1'),
      busybox: true,
      layers: [base, { files: { version: 'one\n' } }],
      cmd: ['/bin/true'],
    });
    expect(await load(twin)).toMatchObject({ action: 'loaded', read: 0 });
  });

  it('posts nothing for an image that is there, under another tag or none', async () => {
    await load(app);
    await engine.tag(app.platform.config.digest, name('elsewhere:1'));
    const again = await load(app);
    expect(again).toMatchObject({ action: 'present', read: 0 });
    expect(again.plan.tag).toBe(true);
    await engine.tag(again.imageID, app.name);
    expect((await plan(app)).tag).toBe(false);
  });

  it('gives one image several tags', async () => {
    const { imageID } = await load(app);
    for (const tail of ['app:1', 'app:latest', 'other/app:1']) await engine.tag(imageID, name(tail));
    for (const tail of ['app:1', 'app:latest', 'other/app:1']) expect(await engine.findTag(name(tail))).toBe(imageID);
  });

  it('takes an image named twice once, planned up front', async () => {
    const inventory = engine.withImage(await engine.inventory(), app);
    expect(engine.planImage(inventory, { ...app, name: name('second:1') }).action).toBe('present');
    const first = await plan(app);
    expect(await engine.loadImage(first, { open: app.open, spoolDir })).toMatchObject({ action: 'loaded' });
    expect(await engine.loadImage(first, { open: app.open, spoolDir })).toMatchObject({ action: 'present' });
  });

  it('keeps the tag of a reference by digest alone', async () => {
    const byDigest = { ...app, name: name(`app:sha256-${app.target.digest.slice('sha256:'.length)}`) };
    const { imageID } = await load(byDigest);
    await engine.tag(imageID, byDigest.name);
    expect(await engine.findTag(byDigest.name)).toBe(imageID);
  });

  it('finds a docker.io name, which this store writes short', async () => {
    const image = makeImage({ name: 'docker.io/library/ferry-test:1', layers: [base] });
    const { imageID } = await load(image);
    await engine.tag(imageID, image.name);
    expect(await engine.findTag(image.name)).toBe(imageID);
    expect((await plan(image)).tag).toBe(false);
    await engine.untag(image.name);
    expect(await engine.findTag(image.name)).toBeUndefined();
  });

  it.each([
    ['Docker media types', makeImage({ name: name('d:1'), layers: [base], docker: true })],
    ['a plain layer', makeImage({ name: name('p:1'), layers: [{ ...base, compression: 'none' }] })],
    ['an empty layer', makeImage({ name: name('e:1'), layers: [base, { files: {} }, { files: { after: 'it' } }] })],
    ['nothing but an empty layer', makeImage({ name: name('n:1'), layers: [{ files: {} }] })],
    ['the same layer twice', makeImage({ name: name('t:1'), layers: [base, { files: { x: '1' } }, base] })],
    [
      'a layer of no bytes at all',
      makeImage({ name: name('z:1'), layers: [base, { tar: Buffer.alloc(0), compression: 'none' }] }),
    ],
  ])('loads %s', async (_, image) => {
    expect(await load(image)).toMatchObject({ action: 'loaded', imageID: image.platform.config.digest });
    await engine.verifyImage(image);
  });

  it('loads 125 layers', async () => {
    const layers = Array.from({ length: 125 }, (_, i) => ({ files: { [`file-${i}`]: `${i}` } }));
    const image = makeImage({ name: name('deep:1'), layers });
    expect(await load(image)).toMatchObject({ action: 'loaded' });
  });
});

describe('zstd layers on this old engine', () => {
  const files = { 'large file': 'z'.repeat(300_000), version: 'packed\n' };
  const packed = makeImage({ name: name('packed:1'), busybox: true, layers: [{ files, compression: 'zstd' }] });
  const [, zstd] = packed.platform.layers;

  it('are made plain, proven, and loaded', async () => {
    const { plan: made, imageID, read } = await load(packed);
    expect(made.zstd).toEqual([zstd]);
    expect(read).toBe(made.bytes);
    expect(await host.docker('run', '--rm', '--network=none', imageID, '/bin/busybox', 'cat', '/version')).toBe(
      'packed',
    );
  });

  it.each([1, 40, -1])('are refused with a bit turned at %i, before anything is sent', async (at) => {
    const bytes = Buffer.from(packed.blobs.get(zstd?.digest ?? '') ?? []);
    const index = (at + bytes.length) % bytes.length;
    bytes[index] = (bytes[index] ?? 0) ^ 0x10;
    const open: LoadOptions['open'] = (one) => (one.digest === zstd?.digest ? once(bytes) : packed.open(one));
    await expect(load(packed, { open })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await engine.inventory()).images).toEqual([]);
  });

  it('are refused when they are not the layer that the config names', async () => {
    const other = makeImage({
      name: name('o:1'),
      busybox: true,
      layers: [{ files: { other: 'layer' }, compression: 'zstd' }],
    });
    const swapped = {
      ...packed,
      platform: {
        ...packed.platform,
        layers: [...packed.platform.layers.slice(0, 1), ...other.platform.layers.slice(1)],
      },
    };
    await expect(load(swapped, { open: other.open })).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
  });

  it('are refused when they are no zstd', async () => {
    const bytes = Buffer.from('this is no zstd frame');
    const liar = {
      mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd',
      digest: sha256(bytes),
      size: bytes.length,
    };
    const swapped = {
      ...packed,
      platform: { ...packed.platform, layers: [...packed.platform.layers.slice(0, 1), liar] },
    };
    await expect(load(swapped, { open: () => once(bytes) })).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
  });

  async function* once(bytes: Buffer) {
    yield bytes;
  }
});

describe('loadImage that fails on a real engine', () => {
  const big = makeImage({
    name: name('big:1'),
    layers: [base, { tar: Buffer.alloc(30_000_000), compression: 'none' }],
  });

  it('leaves no image and no spool when a layer is damaged in its last byte', async () => {
    const [, second] = app.platform.layers;
    const bytes = Buffer.from(app.blobs.get(second?.digest ?? '') ?? []);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    async function* damaged() {
      yield bytes;
    }
    const open: LoadOptions['open'] = (one) => (one.digest === second?.digest ? damaged() : app.open(one));
    await expect(load(app, { open })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    expect((await engine.inventory()).images).toEqual([]);
    expect(await load(app)).toMatchObject({ action: 'loaded' });
  });

  it('leaves nothing when it is stopped in the middle', async () => {
    const stop = new AbortController();
    let seen = 0;
    const onBytes = (size: number) => {
      seen += size;
      if (seen > 5_000_000) stop.abort(new Error('interrupted'));
    };
    await expect(load(big, { signal: stop.signal, onBytes })).rejects.toThrow('interrupted');
    await untilEmpty(join(host.dataRoot, 'tmp'));
    expect((await engine.inventory()).images).toEqual([]);
  });

  it('leaves nothing when it is stopped while the engine already works on it', async () => {
    const stop = new AbortController();
    const open: LoadOptions['open'] = (one) => stoppingAtEnd(big, one);
    async function* stoppingAtEnd(image: TestImage, one: Parameters<TestImage['open']>[0]) {
      yield* image.open(one);
      // the documents that make the engine act go out right after the last layer
      if (one.digest === image.platform.layers.at(-1)?.digest)
        setImmediate(() => setImmediate(() => stop.abort(new Error('late'))));
    }
    await expect(load(big, { signal: stop.signal, open })).rejects.toThrow('late');
    await untilEmpty(join(host.dataRoot, 'tmp'));
    expect((await engine.inventory()).images).toEqual([]);
  });

  it("tells the engine's own words for a config that names other layers", async () => {
    const diffIDs = app.platform.diffIDs.toReversed();
    const config = Buffer.from(
      JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIDs } }),
    );
    const descriptor = { ...app.platform.config, digest: sha256(config), size: config.length };
    const liar = {
      ...app,
      platform: { ...app.platform, config: descriptor, diffIDs },
      documents: [...app.documents, { descriptor, bytes: config }],
    };
    await expect(load(liar)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      facts: { words: expect.stringContaining('invalid diffID') },
    });
  });

  it('says so when the image that lends a layer has gone since the plan was made', async () => {
    await load(app);
    const made = await plan(next);
    await engine.removeImage(app.platform.config.digest);
    await expect(engine.loadImage(made, { open: next.open, spoolDir })).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    expect(await load(next)).toMatchObject({ action: 'loaded' });
  });

  async function untilEmpty(folder: string): Promise<void> {
    await expect.poll(async () => await readdir(folder), { timeout: 10_000 }).toEqual([]);
  }
});

describe('names', () => {
  it('move from one image to another and back, and no image is lost', async () => {
    const [one, two] = [await load(app), await load(next)];
    await engine.tag(one.imageID, name('app:stable'));
    await engine.tag(two.imageID, name('app:stable'));
    expect(await engine.findTag(name('app:stable'))).toBe(two.imageID);
    await engine.tag(one.imageID, name('app:stable'));
    expect(await engine.findTag(name('app:stable'))).toBe(one.imageID);
    await engine.verifyImage(app);
    await engine.verifyImage(next);
  });

  it('taken from an image that has no other, leave the image, pinned or not', async () => {
    const { imageID } = await load(app);
    for (const pinned of [false, true]) {
      const handle = pinned ? await engine.pin(imageID, 'test') : undefined;
      await engine.tag(imageID, app.name);
      await engine.untag(app.name);
      expect(await engine.findTag(app.name)).toBeUndefined();
      await engine.verifyImage(app);
      if (handle !== undefined) await engine.unpin(handle);
    }
    expect((await engine.inventory()).images).toHaveLength(1);
  });

  it('taken from an image with another, leave the other', async () => {
    const { imageID } = await load(app);
    await engine.tag(imageID, name('a:1'));
    await engine.tag(imageID, name('a:2'));
    await engine.untag(name('a:1'));
    expect(await engine.findTag(name('a:2'))).toBe(imageID);
    await engine.untag(name('never:1'));
  });

  it('are not taken for the beginning of an ID', async () => {
    const { imageID } = await load(app);
    await expect(engine.findTag(imageID.slice('sha256:'.length, 20))).rejects.toMatchObject({
      code: 'REFERENCE_INVALID',
    });
  });
});

describe('removeImage', () => {
  it('removes what has no name and no container, and says whether it did', async () => {
    const { imageID } = await load(app);
    const handle = await engine.pin(imageID, 'test');
    expect(await engine.removeImage(imageID)).toBe(false);
    await engine.unpin(handle);
    await engine.tag(imageID, app.name);
    expect(await engine.removeImage(imageID)).toBe(false);
    await engine.untag(app.name);
    expect(await engine.removeImage(imageID)).toBe(true);
    expect(await engine.removeImage(imageID)).toBe(false);
  });
});

describe('pin', () => {
  it('holds an untagged image, even one without a command, against image prune -a', async () => {
    const { imageID } = await load(makeImage({ name: name('scratch:1'), layers: [base], cmd: [] }));
    const handle = await engine.pin(imageID, 'release 7');
    await host.docker('image', 'prune', '-a', '-f');
    expect(await engine.findPins('release 7')).toEqual([{ handle, imageID, label: 'release 7' }]);
    expect(await engine.findPins('release 8')).toEqual([]);
    await engine.unpin(handle);
    await engine.unpin(handle);
    await host.docker('image', 'prune', '-a', '-f');
    expect((await engine.inventory()).images).toEqual([]);
  });

  it('makes no volume of those that the image declares', async () => {
    await host.docker('import', '--change', 'VOLUME /data', '--change', 'VOLUME /var/lib/x', '/dev/null', name('v:1'));
    const imageID = await engine.findTag(name('v:1'));
    if (imageID === undefined) throw new Error('docker import made no image');
    await engine.pin(imageID, 'test');
    expect(await host.docker('volume', 'ls', '-q')).toBe('');
  });

  it('says so when there is no such image', async () => {
    await expect(engine.pin(sha256(Buffer.from('none')), 'test')).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
  });
});

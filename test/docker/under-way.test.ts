// Loads whose client was killed: the real engine goes on with them, and whoever undoes has to wait for the end.
import { mkdir, rename, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine, type Engine } from '../../src/docker/index.ts';
import { digestHex } from '../../src/oci/index.ts';
import { fakeContainerdEngine } from '../support/containerd-engine.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, sha256, tarOf } from '../support/images.ts';

let host: TestEngine;
let engine: Engine;
beforeAll(async () => {
  host = await startEngine();
  engine = await connectEngine({ env: { DOCKER_HOST: host.host } });
});
afterAll(async () => {
  engine?.close();
  await host?.stop();
});

const big = Object.fromEntries(Array.from({ length: 6000 }, (_, at) => [`f${at}`, String(at)]));
const image = makeImage({ name: 'ghcr.io/o/late:1', layers: [{ files: big }] });
const imageID = image.platform.config.digest;

/** The tar that ferry makes of it: blobs under one random folder, the config first. */
const tar = () => {
  const [config, layer] = [imageID, image.platform.layers[0]?.digest ?? imageID].map(digestHex);
  const item = { Config: `0123/${config}`, RepoTags: null, Layers: [`0123/${layer}`] };
  const blob = (digest: string) => image.blobs.get(digest) ?? Buffer.of();
  return tarOf({
    [item.Config]: blob(imageID),
    [`0123/${layer}`]: blob(image.platform.layers[0]?.digest ?? ''),
    'manifest.json': JSON.stringify([item]),
  });
};

/** Sends a tar whole and is gone, as a process that is killed then. */
async function sendAndDie(bytes: Buffer): Promise<void> {
  const asked = request({ socketPath: host.socket, path: '/images/load?quiet=0', method: 'POST', agent: false });
  asked.on('error', () => {});
  const sent = new Promise((resolve) => asked.once('finish', resolve));
  asked.end(bytes);
  await sent;
  await expect.poll(() => engineAtIt(), { interval: 5, timeout: 10_000 }).toBe(true);
  asked.destroy();
}

/** Whether the engine has begun with it. */
async function engineAtIt(): Promise<boolean> {
  return await engine.untilLoadsEnd([imageID], { busyMs: 0 }).then(
    () => false,
    (error: { code?: string }) => error.code === 'ENGINE_BUSY',
  );
}

describe('untilLoadsEnd', () => {
  it('waits until an engine that goes on with a load is done: then the image can be removed', async () => {
    await sendAndDie(tar());
    await engine.untilLoadsEnd([imageID]);
    const wasThere = await engine.removeImage(imageID);
    expect(await engineAtIt()).toBe(false);
    expect(await engine.hasImage(imageID)).toBe(false);
    // this is what makes the wait worth while
    expect(wasThere).toBe(true);
  });

  it('does not wait for a load of somebody else', async () => {
    const spool = join(host.dataRoot, 'tmp', 'docker-import-1');
    await mkdir(join(spool, 'abc', digestHex(sha256(Buffer.from('other')))), { recursive: true });
    await engine.untilLoadsEnd([imageID], { busyMs: 0 });
    await rm(spool, { recursive: true });
  });

  it('says so when the engine does not come to an end', async () => {
    const spool = join(host.dataRoot, 'tmp', 'docker-import-1');
    await mkdir(join(spool, 'abc', digestHex(imageID)), { recursive: true });
    await expect(engine.untilLoadsEnd([imageID], { busyMs: 50 })).rejects.toMatchObject({ code: 'ENGINE_BUSY' });
    await rm(spool, { recursive: true });
  });

  it('waits for a moment where nothing can be seen', async () => {
    await rename(join(host.dataRoot, 'tmp'), join(host.dataRoot, 'tmp-away'));
    const began = performance.now();
    await engine.untilLoadsEnd([imageID], { lateMs: 150 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(150);
    await rename(join(host.dataRoot, 'tmp-away'), join(host.dataRoot, 'tmp'));
  });

  it('on another store, waits no longer than until the image is there', async () => {
    const fake = await fakeContainerdEngine();
    const other = await connectEngine({ env: { DOCKER_HOST: fake.host } });
    const plan = other.planImage(await other.inventory(), image);
    await other.loadImage(plan, { open: image.open, spoolDir: '/tmp' });
    await other.untilLoadsEnd([plan.imageID], { lateMs: 60_000 });
    other.close();
    await fake.stop();
  });
});

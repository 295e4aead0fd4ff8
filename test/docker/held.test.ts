// An image is held from the moment that it is in, and what a killed process left half done is understood.
import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine, type Engine, isGone, type LoadOptions } from '../../src/docker/index.ts';
import { type FakeEngine, fakeContainerdEngine } from '../support/containerd-engine.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';

const image = makeImage({ name: 'ghcr.io/o/app:1', layers: [{ files: { a: 'a' } }] });
const imageID = image.platform.config.digest;
const NOTHING = { images: [], chainIDs: new Map(), blobs: new Map() };

/** As loaded into an engine that holds nothing. */
async function load(engine: Engine, what: TestImage = image, options: Partial<LoadOptions> = {}): Promise<unknown> {
  const plan = engine.planImage(NOTHING, what);
  return engine.loadImage(plan, { open: what.open, spoolDir: '/tmp', pinLabel: 'release 7', ...options });
}

describe('a real engine', () => {
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
  afterEach(async () => {
    for (const { handle } of await engine.findPins()) await engine.unpin(handle);
    await host.docker('image', 'prune', '-a', '-f');
  });

  it('has the pin when a load is done, once, also when the image came meanwhile', async () => {
    await load(engine);
    expect(await engine.findPins()).toMatchObject([{ imageID, label: 'release 7' }]);
    await host.docker('image', 'prune', '-a', '-f');
    expect(await engine.hasImage(imageID)).toBe(true);
    const [pin] = await engine.findPins();
    await engine.unpin(pin?.handle ?? '');
    expect(await load(engine)).toMatchObject({ action: 'present' });
    expect(await engine.findPins()).toMatchObject([{ imageID, label: 'release 7' }]);
  });

  it('makes no volume for the pin of an image that declares some', async () => {
    const config = { Volumes: { '/data': {} } };
    const declaring = makeImage({ name: 'ghcr.io/o/v:1', layers: [{ files: { a: 'a' } }], config });
    await load(engine, declaring);
    expect(await engine.findPins()).toHaveLength(1);
    expect(await host.docker('volume', 'ls', '-q')).toBe('');
  });

  it('holds an image with a pin that was there before it came back', async () => {
    await load(engine);
    // a prune that looked for containers just before the pin was made
    const former = await engine.findPins();
    await host.docker('rmi', '-f', imageID);
    expect(await engine.hasImage(imageID)).toBe(false);
    await load(engine);
    const isNew = ({ handle }: { readonly handle: string }) => !former.some((pin) => pin.handle === handle);
    for (const { handle } of (await engine.findPins()).filter(isNew)) await engine.unpin(handle);
    await host.docker('image', 'prune', '-a', '-f');
    expect(await engine.hasImage(imageID)).toBe(true);
  });

  it('understands a name that is half taken away', async () => {
    await load(engine);
    await engine.tag(imageID, image.name);
    // what `untag` does first, and then it is killed
    await importNothing(host.socket);
    expect(await engine.findTag(image.name)).toBeUndefined();
    expect(await host.docker('images', '-q', image.name)).not.toBe('');
    await engine.untag(image.name);
    expect(await host.docker('images', '-q', image.name)).toBe('');
    expect((await engine.inventory()).images).toMatchObject([{ id: imageID }]);
  });
});

/** Moves the name to an image of nothing, as the engine's API has it; not with the code under test. */
function importNothing(socketPath: string): Promise<void> {
  const query = `fromSrc=-&repo=ghcr.io/o/app&tag=1&changes=${encodeURIComponent('LABEL ferry.nothing=true')}`;
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method: 'POST', path: `/images/create?${query}`, agent: false }, (answer) => {
      answer.resume().once('end', resolve);
    });
    asked.once('error', reject).end(Buffer.alloc(1024));
  });
}

describe('an engine that does not do what it says', () => {
  let fake: FakeEngine;
  let engine: Engine;
  beforeAll(async () => {
    fake = await fakeContainerdEngine();
    engine = await connectEngine({ env: { DOCKER_HOST: fake.host } });
  });
  afterAll(async () => {
    engine?.close();
    await fake?.stop();
  });

  it('keeps no pin on an image that is not as signed', async () => {
    fake.lie((answer) => ({ ...answer, Architecture: 's390x' }));
    await expect(load(engine)).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
    fake.lie((answer) => answer);
    expect(fake.containers.size).toBe(0);
    expect(fake.store.records.size).toBe(0);
  });

  it('says when an image is gone by the time that it is to be held', async () => {
    fake.misbehave({ kind: 'answer', chunks: ['{"stream":"Loaded image: a"}\r\n'] });
    const error = await load(engine).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'LOAD_FAILED' });
    expect(isGone(error)).toBe(true);
  });

  it('lets go of what a killed process held to take a name away', async () => {
    const plan = engine.planImage(NOTHING, image);
    await load(engine);
    for (const { handle } of await engine.findPins()) await engine.unpin(handle);
    await engine.pin(plan.imageID, 'untag');
    await engine.untag(image.name);
    expect(fake.containers.size).toBe(0);
  });
});

// Podman's compatible socket, at a real service of its own: complete tars, everything else as with Docker.
import { mkdtemp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine, LoadedImage, LoadOptions } from '../../src/docker/index.ts';
import { connectEngine } from '../../src/docker/index.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { startPodman, type TestPodman } from '../support/podman.ts';

let service: TestPodman;
let engine: Engine;
let spoolDir: string;

beforeAll(async () => {
  service = await startPodman();
  engine = await connectEngine({ env: { DOCKER_HOST: service.host } });
  spoolDir = await mkdtemp('/tmp/ferry-test-spool-');
});
afterAll(async () => {
  engine?.close();
  await service?.stop();
  await rm(spoolDir, { recursive: true, force: true });
});

async function load(image: TestImage, options: Partial<LoadOptions> = {}): Promise<LoadedImage> {
  const plan = engine.planImage(await engine.inventory(), image);
  return await engine.loadImage(plan, { open: image.open, spoolDir, ...options });
}

const base = { files: { base: 'b'.repeat(200_000) } };
const a = makeImage({ name: 'ghcr.io/o/a:1', layers: [base, { files: { a: '1' } }], index: true });
const b = makeImage({
  name: 'ghcr.io/o/b:1',
  layers: [base, { files: { b: '1' }, compression: 'zstd' }, { files: {} }],
  docker: true,
});

describe('podman', () => {
  it('is told from Docker', () => {
    expect(engine.facts).toMatchObject({
      name: 'podman',
      store: 'podman',
      platform: { os: 'linux', architecture: 'amd64' },
    });
  });

  it('takes images untagged, sharing layers, with zstd and empty ones', async () => {
    for (const image of [a, b]) {
      expect(await load(image)).toEqual({ imageID: image.platform.config.digest, action: 'loaded' });
      expect(await engine.findTag(image.name)).toBeUndefined();
    }
    expect(await load(a)).toMatchObject({ action: 'present' });
  });

  it('moves names and puts them back without losing an image', async () => {
    const [one, two] = [(await load(a)).imageID, (await load(b)).imageID];
    await engine.tag(one, 'ghcr.io/o/app:1');
    await engine.tag(two, 'ghcr.io/o/app:1');
    expect(await engine.findTag('ghcr.io/o/app:1')).toBe(two);
    await engine.untag('ghcr.io/o/app:1');
    expect(await engine.findTag('ghcr.io/o/app:1')).toBeUndefined();
    await engine.verifyImage(a);
    await engine.verifyImage(b);
  });

  it('holds an image by a pin, and removes it when it is let go', async () => {
    const { imageID } = await load(a);
    const handle = await engine.pin(imageID, 'test');
    expect(await engine.removeImage(imageID)).toBe(false);
    expect(await engine.findPins('test')).toEqual([{ handle, imageID, label: 'test' }]);
    const [pin] = (await engine.containers()).filter(({ id }) => id === handle);
    expect(pin?.name).toMatch(new RegExp(`^ferry-pin-${imageID.slice(7, 19)}-[0-9a-f]{6}$`));
    await engine.unpin(handle);
    expect(await engine.removeImage(imageID)).toBe(true);
    expect(await service.podman('images', '-a', '-q', '--no-trunc')).not.toContain(imageID);
  });

  it('keeps nothing of a damaged layer', async () => {
    const damaged = makeImage({ name: 'ghcr.io/o/c:1', layers: [{ files: { c: '1' } }] });
    async function* open() {
      yield Buffer.alloc(damaged.layerBytes);
    }
    await expect(load(damaged, { open })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    await expect(engine.verifyImage(damaged)).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
  });

  it('says in its own words why it does not load', async () => {
    const broken = makeImage({
      name: 'ghcr.io/o/d:1',
      layers: [{ tar: Buffer.from('no tar at all'), compression: 'none' }],
    });
    await expect(load(broken)).rejects.toMatchObject({ code: 'LOAD_FAILED' });
  });
});

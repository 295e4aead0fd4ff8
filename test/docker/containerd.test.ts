// The containerd image store, at a small true server that keeps what it is sent as that store does.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Engine, EngineImage, LoadedImage } from '../../src/docker/index.ts';
import { connectEngine } from '../../src/docker/index.ts';
import type { Descriptor, Digest } from '../../src/oci/index.ts';
import { type FakeEngine, fakeContainerdEngine } from '../support/containerd-engine.ts';
import { makeImage, sha256, type TestImage } from '../support/images.ts';

let fake: FakeEngine;
let engine: Engine;
let spoolDir: string;

async function start(minor = 52): Promise<void> {
  fake = await fakeContainerdEngine({ minor });
  engine = await connectEngine({ env: { DOCKER_HOST: fake.host } });
}

beforeEach(async () => {
  spoolDir = await mkdtemp('/tmp/ferry-test-spool-');
});
afterEach(async () => {
  engine.close();
  await fake.stop();
  expect(await readdir(spoolDir)).toEqual([]);
  await rm(spoolDir, { recursive: true });
});

const base = { files: { base: 'b'.repeat(100_000) } };
const a = makeImage({ name: 'ghcr.io/o/a:1', layers: [base, { files: { a: '1' } }], index: true });
const b = makeImage({
  name: 'ghcr.io/o/b:1',
  layers: [base, { files: { b: '1' }, compression: 'zstd' }],
  docker: true,
});
const known = ({ target, platform }: EngineImage) => ({
  target: target.digest,
  manifest: platform.manifest.digest,
  layers: platform.layers.map(({ digest }) => digest),
});

async function load(image: TestImage, more: readonly EngineImage[] = []): Promise<LoadedImage> {
  const plan = engine.planImage(await engine.inventory([image, ...more].map(known)), image);
  return await engine.loadImage(plan, { open: image.open, spoolDir });
}

describe('a containerd store of 29.0', () => {
  beforeEach(() => start());

  it('is told from the classic one', () => {
    expect(engine.facts).toMatchObject({ name: 'docker', store: 'containerd', apiVersion: '1.52', rootless: true });
    expect(engine.facts.dataRoot).toBe('/var/lib/containerd');
  });

  it("gets the registry's own index as the target, with other platforms absent", async () => {
    expect(await load(a)).toEqual({ imageID: a.target.digest, action: 'loaded' });
    expect(fake.store.find(a.target.digest)?.target).toMatchObject({
      digest: a.target.digest,
      mediaType: a.target.mediaType,
    });
    expect([...fake.store.blobs.keys()].toSorted()).toEqual([...a.blobs.keys()].toSorted());
  });

  it('gets oci-layout and index.json last, and no manifest.json', async () => {
    await load(a);
    expect(fake.loads[0]?.slice(-2)).toEqual(['oci-layout', 'index.json']);
    expect(fake.loads[0]).not.toContain('manifest.json');
  });

  it('leaves the image untagged until its tag is moved, and then without a dangling double', async () => {
    const { imageID } = await load(a);
    expect(await engine.findTag(a.name)).toBeUndefined();
    await engine.tag(imageID, a.name);
    expect(await engine.findTag(a.name)).toBe(a.target.digest);
    expect([...fake.store.records.keys()]).toEqual([a.name]);
  });

  it('is not posted an image that it has', async () => {
    await load(a);
    expect(await load(a)).toEqual({ imageID: a.target.digest, action: 'present' });
    expect(fake.loads).toHaveLength(1);
  });

  it('is not posted an image that came after the plan was made', async () => {
    const plan = engine.planImage(await engine.inventory(), a);
    await load(a);
    expect(await engine.loadImage(plan, { open: a.open, spoolDir })).toMatchObject({ action: 'present' });
    expect(fake.loads).toHaveLength(1);
  });

  it('is not sent the blobs of an image that we know and it has', async () => {
    await load(a);
    await load(b, [a]);
    expect(fake.loads[1]).toHaveLength(2 + 1 + 2); // manifest and config, one layer, oci-layout and index.json
    expect(fake.store.isWhole(b.target)).toBe(true);
  });

  it('is sent every blob when nothing is known of what it has: a snapshot alone would leave a broken image', async () => {
    await load(a);
    const plan = engine.planImage(await engine.inventory(), b);
    expect(plan.missing).toEqual(b.platform.layers);
  });

  it('is sent again what it has only in part', async () => {
    await load(a);
    fake.store.blobs.delete(a.platform.layers[0]?.digest ?? '');
    expect(await load(a)).toMatchObject({ action: 'loaded' });
    expect(fake.store.isWhole(a.target)).toBe(true);
  });

  it('gets the attestations of its platform along', async () => {
    const attested = withAttestation(a);
    await load(attested);
    for (const digest of attested.blobs.keys()) expect(fake.store.blobs.has(digest)).toBe(true);
  });

  it('hangs on an entry name of an interrupted load (moby#51623), so that every attempt takes new names', async () => {
    fake.misbehave({ kind: 'drop', after: 1 });
    const big = makeImage({ name: 'ghcr.io/o/big:1', layers: [{ tar: noise(3_000_000), compression: 'none' }] });
    await expect(load(big)).rejects.toMatchObject({
      code: 'LOAD_FAILED',
    });
    expect(await load(big)).toMatchObject({ action: 'loaded' });
    const [first = [], second = []] = fake.loads;
    expect(first.filter((name) => second.includes(name))).toEqual([]);
  });

  it('keeps an image whose last name is taken away', async () => {
    const { imageID } = await load(a);
    await engine.tag(imageID, a.name);
    await engine.untag(a.name);
    expect(await engine.findTag(a.name)).toBeUndefined();
    await engine.verifyImage(a);
    expect(fake.containers.size).toBe(0);
    expect(await engine.removeImage(imageID)).toBe(true);
    expect(fake.store.blobs.size).toBe(0);
  });

  it('puts a name back on the image that had it', async () => {
    const [old, next] = [await load(a), await load(b)];
    await engine.tag(old.imageID, 'ghcr.io/o/app:1');
    await engine.tag(next.imageID, 'ghcr.io/o/app:1');
    await engine.tag(old.imageID, 'ghcr.io/o/app:1');
    expect(await engine.findTag('ghcr.io/o/app:1')).toBe(old.imageID);
    await engine.verifyImage(b);
  });

  it('does not remove an image that has a name or a pin', async () => {
    const { imageID } = await load(a);
    const handle = await engine.pin(imageID, 'import');
    expect(await engine.removeImage(imageID)).toBe(false);
    expect(await engine.findPins('import')).toEqual([{ handle, imageID, label: 'import' }]);
    await engine.unpin(handle);
    await engine.unpin(handle);
    await engine.tag(imageID, a.name);
    expect(await engine.removeImage(imageID)).toBe(false);
    await engine.verifyImage(a);
  });
});

describe('a containerd store of 25.0 and 24.0', () => {
  it('of 25.0 takes the index, and lists only what is whole', async () => {
    await start(44);
    expect(await load(a)).toEqual({ imageID: a.target.digest, action: 'loaded' });
    expect(await load(a)).toMatchObject({ action: 'present' });
    fake.store.blobs.delete(a.platform.layers[0]?.digest ?? '');
    expect((await engine.inventory()).images).toEqual([]);
  });

  it('of 24.0 gets one manifest, complete and without attestations', async () => {
    await start(43);
    await load(a);
    const attested = withAttestation(
      makeImage({ name: 'ghcr.io/o/c:1', layers: [base, { files: { c: '1' } }], index: true }),
    );
    expect(await load(attested, [a])).toEqual({ imageID: attested.platform.manifest.digest, action: 'loaded' });
    expect(fake.loads[1]).toHaveLength(1 + 1 + 2 + 2); // manifest, config, both layers, oci-layout and index.json
  });

  it('of 23.0 is refused, since it can not load at all', async () => {
    fake = await fakeContainerdEngine({ minor: 42 });
    const connecting = connectEngine({ env: { DOCKER_HOST: fake.host } });
    await expect(connecting).rejects.toMatchObject({ code: 'ENGINE_UNSUPPORTED' });
  });
});

/** The image with a BuildKit attestation of its manifest beside it in the index. */
function withAttestation(image: TestImage): TestImage {
  const blobs = new Map(image.blobs);
  const add = (value: object | string, mediaType: string): { descriptor: Descriptor; bytes: Buffer } => {
    const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    blobs.set(sha256(bytes), bytes);
    return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
  };
  const OCI = 'application/vnd.oci.image';
  const statement = add('in-toto', 'application/vnd.in-toto+json');
  const config = add(
    { architecture: 'unknown', os: 'unknown', rootfs: { type: 'layers', diff_ids: [] } },
    `${OCI}.config.v1+json`,
  );
  const body = { schemaVersion: 2, config: config.descriptor, layers: [statement.descriptor] };
  const manifest = add(body, `${OCI}.manifest.v1+json`);
  const subject: Digest = image.platform.manifest.digest;
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': subject };
  const platforms = { own: { os: 'linux', architecture: 'amd64' }, none: { os: 'unknown', architecture: 'unknown' } };
  const own = { ...image.platform.manifest, platform: platforms.own };
  const listed = [own, { ...manifest.descriptor, annotations, platform: platforms.none }];
  const index = add({ schemaVersion: 2, manifests: listed }, `${OCI}.index.v1+json`);
  blobs.delete(image.target.digest);
  const kept = image.documents.filter(({ descriptor }) => descriptor.digest !== image.target.digest);
  return {
    ...image,
    target: index.descriptor,
    documents: [index, ...kept, manifest, config],
    blobs,
    async *open({ digest }) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw new Error(`no blob ${digest}`);
      yield bytes;
    },
  };
}

/** Bytes that do not compress and are no tar. */
function noise(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0, state = 1; at < size; at++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[at] = state >> 16;
  }
  return bytes;
}

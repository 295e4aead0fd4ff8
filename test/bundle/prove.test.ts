import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BundleContents, openBundle, planBundle, proveContents, writeBundle } from '../../src/bundle/index.ts';
import { canonicalJSON } from '../../src/content/index.ts';
import { tarHeader } from '../../src/layout/index.ts';
import type { ReleaseDocument } from '../../src/manifest/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { type RawEntry, rawEntries, rawTar, type TestBundle, temporaryFolder, testBundle } from '../support/bundles.ts';
import { type BuiltImage, buildImage, content, generatedLayer } from '../support/registry-images.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const path = join(folder.path, 'bent.ferry.tar');
const platforms = ['linux/amd64', 'linux/arm64'];
const X = 'ghcr.io/a/x:1';

let bundle: TestBundle;
let entries: readonly RawEntry[];
beforeAll(async () => {
  bundle = await testBundle({
    platforms,
    images: {
      [X]: buildImage({ platforms, attestations: true, layers: [generatedLayer('base'), generatedLayer('x')] }),
      'ghcr.io/a/y:1': buildImage({ platforms, layers: [generatedLayer('base'), generatedLayer('y')] }),
    },
    files: { 'compose.yaml': Buffer.from('services: {}\n'), other: Buffer.from('other') },
    sites: { any: { 'license.blob': Buffer.from('licence') } },
  });
  entries = rawEntries(bundle);
});

describe('proveContents', () => {
  it('derives the images, files and sites that were packed', async () => {
    const contents = await prove(entries);
    expect(contents.images).toEqual(bundle.parts.images);
    expect(contents.files).toEqual(bundle.parts.files);
    expect(contents.sites).toMatchObject(bundle.parts.sites ?? []);
    expect(contents.plan).toEqual(bundle.plan);
    expect(contents.release).toBe(bundle.release);
  });

  it('proves overlays and catalogues, which have no release', async () => {
    const { chain, sites = [] } = bundle.parts;
    for (const parts of [{ chain }, { chain, sites }]) {
      await writeBundle(planBundle(parts), { path, ...bundle.sources });
      const opened = await openBundle(path);
      expect((await proveContents(opened)).sites).toHaveLength('sites' in parts ? 1 : 0);
      await opened.close();
    }
  });

  it('proves a bundle with a layer above 8 GiB, as a sparse file, without reading the layer', async () => {
    const size = 9 * 2 ** 30;
    const huge = hugeImage(size);
    const big = await testBundle({ images: { 'ghcr.io/a/huge:1': huge } });
    const sparse = join(folder.path, 'sparse.ferry.tar');
    const file = await open(sparse, 'w');
    await file.truncate(big.plan.size);
    for (const { name, size, headerOffset, dataOffset, source } of big.plan.entries) {
      await file.write(tarHeader(name, size), 0, 512, headerOffset);
      if (source.kind === 'bytes') await file.write(source.bytes, 0, source.bytes.length, dataOffset);
    }
    await file.close();
    const opened = await openBundle(sparse);
    const contents = await proveContents(opened, big.release);
    await opened.close();
    expect(contents.plan.entries.at(-1)).toMatchObject({ size, source: { part: 'layer 1 of 1' } });
  });

  it('refuses to prove a release by nothing', async () => {
    writeFileSync(path, rawTar(entries));
    const opened = await openBundle(path);
    await expect(proveContents(opened)).rejects.toThrow(TypeError);
    await opened.close();
  });

  describe('of a bundle in which something was swapped', () => {
    it('names a config whose bytes differ, and its image', async () => {
      const name = blob(bundle.release.images[0]?.platforms[0]?.config);
      await expect(prove(replaced(name, flipped))).rejects.toMatchObject({
        code: 'DAMAGED',
        damages: [{ entry: name, image: X, part: 'config', offset: expect.any(Number) }],
      });
    });

    it.each(['index.json', 'manifest.json', 'oci-layout'])('names %s', async (name) => {
      await expect(prove(replaced(name, flipped))).rejects.toMatchObject({
        code: 'DAMAGED',
        damages: [{ entry: name }],
      });
    });

    it('refuses an index.json with the images in another order, also when release.json names it', async () => {
      const index = JSON.parse(Buffer.from(bytesOf('index.json')).toString());
      const turned = canonicalJSON({ ...index, manifests: index.manifests.toReversed() });
      const release = { ...bundle.release, index: { digest: digestOf(turned), size: turned.length } };
      await expect(
        prove(
          replaced('index.json', () => turned),
          release,
        ),
      ).rejects.toMatchObject({ code: 'DAMAGED' });
    });
  });

  describe('of a bundle in which something is not as signed', () => {
    const changes: [string, (image: Image) => Image][] = [
      ['a diffID', (image) => withLayer(image, (layer, first) => ({ ...layer, diffID: first.digest }))],
      ['a layer size', (image) => withLayer(image, (layer) => ({ ...layer, size: layer.size + 1 }))],
      ['a layer type', (image) => withLayer(image, (layer) => ({ ...layer, mediaType: 'application/x' }))],
      ['a name', (image) => ({ ...image, name: 'ghcr.io/a/other:1' })],
      ['a target', (image) => ({ ...image, digest: image.platforms[0]?.manifest ?? image.digest })],
      ['a platform less', (image) => ({ ...image, platforms: image.platforms.slice(0, 1) })],
    ];
    it.each(changes)('refuses %s of an image that its manifests do not have', async (_what, change) => {
      const images = bundle.release.images.with(0, change(bundle.release.images[0] as Image));
      await expect(prove(entries, { ...bundle.release, images })).rejects.toMatchObject({ code: 'DAMAGED' });
    });

    it('refuses a release that has another number of images', async () => {
      const images = bundle.release.images.slice(1);
      await expect(prove(entries, { ...bundle.release, images })).rejects.toMatchObject({
        damages: [{ entry: 'index.json' }],
      });
    });

    it('refuses a manifest.json of another digest than release.json names', async () => {
      const manifestJSON = { ...bundle.release.manifestJSON, digest: bundle.release.index.digest };
      await expect(prove(entries, { ...bundle.release, manifestJSON })).rejects.toMatchObject({
        damages: [{ entry: 'manifest.json' }],
      });
    });

    it('takes fields of an image that a later ferry may add', async () => {
      const images = bundle.release.images.map((image) => ({ ...image, later: true }));
      await expect(prove(entries, { ...bundle.release, images })).resolves.toMatchObject({ images: [{ name: X }, {}] });
    });
  });

  describe('of a bundle with other entries than it must have', () => {
    it('names a layer that is missing, with its image', async () => {
      const name = blob(bundle.release.images[0]?.platforms[1]?.layers[1]?.digest);
      await expect(prove(entries.filter((entry) => entry[0] !== name))).rejects.toMatchObject({
        code: 'DAMAGED',
        damages: [{ entry: name, image: X, part: 'layer 2 of 3' }],
      });
    });

    it('names a manifest that is missing', async () => {
      const name = blob(bundle.release.images[1]?.platforms[0]?.manifest);
      await expect(prove(entries.filter((entry) => entry[0] !== name))).rejects.toMatchObject({
        damages: [{ entry: name, image: 'ghcr.io/a/y:1' }],
      });
    });

    it('names a blob that nothing signed names', async () => {
      const name = `blobs/sha256/${'5'.repeat(64)}`;
      await expect(prove([...entries, [name, Buffer.from('x')]])).rejects.toMatchObject({ damages: [{ entry: name }] });
    });

    it('names a layer of another size', async () => {
      const name = blob(bundle.release.images[0]?.platforms[0]?.layers[0]?.digest);
      const grown = replaced(name, (bytes) => Buffer.concat([bytes, Buffer.from('x')]));
      await expect(prove(grown)).rejects.toMatchObject({ damages: [{ entry: name, image: X, part: 'layer 1 of 3' }] });
    });

    it('names all that is wrong at once', async () => {
      const [first, second] = (bundle.release.images[0]?.platforms[0]?.layers ?? []).map(({ digest }) => blob(digest));
      const list = replaced(first ?? '', (bytes) => bytes.subarray(1)).filter(([name]) => name !== second);
      await expect(prove(list)).rejects.toMatchObject({ damages: [{ entry: first }, { entry: second }] });
    });

    it('refuses blobs in another order', async () => {
      const [a, b] = entries.slice(-2) as [RawEntry, RawEntry];
      await expect(prove([...entries.slice(0, -2), b, a])).rejects.toMatchObject({ damages: [{ entry: b[0] }] });
    });

    it('refuses files in another order, missing and surplus ones', async () => {
      const at = entries.findIndex(([name]) => name === 'files/compose.yaml');
      const [a, b] = entries.slice(at, at + 2) as [RawEntry, RawEntry];
      await expect(prove(entries.toSpliced(at, 2, b, a))).rejects.toMatchObject({ damages: [{ entry: b[0] }] });
      await expect(prove(entries.toSpliced(at, 1))).rejects.toMatchObject({ damages: [{ entry: a[0] }] });
      await expect(prove(entries.toSpliced(at, 0, ['files/more', b[1]]))).rejects.toMatchObject({
        damages: [{ entry: 'files/more' }],
      });
    });

    it("refuses a site's file that its document does not list", async () => {
      const at = entries.findIndex(([name]) => name === 'sites/any/license.blob');
      await expect(prove(entries.toSpliced(at, 0, ['sites/any/more', Buffer.from('x')]))).rejects.toMatchObject({
        damages: [{ entry: 'sites/any/more' }],
      });
    });

    it('refuses the document of one site under the name of another', async () => {
      const list = entries.map(
        ([name, bytes]): RawEntry => [name.replace('sites/any/', 'sites/0123456789abcdef/'), bytes],
      );
      await expect(prove(list)).rejects.toMatchObject({ code: 'DAMAGED' });
    });

    it('refuses metadata under the number of another version', async () => {
      const list = entries.map(([name, bytes]): RawEntry => [name.replace('8.snapshot', '7.snapshot'), bytes]);
      await expect(prove(list)).rejects.toMatchObject({
        damages: [{ entry: 'tuf/7.snapshot.json' }, { entry: 'tuf/8.snapshot.json' }],
      });
    });
  });
});

/** An image whose manifest names a layer of this size, which nobody has. */
function hugeImage(size: number): BuiltImage {
  const image = buildImage({ layers: [generatedLayer('huge')] });
  const [platform] = image.platforms;
  if (platform === undefined) throw new Error('expected a platform');
  const manifest = JSON.parse(platform.manifest.bytes.toString());
  manifest.layers[0].size = size;
  const target = content(platform.manifest.descriptor.mediaType, Buffer.from(JSON.stringify(manifest)));
  return { ...image, target, manifests: [target] };
}

type Image = ReleaseDocument['images'][number];
type Layer = Image['platforms'][number]['layers'][number];

async function prove(list: readonly RawEntry[], release: ReleaseDocument = bundle.release): Promise<BundleContents> {
  writeFileSync(path, rawTar(list));
  const opened = await openBundle(path);
  try {
    return await proveContents(opened, release);
  } finally {
    await opened.close();
  }
}

function blob(digest: string | undefined): string {
  return String(digest).replace('sha256:', 'blobs/sha256/');
}

function bytesOf(name: string): Uint8Array {
  return entries.find((entry) => entry[0] === name)?.[1] ?? Buffer.of();
}

function replaced(name: string, change: (bytes: Uint8Array) => Uint8Array): RawEntry[] {
  return entries.map((entry) => (entry[0] === name ? [name, change(entry[1])] : entry));
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(bytes.length - 3, (bytes.at(-3) ?? 0) ^ 1);
}

function withLayer(image: Image, change: (layer: Layer, first: Layer) => Layer): Image {
  return {
    ...image,
    platforms: image.platforms.map((platform) => ({
      ...platform,
      layers: platform.layers.map((layer) => change(layer, platform.layers[0] as Layer)),
    })),
  };
}

import { describe, expect, it } from 'vitest';
import { indexJSON, manifestJSON, OCI_LAYOUT } from '../../src/layout/index.ts';
import { closureOf } from '../support/bundles.ts';
import { haveSchemas, schemaErrors } from '../support/oci-schemas.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';

const both = ['linux/amd64', 'linux/arm64'];
const indexed = buildImage({ platforms: both, attestations: true, layers: [generatedLayer('a')] });
const single = buildImage({ layers: [generatedLayer('a'), generatedLayer('b')], mediaTypes: 'docker' });
const closures = () =>
  Promise.all([closureOf('ghcr.io/a/x:1', indexed, both), closureOf('localhost:5000/y:2', single)]);

describe('indexJSON', () => {
  it("lists each image once, in order, under the registry's own descriptor and its full name", async () => {
    const { manifests } = JSON.parse(indexJSON(await closures()).toString());
    const named = (name: string) => ({ 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name });
    expect(manifests).toEqual([
      { ...indexed.target.descriptor, annotations: named('ghcr.io/a/x:1') },
      { ...single.target.descriptor, annotations: named('localhost:5000/y:2') },
    ]);
  });

  it.runIf(haveSchemas)('is valid by the official schema, also with no image', async () => {
    for (const bytes of [indexJSON(await closures()), indexJSON([])]) {
      expect(schemaErrors('image-index-schema.json', JSON.parse(bytes.toString()))).toBe('');
    }
  });
});

describe('manifestJSON', () => {
  it('has the first platform of each image, by the blobs of the tar', async () => {
    const [first] = indexed.platforms;
    const blob = (digest: string | undefined) => digest?.replace('sha256:', 'blobs/sha256/');
    const [x, y] = JSON.parse(manifestJSON(await closures()).toString());
    expect(x).toEqual({
      Config: blob(first?.config.descriptor.digest),
      RepoTags: ['ghcr.io/a/x:1'],
      Layers: first?.layers.map(({ descriptor }) => blob(descriptor.digest)),
    });
    expect(y.Layers).toHaveLength(2);
  });

  it('refuses an image without a platform', async () => {
    const [image] = await closures();
    if (image === undefined) throw new Error('expected an image');
    expect(() => manifestJSON([{ ...image, platforms: [] }])).toThrow(RangeError);
  });
});

describe('OCI_LAYOUT', () => {
  it.runIf(haveSchemas)('is valid by the official schema', () => {
    expect(schemaErrors('image-layout-schema.json', JSON.parse(OCI_LAYOUT.toString()))).toBe('');
  });
});

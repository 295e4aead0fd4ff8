import { describe, expect, it } from 'vitest';
import {
  chainIDs,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  DOCKER_SCHEMA1_SIGNED,
  digestOf,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  parseImageConfig,
  parseManifest,
} from '../../src/oci/index.ts';

const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const digest = digestOf(bytes('x'));
const config = { mediaType: OCI_CONFIG, digest, size: 2 };
const layer = { mediaType: OCI_LAYER_GZIP, digest, size: 3 };
const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ mediaType: OCI_MANIFEST, digest, size: 1 }] };

describe('parseManifest', () => {
  it('reads OCI and Docker documents alike', () => {
    expect(parseManifest(bytes(manifest))).toMatchObject({ kind: 'manifest', config, layers: [layer] });
    expect(parseManifest(bytes({ ...manifest, mediaType: DOCKER_MANIFEST }))).toMatchObject({ kind: 'manifest' });
    expect(parseManifest(bytes(index))).toMatchObject({ kind: 'index' });
    expect(parseManifest(bytes({ ...index, mediaType: DOCKER_LIST }))).toMatchObject({ kind: 'index' });
  });

  it('takes the type from the descriptor, or from the only thing the fields can mean', () => {
    const { mediaType: _, ...untyped } = manifest;
    expect(parseManifest(bytes(untyped), OCI_MANIFEST)).toMatchObject({ mediaType: OCI_MANIFEST });
    expect(parseManifest(bytes(untyped))).toMatchObject({ mediaType: OCI_MANIFEST });
  });

  it.each([
    ['both at once (CVE-2021-41190)', { ...manifest, manifests: [] }, OCI_MANIFEST],
    ['a type that is not the descriptor’s', manifest, OCI_INDEX],
    ['a size in words', { ...manifest, layers: [{ ...layer, size: '3' }] }, undefined],
    ['a negative size', { ...manifest, layers: [{ ...layer, size: -1 }] }, undefined],
    ['a size beyond whole numbers', { ...manifest, layers: [{ ...layer, size: 2 ** 60 }] }, undefined],
    ['a sha512 digest', { ...manifest, config: { ...config, digest: `sha512:${'a'.repeat(128)}` } }, undefined],
    ['layers that are no list', { ...manifest, layers: {} }, undefined],
    ['no config', { ...manifest, config: undefined }, undefined],
    ['an artifact type nobody knows', { ...manifest, mediaType: 'application/x' }, undefined],
    ['no JSON', '{', undefined],
    ['a list', [], undefined],
    ['broken UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), undefined],
  ])('refuses %s', (_name, document, mediaType) => {
    expect(() => parseManifest(bytes(document), mediaType)).toThrow(
      expect.objectContaining({ code: 'MANIFEST_INVALID' }),
    );
  });

  it('names the first bad field', () => {
    const broken = { ...manifest, layers: [layer, { ...layer, size: 1.5 }] };
    expect(() => parseManifest(bytes(broken))).toThrow('layers[1].size: expected a whole number of bytes, got 1.5');
  });

  it.each([
    ['by its type', { schemaVersion: 1 }, DOCKER_SCHEMA1_SIGNED],
    ['by its version', { schemaVersion: 1, name: 'a' }, undefined],
  ])('refuses schema 1 in words, known %s', (_name, document, mediaType) => {
    expect(() => parseManifest(bytes(document), mediaType)).toThrow(
      expect.objectContaining({ code: 'SCHEMA1_REFUSED' }),
    );
  });
});

describe('parseImageConfig', () => {
  const good = { os: 'linux', architecture: 'arm', variant: 'v7', rootfs: { type: 'layers', diff_ids: [digest] } };

  it('reads platform and diffIDs', () => {
    expect(parseImageConfig(bytes(good))).toEqual({
      platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
      diffIDs: [digest],
    });
  });

  it.each([
    { ...good, os: 1 },
    { ...good, rootfs: undefined },
    { ...good, rootfs: { type: 'layers+base', diff_ids: [] } },
    { ...good, rootfs: { type: 'layers', diff_ids: ['x'] } },
    'nothing',
  ])('refuses %j', (document) => {
    expect(() => parseImageConfig(bytes(document))).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});

describe('chainIDs', () => {
  it('names each layer together with those below it (image-spec config.md)', () => {
    const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(bytes(text)));
    const ab = digestOf(bytes(`${a} ${b}`));
    expect(chainIDs([a, b, c].map((id) => id as typeof digest))).toEqual([a, ab, digestOf(bytes(`${ab} ${c}`))]);
    expect(chainIDs([])).toEqual([]);
  });
});

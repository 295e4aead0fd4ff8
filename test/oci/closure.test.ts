import { describe, expect, it } from 'vitest';
import type { ClosureDocument, Descriptor } from '../../src/oci/index.ts';
import {
  digestOf,
  imageClosure,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_LAYER_GZIP,
  OCI_MANIFEST,
  parsePlatform,
} from '../../src/oci/index.ts';

/** A registry of documents in memory; layers exist only as descriptors, for the closure never reads one. */
class Documents {
  readonly bytes = new Map<string, Uint8Array>();
  readonly fetched: string[] = [];

  put(mediaType: string, value: unknown, more: Partial<Descriptor> = {}): Descriptor {
    const body = Buffer.from(JSON.stringify(value));
    const digest = digestOf(body);
    this.bytes.set(digest, body);
    return { mediaType, digest, size: body.length, ...more };
  }

  image(platform: string, layers: readonly Descriptor[], diffs = layers.length): Descriptor {
    const { os, architecture, variant } = parsePlatform(platform);
    const diff_ids = Array.from({ length: diffs }, (_, i) => digestOf(Buffer.from(`diff ${platform} ${i}`)));
    const config = this.put(OCI_CONFIG, { os, architecture, variant, rootfs: { type: 'layers', diff_ids } });
    const body = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
    return this.put(OCI_MANIFEST, body, { platform: parsePlatform(platform) });
  }

  attestation(subject: Descriptor): Descriptor {
    const config = this.put(OCI_CONFIG, { attests: subject.digest });
    const sbom = layer(`sbom ${subject.digest}`, 'application/vnd.in-toto+json');
    const annotations = {
      'vnd.docker.reference.type': 'attestation-manifest',
      'vnd.docker.reference.digest': subject.digest,
    };
    const body = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [sbom] };
    return this.put(OCI_MANIFEST, body, { annotations, platform: { os: 'unknown', architecture: 'unknown' } });
  }

  index(...manifests: Descriptor[]): ClosureDocument {
    return this.document(this.put(OCI_INDEX, { schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  }

  document(descriptor: Descriptor): ClosureDocument {
    return { descriptor, bytes: this.bytes.get(descriptor.digest) as Uint8Array };
  }

  closure(target: ClosureDocument, ...platforms: string[]) {
    const fetch = async ({ digest }: Descriptor) => {
      this.fetched.push(digest);
      return this.bytes.get(digest) as Uint8Array;
    };
    return imageClosure({ name: 'r.example/a:1', target, platforms: platforms.map(parsePlatform), fetch });
  }
}

function layer(text: string, mediaType = OCI_LAYER_GZIP): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(text)), size: 100 };
}

describe('imageClosure', () => {
  it('lists index, manifests, configs and attestations first, then blobs, each once', async () => {
    const docs = new Documents();
    const base = layer('base');
    const amd = docs.image('linux/amd64', [base, layer('amd')]);
    const arm = docs.image('linux/arm64', [base, layer('arm'), base]);
    const other = docs.image('linux/s390x', [layer('s390x')]);
    const proof = docs.attestation(amd);
    const target = docs.index(other, amd, proof, arm, docs.attestation(other));
    const closure = await docs.closure(target, 'linux/arm64', 'linux/amd64');

    expect(closure.platforms.map(({ manifest }) => manifest.digest)).toEqual([arm.digest, amd.digest]);
    expect(closure.documents.map(({ descriptor }) => descriptor.digest).slice(0, 3)).toEqual([
      target.descriptor.digest,
      arm.digest,
      amd.digest,
    ]);
    expect(closure.documents).toHaveLength(7); // index, 2 manifests, 2 configs, attestation, its config
    expect(closure.documents[5]?.descriptor.digest).toBe(proof.digest);
    expect(closure.blobs.map(({ digest }) => digest)).toEqual(
      [layer(`sbom ${amd.digest}`), base, layer('arm'), layer('amd')].map(({ digest }) => digest),
    );
    expect(new Set(docs.fetched).size).toBe(docs.fetched.length);
    expect(docs.fetched).not.toContain(other.digest);
  });

  it('takes an image without an index as it is', async () => {
    const docs = new Documents();
    const manifest = docs.image('linux/amd64', [layer('a')]);
    const closure = await docs.closure(docs.document(manifest), 'linux/amd64');
    expect(closure.target).toEqual(manifest);
    expect(closure.documents).toHaveLength(2);
    expect(closure.platforms[0]?.diffIDs).toHaveLength(1);
  });

  it.each(['index', 'manifest'])('names the platforms there are when the wanted one is not in the %s', async (kind) => {
    const docs = new Documents();
    const manifest = docs.image('linux/amd64', [layer('a')]);
    const target = kind === 'index' ? docs.index(manifest, docs.attestation(manifest)) : docs.document(manifest);
    await expect(docs.closure(target, 'linux/arm64')).rejects.toMatchObject({
      code: 'PLATFORM_NOT_FOUND',
      message: 'read image r.example/a:1: expected platform linux/arm64, got linux/amd64',
    });
  });

  it('refuses an index whose platform says other than the config', async () => {
    const docs = new Documents();
    const lying = { ...docs.image('linux/arm64', [layer('a')]), platform: parsePlatform('linux/amd64') };
    await expect(docs.closure(docs.index(lying), 'linux/amd64')).rejects.toMatchObject({ code: 'PLATFORM_NOT_FOUND' });
  });

  it.each([
    [
      'a foreign layer by type',
      [layer('w', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')],
      'FOREIGN_LAYER',
    ],
    ['a foreign layer by URL', [{ ...layer('w'), urls: ['https://x.example/w'] }], 'FOREIGN_LAYER'],
    ['126 layers', Array.from({ length: 126 }, (_, i) => layer(`${i}`)), 'TOO_MANY_LAYERS'],
  ])('refuses %s', async (_name, layers, code) => {
    const docs = new Documents();
    const manifest = docs.image('linux/amd64', layers);
    await expect(docs.closure(docs.document(manifest), 'linux/amd64')).rejects.toMatchObject({ code });
  });

  it('takes 125 layers', async () => {
    const docs = new Documents();
    const layers = Array.from({ length: 125 }, (_, i) => layer(`${i}`));
    const closure = await docs.closure(docs.document(docs.image('linux/amd64', layers)), 'linux/amd64');
    expect(closure.blobs).toHaveLength(125);
  });

  it('refuses a config with other than one diffID a layer', async () => {
    const docs = new Documents();
    const manifest = docs.image('linux/amd64', [layer('a'), layer('b')], 1);
    await expect(docs.closure(docs.document(manifest), 'linux/amd64')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('does not ask for a document of more than 4 MiB', async () => {
    const docs = new Documents();
    const huge = { ...docs.image('linux/amd64', []), size: 5 * 1024 * 1024 };
    await expect(docs.closure(docs.index(huge), 'linux/amd64')).rejects.toMatchObject({ code: 'DOCUMENT_TOO_LARGE' });
    expect(docs.fetched).toEqual([]);
  });

  it('refuses one digest with two sizes', async () => {
    const docs = new Documents();
    const manifest = docs.image('linux/amd64', [layer('a'), { ...layer('a'), size: 7 }]);
    await expect(docs.closure(docs.document(manifest), 'linux/amd64')).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
    });
  });
});

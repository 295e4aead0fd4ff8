/**
 * Images made in memory for tests: layers are tars of ours, the same bytes on every run; configs, manifests, indexes
 * and attestations as a builder would write them, in OCI's or Docker's media types. Nothing here speaks to a registry
 * (registry.ts pushes what this makes) and nothing here is checked: tests may bend the results.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Descriptor, Digest } from '../../src/oci/index.ts';
import { type Compression, compressLayer, MEDIA, sha256 } from './images.ts';
import { layerTar, tarOf } from './tar.ts';

export { sha256 } from './images.ts';

/** One layer: the bytes of its uncompressed tar, and how the registry is to hold it. */
export interface LayerSpec {
  readonly bytes: Buffer;
  /** @default 'gzip' */
  readonly compression?: Compression;
}

export interface ImageSpec {
  /** @default [a small generated layer] */
  readonly layers?: readonly (Buffer | LayerSpec)[];
  /** More than one makes an index; each then has a last layer of its own with the platform's name in `etc/platform`. @default ['linux/amd64'] */
  readonly platforms?: readonly string[];
  /** An attestation manifest beside each platform, as buildx makes them; makes an index. @default false */
  readonly attestations?: boolean;
  /** An index even for a single platform. @default false */
  readonly index?: boolean;
  /** @default 'oci' */
  readonly mediaTypes?: 'oci' | 'docker';
  /** The config's `config`: Cmd, Env, Entrypoint … */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** A manifest, index or blob with the descriptor that names it. */
export interface BuiltContent {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

export interface BuiltPlatform {
  readonly platform: string;
  readonly manifest: BuiltContent;
  readonly config: BuiltContent;
  readonly layers: readonly BuiltContent[];
  readonly diffIDs: readonly Digest[];
}

export interface BuiltImage {
  /** What a tag points at: the index, or the only manifest. */
  readonly target: BuiltContent;
  readonly platforms: readonly BuiltPlatform[];
  readonly attestations: readonly BuiltContent[];
  /** Manifests and indexes in an order in which a registry takes them: what is referred to first. */
  readonly manifests: readonly BuiltContent[];
  /** Configs, layers and attestations' blobs; each once. */
  readonly blobs: readonly BuiltContent[];
}

/** The content of `bytes` under `mediaType`. */
export function content(mediaType: string, bytes: Buffer): BuiltContent {
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

/** `size` bytes that look random, and are the same for the same seed; made quickly, also by the hundred MB. */
export function noise(seed: string, size: number): Buffer {
  const result = Buffer.allocUnsafe(size);
  const block = Buffer.alloc(Math.min(size, 1 << 20));
  for (let at = 0; at < block.length; at += 32) createHash('sha256').update(`${seed} ${at}`).digest().copy(block, at);
  for (let at = 0; at < size; at += block.length) {
    block.copy(result, at);
    if (at + 4 <= size) result.writeUInt32BE(at >>> 8, at);
  }
  return result;
}

/** An uncompressed layer tar with one file of `size` bytes that do not compress. */
export function generatedLayer(seed: string, size = 4096): Buffer {
  return layerTar({ [`data/${seed}`]: noise(seed, size) });
}

/** The layer of an image that really runs: /bin/busybox (static), /bin/sh and the other names as links to it. */
export function busyboxLayer(): Buffer {
  const links = ['sh', 'cat', 'echo', 'ls', 'sleep', 'true', 'httpd', 'wget', 'id'];
  return tarOf([
    { name: 'bin/', mode: 0o755 },
    { name: 'bin/busybox', mode: 0o755, bytes: readFileSync('/bin/busybox') },
    ...links.map((name) => ({ name: `bin/${name}`, mode: 0o777, link: 'busybox' })),
    { name: 'etc/', mode: 0o755 },
    { name: 'tmp/', mode: 0o1777 },
  ]);
}

/** Builds an image by the spec; the same spec gives the same bytes. */
export function buildImage(spec: ImageSpec = {}): BuiltImage {
  const names = spec.platforms ?? ['linux/amd64'];
  const platforms = names.map((name) => buildPlatform(name, spec, names.length > 1));
  const proofs = spec.attestations === true ? platforms.map((platform) => buildAttestation(platform)) : [];
  const parts = [...platforms.map((platform) => platform.manifest), ...proofs.map((proof) => proof.manifest)];
  const indexed = spec.index === true || parts.length > 1;
  const target = indexed ? buildIndex(spec, platforms, proofs) : (parts[0] as BuiltContent);
  const blobs = [
    ...platforms.flatMap((platform) => [platform.config, ...platform.layers]),
    ...proofs.flatMap((proof) => proof.blobs),
  ];
  return {
    target,
    platforms,
    attestations: proofs.map((proof) => proof.manifest),
    manifests: indexed ? [...parts, target] : parts,
    blobs: [...new Map(blobs.map((blob) => [blob.descriptor.digest, blob])).values()],
  };
}

function buildPlatform(platform: string, spec: ImageSpec, several: boolean): BuiltPlatform {
  const types = MEDIA[spec.mediaTypes ?? 'oci'];
  const own = several ? [layerTar({ 'etc/platform': Buffer.from(`${platform}\n`) })] : [];
  const specs = [...(spec.layers ?? [generatedLayer('base')]), ...own].map(asLayerSpec);
  const layers = specs.map((layer) => {
    const compression = layer.compression ?? 'gzip';
    return content(types.layer[compression], compressLayer(layer.bytes, compression));
  });
  const diffIDs = specs.map((layer) => sha256(layer.bytes));
  const config = json(types.config, {
    ...platformFields(platform),
    config: spec.config ?? { Cmd: ['/bin/sh'] },
    rootfs: { type: 'layers', diff_ids: diffIDs },
    history: specs.map((_, at) => ({ created: '2026-01-01T00:00:00Z', created_by: `layer ${at}` })),
  });
  const manifest = json(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: config.descriptor,
    layers: layers.map((layer) => layer.descriptor),
  });
  return { platform, manifest, config, layers, diffIDs };
}

function buildAttestation(subject: BuiltPlatform): { manifest: BuiltContent; subject: Digest; blobs: BuiltContent[] } {
  const statement = content(
    'application/vnd.in-toto+json',
    Buffer.from(
      JSON.stringify({ _type: 'https://in-toto.io/Statement/v0.1', subject: subject.manifest.descriptor.digest }),
    ),
  );
  const config = json(MEDIA.oci.config, {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.descriptor.digest] },
  });
  const manifest = json(MEDIA.oci.manifest, {
    schemaVersion: 2,
    mediaType: MEDIA.oci.manifest,
    config: config.descriptor,
    layers: [{ ...statement.descriptor, annotations: { 'in-toto.io/predicate-type': 'https://spdx.dev/Document' } }],
  });
  return { manifest, subject: subject.manifest.descriptor.digest, blobs: [config, statement] };
}

function buildIndex(
  spec: ImageSpec,
  platforms: readonly BuiltPlatform[],
  proofs: readonly { manifest: BuiltContent; subject: Digest }[],
): BuiltContent {
  const type = MEDIA[spec.mediaTypes ?? 'oci'].index;
  const images = platforms.map((each) => ({ ...each.manifest.descriptor, platform: platformFields(each.platform) }));
  const attestations = proofs.map((proof) => ({
    ...proof.manifest.descriptor,
    annotations: {
      'vnd.docker.reference.digest': proof.subject,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  }));
  return json(type, { schemaVersion: 2, mediaType: type, manifests: [...images, ...attestations] });
}

function asLayerSpec(layer: Buffer | LayerSpec): LayerSpec {
  return Buffer.isBuffer(layer) ? { bytes: layer } : layer;
}

function platformFields(platform: string): Record<string, string> {
  const [os = '', architecture = '', variant] = platform.split('/');
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}

function json(mediaType: string, value: unknown): BuiltContent {
  return content(mediaType, Buffer.from(JSON.stringify(value, null, 2)));
}

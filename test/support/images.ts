/**
 * Small images made in memory, with every byte decided here: layer tars written by hand, so that tests of the engine do
 * not lean on the code under test. `saveTar` gives what `docker load -i` reads.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { ClosureDocument, Descriptor, Digest, PlatformImage } from '../../src/oci/index.ts';

/** How a layer is stored. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** A layer: files by path, or a finished tar; compressed as said. */
export interface LayerOptions {
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** The plain tar itself, instead of `files`. */
  readonly tar?: Buffer;
  /** @default 'gzip' */
  readonly compression?: Compression;
}

/** What `makeImage` makes. */
export interface ImageOptions {
  /** Full name, `registry/repository:tag`. */
  readonly name: string;
  readonly layers?: readonly LayerOptions[];
  /** A first layer with a static busybox as `/bin/busybox` and `/bin/sh`. @default false */
  readonly busybox?: boolean;
  readonly cmd?: readonly string[];
  /** More of the config's `config`. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Architecture written into config and index. @default 'amd64' */
  readonly architecture?: string;
  /** Docker's media types instead of OCI's. @default false */
  readonly docker?: boolean;
  /** An index over the manifest is the target, as registries have it for multi-platform images. @default false */
  readonly index?: boolean;
}

/** An image as the engine room takes it, and its bytes. */
export interface TestImage {
  readonly name: string;
  readonly target: Descriptor;
  readonly platform: PlatformImage;
  readonly documents: readonly ClosureDocument[];
  readonly blobs: ReadonlyMap<string, Buffer>;
  /** Sum of the layers as stored. */
  readonly layerBytes: number;
  /** A blob's bytes in small chunks. */
  open(descriptor: Pick<Descriptor, 'digest'>): AsyncGenerator<Uint8Array>;
}

/** `sha256:` + hex of bytes, computed without the code under test. */
export function sha256(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

/** A plain ustar file of regular files with mode 0755, in the order given; `'path -> target'` keys make a symlink. */
export function tarOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of Object.entries(files)) {
    const [path = key, link] = key.split(' -> ');
    const body = link === undefined ? Buffer.from(value) : Buffer.alloc(0);
    parts.push(header(path, body.length, link), body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

/** Makes an image in memory. The same options give the same bytes. */
export function makeImage(options: ImageOptions): TestImage {
  const blobs = new Map<string, Buffer>();
  const layers = [...(options.busybox ? [busyboxLayer()] : []), ...(options.layers ?? [])].map((l) =>
    makeLayer(l, options),
  );
  for (const { descriptor, bytes } of layers) blobs.set(descriptor.digest, bytes);
  const os = { os: 'linux', architecture: options.architecture ?? 'amd64' };
  const config = document(MEDIA[options.docker ? 'docker' : 'oci'].config, {
    ...os,
    config: { Cmd: options.cmd ?? ['/bin/sh'], ...options.config },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.diffID) },
  });
  const media = MEDIA[options.docker ? 'docker' : 'oci'];
  const body = { schemaVersion: 2, mediaType: media.manifest, config: config.descriptor };
  const manifest = document(media.manifest, { ...body, layers: layers.map((layer) => layer.descriptor) });
  const listed = { ...manifest.descriptor, platform: os };
  const index = document(media.index, { schemaVersion: 2, mediaType: media.index, manifests: [listed, ELSEWHERE] });
  const documents = options.index ? [index, manifest, config] : [manifest, config];
  for (const { descriptor, bytes } of documents) blobs.set(descriptor.digest, Buffer.from(bytes));
  const descriptors = layers.map((layer) => layer.descriptor);
  return {
    name: options.name,
    target: options.index ? index.descriptor : manifest.descriptor,
    platform: {
      platform: os,
      manifest: manifest.descriptor,
      config: config.descriptor,
      layers: descriptors,
      diffIDs: layers.map((layer) => layer.diffID),
    },
    documents,
    blobs,
    layerBytes: descriptors.reduce((sum, layer) => sum + layer.size, 0),
    open: ({ digest }) => chunks(blobs.get(digest)),
  };
}

/** The tar of images that `docker load` reads: blobs, then `manifest.json`. */
export function saveTar(images: readonly TestImage[]): Buffer {
  const files: Record<string, Buffer> = {};
  for (const { blobs } of images) for (const [digest, bytes] of blobs) files[blobPath(digest)] = bytes;
  const items = images.map(({ name, platform }) => ({
    Config: blobPath(platform.config.digest),
    RepoTags: [name],
    Layers: platform.layers.map((layer) => blobPath(layer.digest)),
  }));
  return tarOf({ ...files, 'manifest.json': JSON.stringify(items) });
}

/** Media types of images, as OCI and as Docker write them. */
export const MEDIA = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: {
      none: 'application/vnd.oci.image.layer.v1.tar',
      gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
      zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
    },
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: {
      none: 'application/vnd.docker.image.rootfs.diff.tar',
      gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
      zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
    },
  },
};

/** Another platform's manifest that an index lists and nobody carries. */
const ELSEWHERE = {
  mediaType: MEDIA.oci.manifest,
  digest: sha256(Buffer.from('elsewhere')),
  size: 9,
  platform: { os: 'linux', architecture: 's390x' },
};

function makeLayer(
  layer: LayerOptions,
  image: ImageOptions,
): { descriptor: Descriptor; diffID: Digest; bytes: Buffer } {
  const tar = layer.tar ?? tarOf(layer.files ?? {});
  const compression = layer.compression ?? 'gzip';
  const bytes = compressLayer(tar, compression);
  const mediaType = MEDIA[image.docker ? 'docker' : 'oci'].layer[compression];
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, diffID: sha256(tar), bytes };
}

/** A layer's tar as it is stored; quickly rather than small. */
export function compressLayer(tar: Buffer, compression: Compression): Buffer {
  if (compression === 'gzip') return gzipSync(tar, { level: 1 });
  if (compression === 'none') return tar;
  return zstdCompressSync(tar, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
}

function document(mediaType: string, value: unknown): ClosureDocument {
  const bytes = Buffer.from(JSON.stringify(value));
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes };
}

let busybox: Buffer | undefined;

function busyboxLayer(): LayerOptions {
  busybox ??= readFileSync('/bin/busybox');
  return { files: { 'bin/busybox': busybox, 'bin/sh -> busybox': '' } };
}

function header(path: string, size: number, link: string | undefined): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, offset: number, width: number) =>
    block.write(`${value.toString(8).padStart(width - 1, '0')}\0`, offset, 'latin1');
  block.write(path, 0, 100, 'utf8');
  octal(0o755, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(link === undefined ? '0' : '2', 156, 'latin1');
  block.write(link ?? '', 157, 100, 'utf8');
  block.write('ustar\x0000', 257, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

async function* chunks(bytes: Buffer | undefined): AsyncGenerator<Uint8Array> {
  if (bytes === undefined) throw new Error('no such blob in this test image');
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/**
 * What is carried of one image (FORMAT §1): for each platform of the release, in its order, the first match in the
 * image's index, and the attestations that speak of it. The office derives it with the registry as `fetch`, a reader
 * with the tar: one rule, so that both must come to the same list.
 */
import { attestationSubject, isAttestation } from './attestation.ts';
import { parseImageConfig } from './config.ts';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { OciError } from './error.ts';
import type { ImageManifest } from './manifest.ts';
import { parseManifest } from './manifest.ts';
import { isForeignLayer, isManifestType } from './media-type.ts';
import type { Platform } from './platform.ts';
import { choosePlatform, formatPlatform, isPlatformMatch } from './platform.ts';

/** A document (index, manifest, config) with its bytes as they came. */
export interface ClosureDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** An image for one platform. */
export interface PlatformImage {
  /** As the release asks for it. */
  readonly platform: Platform;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** As stored, base first; `diffIDs` has the same length. */
  readonly layers: readonly Descriptor[];
  readonly diffIDs: readonly Digest[];
}

/** All that a bundle holds of one image. */
export interface ImageClosure {
  /** `registry/repository:tag`. */
  readonly name: string;
  /** The registry's own descriptor: of an index, or of a manifest where the image has no index. */
  readonly target: Descriptor;
  /** Index, manifests, configs, attestation manifests and their configs; each once, in the order of the tar. */
  readonly documents: readonly ClosureDocument[];
  readonly platforms: readonly PlatformImage[];
  /** Attestations' blobs, then layers; each once, none of them a document. */
  readonly blobs: readonly Descriptor[];
}

export interface ImageClosureOptions {
  readonly name: string;
  readonly target: ClosureDocument;
  readonly platforms: readonly Platform[];
  /** Bytes of a manifest or config, proven against its descriptor. */
  readonly fetch: (descriptor: Descriptor) => Promise<Uint8Array>;
}

/** More fail on engine 20.10 with "max depth exceeded" (FORMAT §1). */
export const MAX_LAYERS = 125;
/** No manifest or config of the field is near this; every read of one is bounded by it. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/**
 * Derives the closure of an image.
 *
 * @throws {OciError} `PLATFORM_NOT_FOUND`, `FOREIGN_LAYER`, `TOO_MANY_LAYERS`, `DOCUMENT_TOO_LARGE`,
 *   `MANIFEST_INVALID`, `CONFIG_INVALID`, `SCHEMA1_REFUSED`; and what `fetch` throws
 */
export async function imageClosure(options: ImageClosureOptions): Promise<ImageClosure> {
  const { name, target, platforms } = options;
  const fetch = boundedFetch(options);
  const root = parseManifest(target.bytes, target.descriptor.mediaType);
  const chosen = platforms.map((platform) => {
    const manifest =
      root.kind === 'manifest' ? target.descriptor : choosePlatform(root.manifests.filter(isImage), platform);
    if (manifest === undefined) throw platformNotFound(name, platform, root.kind === 'index' ? root.manifests : []);
    return { platform, manifest };
  });
  const attestations = root.kind === 'manifest' ? [] : attestationsOf(root.manifests, chosen);
  const images = await Promise.all(chosen.map(({ platform, manifest }) => readImage(name, platform, manifest, fetch)));
  const proofs = await Promise.all(attestations.map((descriptor) => readAttestation(descriptor, fetch)));
  const documents = unique([
    target,
    ...images.map((image) => image.manifestDocument),
    ...images.map((image) => image.configDocument),
    ...proofs.map((proof) => proof.manifestDocument),
    ...proofs.map((proof) => proof.configDocument),
  ]);
  const held = new Set(documents.map((document) => document.descriptor.digest));
  const blobs = unique(
    [...proofs.flatMap((proof) => proof.blobs), ...images.flatMap((image) => image.layers)].map((descriptor) => ({
      descriptor,
    })),
  ).map(({ descriptor }) => descriptor);
  return {
    name,
    target: target.descriptor,
    documents,
    platforms: images.map(({ platform, manifest, config, layers, diffIDs }) => ({
      platform,
      manifest,
      config,
      layers,
      diffIDs,
    })),
    blobs: blobs.filter(({ digest }) => !held.has(digest)),
  };
}

type Fetch = (descriptor: Descriptor) => Promise<ClosureDocument>;

/** Each document is asked for once, and none that is too large. */
function boundedFetch({ name, target, fetch }: ImageClosureOptions): Fetch {
  const asked = new Map<Digest, Promise<Uint8Array>>([[target.descriptor.digest, Promise.resolve(target.bytes)]]);
  return async (descriptor) => {
    if (descriptor.size > MAX_DOCUMENT_BYTES) {
      throw new OciError(
        `read image ${name}: document ${descriptor.digest}: expected at most ${MAX_DOCUMENT_BYTES} bytes, got ${descriptor.size}`,
        { code: 'DOCUMENT_TOO_LARGE' },
      );
    }
    const bytes = asked.get(descriptor.digest) ?? fetch(descriptor);
    asked.set(descriptor.digest, bytes);
    return { descriptor, bytes: await bytes };
  };
}

async function readImage(name: string, platform: Platform, manifest: Descriptor, fetch: Fetch) {
  const manifestDocument = await fetch(manifest);
  const { config, layers } = asImage(manifestDocument, name);
  checkLayers(name, layers);
  const configDocument = await fetch(config);
  const { platform: built, diffIDs } = parseImageConfig(configDocument.bytes);
  if (!isPlatformMatch(platform, built)) throw platformNotFound(name, platform, [{ ...manifest, platform: built }]);
  if (diffIDs.length !== layers.length) {
    throw new OciError(
      `read image ${name}: config ${config.digest}: expected ${layers.length} diffIDs, got ${diffIDs.length}`,
      {
        code: 'CONFIG_INVALID',
      },
    );
  }
  return { platform, manifest, config, layers, diffIDs, manifestDocument, configDocument };
}

async function readAttestation(descriptor: Descriptor, fetch: Fetch) {
  const manifestDocument = await fetch(descriptor);
  const { config, layers } = asImage(manifestDocument, `attestation ${descriptor.digest}`);
  return { manifestDocument, configDocument: await fetch(config), blobs: layers };
}

function asImage(document: ClosureDocument, name: string): ImageManifest {
  const manifest = parseManifest(document.bytes, document.descriptor.mediaType);
  if (manifest.kind === 'manifest') return manifest;
  throw new OciError(`read image ${name}: ${document.descriptor.digest}: expected a manifest, got an index`, {
    code: 'MANIFEST_INVALID',
  });
}

function checkLayers(name: string, layers: readonly Descriptor[]): void {
  if (layers.length > MAX_LAYERS) {
    throw new OciError(`read image ${name}: expected at most ${MAX_LAYERS} layers, got ${layers.length}`, {
      code: 'TOO_MANY_LAYERS',
    });
  }
  const foreign = layers.find(({ mediaType, urls }) => isForeignLayer(mediaType) || (urls?.length ?? 0) > 0);
  if (foreign === undefined) return;
  throw new OciError(
    `read image ${name}: layer ${foreign.digest}: expected a layer that the registry holds, got a foreign one`,
    {
      code: 'FOREIGN_LAYER',
    },
  );
}

const isImage = (descriptor: Descriptor): boolean => isManifestType(descriptor.mediaType) && !isAttestation(descriptor);

function attestationsOf(manifests: readonly Descriptor[], chosen: readonly { manifest: Descriptor }[]): Descriptor[] {
  const subjects = new Set<Digest | undefined>(chosen.map(({ manifest }) => manifest.digest));
  return manifests.filter((descriptor) => isAttestation(descriptor) && subjects.has(attestationSubject(descriptor)));
}

/** The first of each digest. Two that name one digest and disagree on its size can't both be true. */
function unique<T extends { readonly descriptor: Descriptor }>(items: readonly T[]): T[] {
  const first = new Map<Digest, T>();
  for (const item of items) {
    const { digest, size } = item.descriptor;
    const known = first.get(digest);
    if (known !== undefined && known.descriptor.size !== size) {
      throw new OciError(
        `read manifest: ${digest}: expected ${known.descriptor.size} bytes, got ${size} in another place`,
        {
          code: 'MANIFEST_INVALID',
        },
      );
    }
    if (known === undefined) first.set(digest, item);
  }
  return [...first.values()];
}

function platformNotFound(name: string, wanted: Platform, offered: readonly Descriptor[]): OciError {
  const names = offered.flatMap(({ platform }) =>
    platform && platform.os !== 'unknown' ? [formatPlatform(platform)] : [],
  );
  return new OciError(
    `read image ${name}: expected platform ${formatPlatform(wanted)}, got ${[...new Set(names)].join(', ') || 'none'}`,
    { code: 'PLATFORM_NOT_FOUND', facts: { image: name, platform: formatPlatform(wanted) } },
  );
}

/**
 * What is carried of one image (FORMAT §1): for each platform of the release, in its order, the first match in the
 * image's index, and the attestations that speak of it. The office derives it with the registry as `fetch`, a reader
 * with the tar: one rule, so that both must come to the same list.
 */
import { attestationSubject, isAttestation } from './attestation.ts';
import { choosePlatform } from './choose-platform.ts';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { OciError } from './error.ts';
import type { ClosureDocument } from './image-documents.ts';
import { boundedFetch, platformNotFound, readAttestation, readImage } from './image-documents.ts';
import { parseManifest } from './manifest.ts';
import { isManifestType } from './media-type.ts';
import type { Platform } from './platform.ts';

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

/** The documents of one image, read by descriptor and held to Ferry's limits (FORMAT §1 "Limits checked at export"). */
import { parseImageConfig } from './config.ts';
import type { Descriptor } from './descriptor.ts';
import type { Digest } from './digest.ts';
import { OciError } from './error.ts';
import type { ImageManifest } from './manifest.ts';
import { parseManifest } from './manifest.ts';
import { isForeignLayer } from './media-type.ts';
import type { Platform } from './platform.ts';
import { formatPlatform, isPlatformMatch } from './platform.ts';

/** A document (index, manifest, config) with its bytes as they came. */
export interface ClosureDocument {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
}

/** More fail on engine 20.10 with "max depth exceeded" (FORMAT §1). */
export const MAX_LAYERS = 125;
/** No manifest or config of the field is near this; every read of one is bounded by it. */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;

/** Bytes of a document, with the descriptor by which they were asked for. */
export type Fetch = (descriptor: Descriptor) => Promise<ClosureDocument>;

interface BoundedFetchOptions {
  readonly name: string;
  readonly target: ClosureDocument;
  readonly fetch: (descriptor: Descriptor) => Promise<Uint8Array>;
}

/** Each document is asked for once, and none that is too large. */
export function boundedFetch({ name, target, fetch }: BoundedFetchOptions): Fetch {
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

/** The manifest and config of an image for a platform, checked against each other. */
export async function readImage(name: string, platform: Platform, manifest: Descriptor, fetch: Fetch) {
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

/** An attestation's manifest, its config, and the blobs they name. */
export async function readAttestation(descriptor: Descriptor, fetch: Fetch) {
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

/** The error that names the platforms there are. */
export function platformNotFound(name: string, wanted: Platform, offered: readonly Descriptor[]): OciError {
  const names = offered.flatMap(({ platform }) =>
    platform && platform.os !== 'unknown' ? [formatPlatform(platform)] : [],
  );
  return new OciError(
    `read image ${name}: expected platform ${formatPlatform(wanted)}, got ${[...new Set(names)].join(', ') || 'none'}`,
    { code: 'PLATFORM_NOT_FOUND', facts: { image: name, platform: formatPlatform(wanted) } },
  );
}

/** An image as the engine is given it: one platform of a closure, chosen for this engine. Pure. */
import { parseJSON } from '../content/index.ts';
import type { ClosureDocument, Descriptor, Digest, ImageClosure, PlatformImage } from '../oci/index.ts';
import { attestationSubject, formatPlatform, isPlatformMatch, parseManifest } from '../oci/index.ts';
import { DockerError } from './error.ts';
import type { EngineFacts } from './facts.ts';
import { asObject } from './wire.ts';

/** What to load and what to hold it to. `documents` are those of the closure, proven by whoever read them. */
export interface EngineImage {
  /** `registry/repository:tag`. */
  readonly name: string;
  /** The registry's own descriptor, of an index or a manifest. */
  readonly target: Descriptor;
  readonly platform: PlatformImage;
  readonly documents: readonly ClosureDocument[];
}

/** The part of a closure that runs on this engine. @throws {DockerError} `WRONG_ARCHITECTURE` when none does */
export function engineImage(closure: ImageClosure, facts: Pick<EngineFacts, 'platform' | 'socket'>): EngineImage {
  const { name, target, documents, platforms } = closure;
  const platform = platforms.find((image) => isPlatformMatch(facts.platform, image.platform));
  if (platform === undefined) throw wrongArchitecture(name, platforms, facts);
  return { name, target, platform, documents };
}

/** @throws {DockerError} `WRONG_ARCHITECTURE` when the image's platform does not run on this engine */
export function checkArchitecture(image: EngineImage, facts: Pick<EngineFacts, 'platform' | 'socket'>): void {
  if (!isPlatformMatch(facts.platform, image.platform.platform)) {
    throw wrongArchitecture(image.name, [image.platform], facts);
  }
}

/** The bytes of a document. @throws RangeError when the image comes without it, which is a mistake of ours */
export function documentOf(image: EngineImage, digest: Digest): ClosureDocument {
  const found = image.documents.find(({ descriptor }) => descriptor.digest === digest);
  if (found === undefined) throw new RangeError(`image ${image.name}: expected document ${digest}, got none`);
  return found;
}

/** Paths that the image's signed config declares as volumes; those of an odd config are none. */
export function declaredVolumes(image: EngineImage): string[] {
  const config = asObject(parseJSON(documentOf(image, image.platform.config.digest).bytes, 'image config'));
  return Object.keys(asObject(asObject(config['config'])['Volumes']));
}

/** The attestations of the image's platform that are carried: their documents, and the blobs below them. */
export function attestationsOf(image: EngineImage): { documents: ClosureDocument[]; blobs: Descriptor[] } {
  const root = parseManifest(documentOf(image, image.target.digest).bytes, image.target.mediaType);
  const held = new Map(image.documents.map((document) => [document.descriptor.digest, document]));
  const [documents, blobs]: [ClosureDocument[], Descriptor[]] = [[], []];
  for (const descriptor of root.kind === 'index' ? root.manifests : []) {
    const document = held.get(descriptor.digest);
    if (document === undefined || attestationSubject(descriptor) !== image.platform.manifest.digest) continue;
    const manifest = parseManifest(document.bytes, descriptor.mediaType);
    if (manifest.kind !== 'manifest') continue;
    const config = held.get(manifest.config.digest);
    documents.push(document, ...(config ? [config] : []));
    blobs.push(...manifest.layers);
  }
  return { documents, blobs };
}

function wrongArchitecture(
  name: string,
  images: readonly PlatformImage[],
  facts: Pick<EngineFacts, 'platform' | 'socket'>,
) {
  const wanted = formatPlatform(facts.platform);
  const got = images.map((image) => formatPlatform(image.platform)).join(', ') || 'none';
  return new DockerError(`choose platform of ${name} for engine at ${facts.socket}: expected ${wanted}, got ${got}`, {
    code: 'WRONG_ARCHITECTURE',
    facts: { image: name, engine: wanted, carried: got },
  });
}

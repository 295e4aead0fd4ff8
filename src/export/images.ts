/**
 * Every image of a release, resolved and closed over, all at once: the registry's connections are the limit. A run that
 * goes on takes the digests of the interrupted one, also when a tag has moved since.
 */
import { silentProgress } from '../content/index.ts';
import type { ReleaseManifest } from '../manifest/index.ts';
import type { ClosureDocument, Descriptor, Digest, ImageClosure, Reference } from '../oci/index.ts';
import { imageClosure } from '../oci/index.ts';
import type { RegistryClient } from '../registry/index.ts';
import type { DocumentCache } from './document-cache.ts';
import type { ExportOptions } from './options.ts';

/** What an image was resolved to. */
export interface ResolvedImage {
  readonly name: string;
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export interface ResolveOptions {
  readonly registry: RegistryClient;
  readonly cache: DocumentCache;
  /** Those of an interrupted run. @default tags as they are now */
  readonly known?: readonly ResolvedImage[] | undefined;
  /** Told the bytes that came from a registry. */
  readonly onDownload: (bytes: number) => void;
  readonly progress?: ExportOptions['progress'];
}

/** The closures of all images, in the manifest's order. @throws what the registry and `imageClosure` throw */
export async function resolveImages(
  { images, platforms }: ReleaseManifest,
  { progress = silentProgress, ...options }: ResolveOptions,
): Promise<readonly ImageClosure[]> {
  progress.phase('resolve');
  return Promise.all(
    images.map(async ({ reference, name }) => {
      const target = await resolveTarget(reference, { ...options, name });
      const fetch = (descriptor: Descriptor) => fetchDocument(reference, descriptor, options);
      return imageClosure({ name, target, platforms, fetch });
    }),
  );
}

/** What is journaled of a closure. */
export function resolvedImage({ name, target }: ImageClosure): ResolvedImage {
  const { mediaType, digest, size } = target;
  return { name, mediaType, digest, size };
}

type FetchOptions = Omit<ResolveOptions, 'progress'>;

async function resolveTarget(
  reference: Reference,
  { name, ...options }: FetchOptions & { readonly name: string },
): Promise<ClosureDocument> {
  const known = options.known?.find((image) => image.name === name);
  if (known !== undefined) {
    const { mediaType, digest, size } = known;
    const descriptor = { mediaType, digest, size };
    return { descriptor, bytes: await fetchDocument(reference, descriptor, options) };
  }
  const target = await options.registry.resolve(reference);
  options.onDownload(target.bytes.length);
  await options.cache.keep(target.descriptor, target.bytes);
  return target;
}

async function fetchDocument(
  reference: Reference,
  descriptor: Descriptor,
  { registry, cache, onDownload }: FetchOptions,
): Promise<Uint8Array> {
  const kept = await cache.find(descriptor);
  if (kept !== undefined) return kept;
  const bytes = await registry.fetchDocument(reference, descriptor);
  onDownload(bytes.length);
  await cache.keep(descriptor, bytes);
  return bytes;
}

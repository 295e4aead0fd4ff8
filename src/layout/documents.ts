/**
 * The three documents that make the tar an OCI image layout and a `docker load` archive (image-spec v1.1
 * image-layout.md; FORMAT §1). Pure: both sides make them from the closures, and the bytes must be the same.
 */
import { canonicalJSON } from '../content/index.ts';
import { type Digest, digestHex, type ImageClosure, OCI_INDEX } from '../oci/index.ts';

/** The file `oci-layout`. */
export const OCI_LAYOUT: Buffer = canonicalJSON({ imageLayoutVersion: '1.0.0' });

/** The entry of a blob, `blobs/sha256/<hex>`. */
export function blobName(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

/**
 * `index.json`: one descriptor an image, in order, the registry's own target under its full name. Both annotations
 * hold it: containerd reads the first, skopeo and umoci the second.
 */
export function indexJSON(images: readonly ImageClosure[]): Buffer {
  const manifests = images.map(({ name, target: { mediaType, digest, size } }) => ({
    mediaType,
    digest,
    size,
    annotations: { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': name },
  }));
  return canonicalJSON({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
}

/**
 * `manifest.json`: what `docker load` of the classic store reads. One platform an image, the first, since a second
 * under one name would win over it.
 */
export function manifestJSON(images: readonly ImageClosure[]): Buffer {
  return canonicalJSON(
    images.map(({ name, platforms: [first] }) => {
      if (first === undefined) throw new RangeError(`manifest.json: ${name}: expected at least one platform, got none`);
      return {
        Config: blobName(first.config.digest),
        RepoTags: [name],
        Layers: first.layers.map(({ digest }) => blobName(digest)),
      };
    }),
  );
}

/**
 * The tar that is synthesized for one image and one store (reference §1.2, §1.3). Blobs stand under a prefix that is
 * new for every attempt, because an interrupted load can keep a name locked in the engine (moby#51623); names do not
 * matter to any store. The documents that make the engine act come last, when every byte before them is proven.
 */
import { verified, verifyBytes } from '../content/index.ts';
import type { PackEntry } from '../layout/index.ts';
import { OCI_LAYOUT } from '../layout/index.ts';
import type { ClosureDocument, Descriptor, Digest } from '../oci/index.ts';
import { digestHex, OCI_INDEX } from '../oci/index.ts';
import type { EngineFacts } from './facts.ts';
import { attestationsOf, documentOf } from './image.ts';
import { containerdTarget, type ImagePlan } from './plan.ts';

/** Where an entry's bytes come from. */
export interface BlobSource {
  /** A blob of the bundle, as stored, proven as it streams: the last chunk comes only when it is right. */
  open(descriptor: Descriptor): AsyncIterable<Uint8Array>;
  /** The plain tar of a layer that was made plain, to be sent instead of the layer. */
  findPlain(digest: Digest): PlainLayer | undefined;
}

/** A layer that was decompressed and proven beforehand. */
export interface PlainLayer {
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>;
  open(): AsyncIterable<Uint8Array>;
}

/** The entries in order; bodies are opened when their turn comes. */
export async function* loadEntries(
  facts: EngineFacts,
  plan: ImagePlan,
  options: { readonly prefix: string; readonly source: BlobSource },
): AsyncGenerator<PackEntry> {
  const { prefix, source } = options;
  const parts = facts.store === 'containerd' ? containerdParts(facts, plan) : dockerParts(plan, prefix);
  for (const { descriptor, bytes } of parts.documents) {
    verifyBytes(bytes, descriptor);
    yield { name: entryName(prefix, descriptor.digest), size: descriptor.size, body: bytes };
  }
  for (const descriptor of parts.blobs) yield layerEntry(prefix, descriptor, source);
  for (const [name, bytes] of parts.control) yield { name, size: bytes.length, body: bytes };
}

interface Parts {
  readonly documents: readonly ClosureDocument[];
  readonly blobs: readonly Descriptor[];
  readonly control: readonly (readonly [string, Buffer])[];
}

/** Classic store and podman: a config, layers by path, and a `manifest.json` that tags nothing. */
function dockerParts({ image, missing }: ImagePlan, prefix: string): Parts {
  const { config, layers } = image.platform;
  const item = {
    Config: entryName(prefix, config.digest),
    RepoTags: null,
    Layers: layers.map(({ digest }) => entryName(prefix, digest)),
  };
  const control = [['manifest.json', Buffer.from(JSON.stringify([item]))] as const];
  return { documents: [documentOf(image, config.digest)], blobs: missing, control };
}

/**
 * containerd store: an OCI layout whose index names the registry's own target. It carries no name, so that the image
 * stays untagged (dangling) until tags are moved. Before 25.0: one manifest, complete, no attestations.
 */
function containerdParts(facts: EngineFacts, { image, missing }: ImagePlan): Parts {
  const target = containerdTarget(facts, image);
  const own = [image.platform.manifest.digest, image.platform.config.digest];
  const attested = target.digest === image.target.digest ? attestationsOf(image) : { documents: [], blobs: [] };
  const digests = new Set([target.digest, ...own]);
  const { mediaType, digest, size } = target;
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [{ mediaType, digest, size }] };
  return {
    documents: [...[...digests].map((one) => documentOf(image, one)), ...attested.documents],
    blobs: [...attested.blobs.filter((blob) => blob.size > 0), ...missing],
    control: [
      ['oci-layout', OCI_LAYOUT],
      ['index.json', Buffer.from(JSON.stringify(index))],
    ],
  };
}

function layerEntry(prefix: string, layer: Descriptor, source: BlobSource): PackEntry {
  const name = entryName(prefix, layer.digest);
  const plain = source.findPlain(layer.digest);
  if (plain === undefined) return { name, size: layer.size, body: source.open(layer) };
  // proven once already; hashed again because it has been on a disk since
  return { name, size: plain.descriptor.size, body: verified(plain.open(), plain.descriptor) };
}

function entryName(prefix: string, digest: Digest): string {
  return `${prefix}/${digestHex(digest)}`;
}

/**
 * Decides, from what the engine holds, what an image still needs. Pure: the same inventory gives the same plan.
 * Never more than is lacking, never less than the store can do with (reference §1.2, §1.3, §3 for podman).
 */
import type { Descriptor, Digest } from '../oci/index.ts';
import { chainIDs, layerCompression } from '../oci/index.ts';
import { type EngineFacts, hasAPI, PARTIAL_SINCE, ZSTD_SINCE } from './facts.ts';
import { checkArchitecture, type EngineImage } from './image.ts';
import { type Inventory, type InventoryImage, isWhole } from './inventory.ts';
import { isSameName } from './name.ts';

/** What will be done for one image. */
export interface ImagePlan {
  readonly image: EngineImage;
  /** `present`: the engine has exactly this image and is sent nothing. */
  readonly action: 'present' | 'load';
  /** The ID that the image has, or will have, in this engine. */
  readonly imageID: Digest;
  /** Layers to send, base first, each once. */
  readonly missing: readonly Descriptor[];
  /** Bytes of `missing` as stored: what is read from the medium. */
  readonly bytes: number;
  /** Those of `missing` that this engine can't unpack: made plain in the spool folder first. */
  readonly zstd: readonly Descriptor[];
  /** Images that lend the layers that are not sent: to be pinned until the import is over. */
  readonly lenders: readonly Digest[];
  /** Whether the name has still to be moved to the image. */
  readonly tag: boolean;
}

/** Plans one image. @throws {DockerError} `WRONG_ARCHITECTURE` when it does not run on this engine */
export function planImage(facts: EngineFacts, inventory: Inventory, image: EngineImage): ImagePlan {
  checkArchitecture(image, facts);
  const imageID = expectedID(facts, image);
  const present = inventory.images.find((found) => isPresent(facts, found, image));
  const tag = !present?.tags.some((name) => isSameName(name, image.name));
  if (present !== undefined) {
    return { image, action: 'present', imageID, missing: [], bytes: 0, zstd: [], lenders: [], tag };
  }
  const layers = lacking(facts, inventory, image);
  const missing = unique(layers.filter(({ lender }) => lender === undefined).map(({ descriptor }) => descriptor));
  const zstd = canUnpackZstd(facts) ? [] : missing.filter(({ mediaType }) => layerCompression(mediaType) === 'zstd');
  const lenders = [...new Set(layers.map(({ lender }) => lender).filter((lender) => lender !== undefined))];
  const bytes = missing.reduce((sum, { size }) => sum + size, 0);
  return { image, action: 'load', imageID, missing, bytes, zstd, lenders, tag };
}

/** The ID an engine gives the image: its config's digest; in the containerd store that of what `index.json` names. */
export function expectedID(facts: EngineFacts, image: EngineImage): Digest {
  return facts.store === 'containerd' ? containerdTarget(facts, image).digest : image.platform.config.digest;
}

/** What the containerd store is given to name: the registry's own target, but before 25.0 only a single manifest. */
export function containerdTarget(facts: EngineFacts, image: EngineImage): Descriptor {
  return hasAPI(facts, PARTIAL_SINCE) ? image.target : image.platform.manifest;
}

/** Whether an image of the engine is exactly this one, whole. */
export function isPresent(facts: EngineFacts, found: InventoryImage, image: EngineImage): boolean {
  const { manifest, diffIDs } = image.platform;
  if (found.id !== expectedID(facts, image) || !isSameList(found.diffIDs, diffIDs)) return false;
  return facts.store !== 'containerd' || isWhole(found, { target: found.id, manifest: manifest.digest });
}

/** What decides where an image's layers must be sent from. */
export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}

function canUnpackZstd(facts: EngineFacts): boolean {
  return facts.store !== 'classic' || hasAPI(facts, ZSTD_SINCE);
}

interface NeededLayer {
  readonly descriptor: Descriptor;
  readonly lender: Digest | undefined;
}

function lacking(facts: EngineFacts, inventory: Inventory, image: EngineImage): NeededLayer[] {
  const chains = chainIDs(image.platform.diffIDs);
  return image.platform.layers.map((descriptor, i) => ({ descriptor, lender: lenderOf(descriptor, chains[i]) }));

  function lenderOf(descriptor: Descriptor, chain: Digest | undefined): Digest | undefined {
    if (facts.store === 'podman') return undefined; // takes complete tars only
    if (facts.store === 'classic') return chain && inventory.chainIDs.get(chain);
    return hasAPI(facts, PARTIAL_SINCE) ? inventory.blobs.get(descriptor.digest) : undefined;
  }
}

function unique(layers: readonly Descriptor[]): Descriptor[] {
  return [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
}

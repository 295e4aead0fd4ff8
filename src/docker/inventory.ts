/**
 * What the engine holds already: its images, and of which layers that lets us leave out the bytes. The classic store
 * is asked by chainID (reference §1.2 step 4); the containerd store wants the very blob, which no API lists, so there
 * only blobs of images that the caller knows the manifests of count (§1.3 "Missing layer blobs").
 */
import type { Digest } from '../oci/index.ts';
import { chainIDs, isDigest } from '../oci/index.ts';
import { type Connection, type EngineFacts, hasAPI, MANIFESTS_SINCE } from './facts.ts';
import type { EngineImage } from './image.ts';
import { fullName, parseImageID } from './name.ts';
import { asList, asObject, asText } from './wire.ts';

/** An image of the engine. */
export interface InventoryImage {
  readonly id: Digest;
  /** Full names with tags; empty when the image is dangling. */
  readonly tags: readonly string[];
  /** As the engine reports them. */
  readonly diffIDs: readonly Digest[];
  /** Manifests that are whole in the containerd store; `undefined` where the engine does not tell. */
  readonly wholeManifests?: ReadonlySet<string>;
}

/** What is there, as of one moment. */
export interface Inventory {
  readonly images: readonly InventoryImage[];
  /** Each layer that an image holds, by chainID, and one image that lends it. */
  readonly chainIDs: ReadonlyMap<Digest, Digest>;
  /** Each compressed blob that the containerd store surely has, and the image that holds it. */
  readonly blobs: ReadonlyMap<Digest, Digest>;
}

/** What the caller knows of an image that the engine may have: from a bundle, or from an installed release. */
export interface KnownImage {
  readonly target: Digest;
  readonly manifest: Digest;
  readonly layers: readonly Digest[];
}

const PARALLEL = 8;

/** On the image of nothing that a name is moved to before it is taken away. */
export const NOTHING_LABEL = 'ferry.nothing';

/** Asks for all images, dangling and intermediate ones too. An image that goes while we ask is left out. */
export async function readInventory(connection: Connection, known: readonly KnownImage[]): Promise<Inventory> {
  const { api, facts } = connection;
  const list = asList(await api.ask({ method: 'GET', path: '/images/json', query: { all: '1' } }));
  const ids = [...new Set(list.map((item) => parseImageID(asObject(item)['Id'])).filter((id) => id !== undefined))];
  const images: InventoryImage[] = [];
  const next = ids.values();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const id of next) images.push(...(await findImages(connection, id)));
    }),
  );
  // in the engine's order, so that the same engine gives the same plan
  images.sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id));
  return toInventory(facts, images, known);
}

/** The inventory as it will be once an image is loaded as `id`: its layers lend from then on. Pure. */
export function withImage(inventory: Inventory, image: EngineImage, id: Digest): Inventory {
  const { diffIDs, manifest, layers } = image.platform;
  const others = inventory.images.filter((other) => other.id !== id);
  const tags = inventory.images.find((other) => other.id === id)?.tags ?? [];
  const wholeManifests = new Set<string>([manifest.digest]);
  return {
    images: [...others, { id, tags: [...tags, fullName(image.name)], diffIDs, wholeManifests }],
    chainIDs: new Map([...chainIDs(diffIDs).map((chain) => [chain, id] as const), ...inventory.chainIDs]),
    blobs: new Map([...layers.map(({ digest }) => [digest, id] as const), ...inventory.blobs]),
  };
}

/** An engine's image as it tells of it; `undefined` when it has none of that name or ID. */
export async function findImage({ api, facts }: Connection, name: string): Promise<EngineReport | undefined> {
  const query = hasAPI(facts, MANIFESTS_SINCE) && facts.store === 'containerd' ? { manifests: '1' } : {};
  const found = await api.find({ method: 'GET', path: `/images/${name}/json`, query });
  return found === undefined ? undefined : parseReport(asObject(found));
}

/** An inspected image. */
export interface EngineReport extends Omit<InventoryImage, 'id'> {
  readonly id: Digest | undefined;
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
  /** Paths that the config declares as volumes. */
  readonly volumes: readonly string[];
  /** It stands in for no image at all: see `untag`. */
  readonly isNothing: boolean;
}

function parseReport(fields: Readonly<Record<string, unknown>>): EngineReport {
  const layers = asList(asObject(fields['RootFS'])['Layers']).map(asText);
  const manifests = fields['Manifests'];
  const config = asObject(fields['Config']);
  return {
    id: parseImageID(fields['Id']),
    tags: asList(fields['RepoTags']).map(asText).filter(isTag).map(fullName),
    diffIDs: layers.filter((layer) => isDigest(layer)),
    os: asText(fields['Os']),
    architecture: asText(fields['Architecture']),
    variant: asText(fields['Variant']),
    volumes: Object.keys(asObject(config['Volumes'])),
    isNothing: asObject(config['Labels'])[NOTHING_LABEL] !== undefined,
    ...(Array.isArray(manifests) ? { wholeManifests: wholeOf(manifests) } : {}),
  };
}

/** Old engines write `<none>:<none>` for no tag. */
function isTag(text: string): boolean {
  return text !== '' && !text.includes('<none>');
}

function wholeOf(manifests: readonly unknown[]): Set<string> {
  const whole = manifests.map(asObject).filter((manifest) => manifest['Available'] === true);
  return new Set(whole.map((manifest) => asText(manifest['ID'])));
}

async function findImages(connection: Connection, id: Digest): Promise<InventoryImage[]> {
  const report = await findImage(connection, id);
  return report?.id === undefined ? [] : [{ ...report, id: report.id }];
}

function toInventory(facts: EngineFacts, images: readonly InventoryImage[], known: readonly KnownImage[]): Inventory {
  const chains = new Map<Digest, Digest>();
  for (const { id, diffIDs } of images)
    for (const chain of chainIDs(diffIDs)) if (!chains.has(chain)) chains.set(chain, id);
  const blobs = new Map<Digest, Digest>();
  for (const one of facts.store === 'containerd' ? known : []) {
    const holder = images.find((image) => isWhole(image, one));
    if (holder !== undefined) for (const layer of one.layers) blobs.set(layer, holder.id);
  }
  return { images, chainIDs: chains, blobs };
}

/** Whether the containerd store has every blob of an image. Engines before 28.0 list an image only when it has. */
export function isWhole(
  { id, wholeManifests }: InventoryImage,
  known: Pick<KnownImage, 'target' | 'manifest'>,
): boolean {
  if (id !== known.target && id !== known.manifest) return false;
  return wholeManifests === undefined || wholeManifests.has(known.manifest);
}

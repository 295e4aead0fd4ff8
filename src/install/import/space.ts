/**
 * What an import needs on which disk, and whether there is so much: said before anything is changed. A classic store
 * spools one image's tar and keeps what is unpacked; a containerd store keeps both forms. How large a layer is when it is
 * unpacked is estimated as FORMAT §3 says. docker-and-registries.md §1.4.
 */

import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Bundle } from '../../bundle/index.ts';
import { isErrno, mediumOf } from '../../content/index.ts';
import { type EngineFacts, type ImagePlan, spaceNeeded, spoolNeeded } from '../../docker/index.ts';
import { type Descriptor, type Digest, layerCompression } from '../../oci/index.ts';
import { InstallError } from '../error.ts';
import { glance } from '../look/medium.ts';

/** So many bytes in a folder, which need not be there yet. */
export interface SpaceNeed {
  readonly path: string;
  readonly bytes: number;
  /** What for, in the error. */
  readonly what: string;
}

const GROWTH = 3;
const ZSTD_MAGIC = 0xfd2fb528;

/** Bytes of a layer when it is unpacked, as far as can be known without reading it. */
export async function unpackedSize(bundle: Bundle, layer: Descriptor): Promise<number> {
  const compression = layerCompression(layer.mediaType);
  if (compression === 'none' || bundle.find(layer.digest) === undefined) return layer.size;
  const offset = compression === 'gzip' ? Math.max(0, layer.size - 4) : 0;
  const bytes = await glance(bundle, layer.digest, { offset, length: Math.min(18, layer.size - offset) });
  const said = compression === 'gzip' ? gzipSize(bytes) : zstdSize(bytes);
  return Math.max(GROWTH * layer.size, said);
}

/** RFC 1952 §2.3.1, ISIZE: modulo 2^32, so it can only raise the estimate. */
function gzipSize(trailer: Buffer): number {
  return trailer.length === 4 ? trailer.readUInt32LE(0) : 0;
}

/** RFC 8878 §3.1.1.1: the frame's content size, where its header has one. */
function zstdSize(head: Buffer): number {
  if (head.length < 6 || head.readUInt32LE(0) !== ZSTD_MAGIC) return 0;
  const descriptor = head.readUInt8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const length = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const at = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  if (length === 0 || head.length < at + length) return 0;
  if (length === 8) return Number(head.readBigUInt64LE(at));
  return head.readUIntLE(at, length) + (length === 2 ? 256 : 0);
}

/**
 * What the engine needs for these plans, in the folder where it keeps images, and what we spool for it in `spoolDir`. Of
 * an engine on another host only a line can be said.
 */
export async function engineNeeds(
  plans: readonly ImagePlan[],
  { bundle, facts, spoolDir }: { readonly bundle: Bundle; readonly facts: EngineFacts; readonly spoolDir: string },
): Promise<{ readonly needs: readonly SpaceNeed[]; readonly warnings: readonly string[] }> {
  const sizes = new Map<Digest, number>();
  for (const layer of plans.flatMap(({ missing }) => missing)) {
    if (!sizes.has(layer.digest)) sizes.set(layer.digest, await unpackedSize(bundle, layer));
  }
  const unpacked = ({ digest, size }: Descriptor) => sizes.get(digest) ?? size;
  const bytes = spaceNeeded(facts, plans, unpacked);
  const spool = { path: spoolDir, bytes: spoolNeeded(plans, unpacked), what: 'unpacked layers' };
  const images = { path: facts.dataRoot ?? '', bytes, what: 'images' };
  const isSeen = facts.local && facts.dataRoot !== undefined;
  return {
    needs: [spool, ...(isSeen ? [images] : [])].filter((need) => need.bytes > 0),
    warnings: isSeen || bytes === 0 ? [] : [unseen(facts, bytes)],
  };
}

function unseen({ socket, dataRoot }: EngineFacts, bytes: number): string {
  const where = dataRoot === undefined ? '' : ` in ${dataRoot}`;
  return `cannot look at the free space of the engine at ${socket}: the images want ${bytes} bytes${where}`;
}

/** A disk that something is needed on. */
export interface SpacePlace {
  /** The first of the folders that are on it. */
  readonly path: string;
  /** Bytes for all of them. */
  readonly needed: number;
  /** Bytes that are free there. */
  readonly free: number;
  /** What for. */
  readonly what: string;
}

/**
 * Looks at what is needed and what is free, disk by disk: two folders on one disk share it.
 * @returns also lines for what could not be looked at.
 */
export async function lookAtSpace(
  needs: readonly SpaceNeed[],
  ask: typeof mediumOf = mediumOf,
): Promise<{ readonly places: readonly SpacePlace[]; readonly warnings: readonly string[] }> {
  const disks = new Map<number, { readonly folder: string; readonly needs: SpaceNeed[] }>();
  const warnings: string[] = [];
  for (const need of needs) {
    const place = await findPlace(need.path);
    if (place === undefined) warnings.push(`cannot look at the free space in ${need.path}`);
    else disks.set(place.disk, { folder: place.folder, needs: [...(disks.get(place.disk)?.needs ?? []), need] });
  }
  const places: SpacePlace[] = [];
  for (const { folder, needs: here } of disks.values()) {
    const { free } = await ask(folder);
    const what = [...new Set(here.map((need) => need.what))].join(' and ');
    places.push({ path: here[0]?.path ?? folder, needed: sum(here.map(({ bytes }) => bytes)), free, what });
  }
  return { places, warnings };
}

/** What to say of every disk that has not enough: `SPACE_SHORT` with both numbers. */
export function spaceFindings(places: readonly SpacePlace[]): readonly InstallError[] {
  return places.filter(({ needed, free }) => needed > free).map(spaceShort);
}

/** The folder, or the nearest one above that is there; `undefined` when this user cannot look. */
async function findPlace(path: string): Promise<{ readonly disk: number; readonly folder: string } | undefined> {
  try {
    return { disk: (await stat(path)).dev, folder: path };
  } catch (error) {
    if (isErrno(error, 'ENOENT') && dirname(path) !== path) return findPlace(dirname(path));
    if (isErrno(error, 'EACCES', 'ENOENT')) return undefined;
    throw error;
  }
}

function spaceShort({ path, needed, free, what }: SpacePlace): InstallError {
  return new InstallError(`check space: ${path}: expected ${needed} bytes free for ${what}, got ${free}`, {
    code: 'SPACE_SHORT',
    facts: { path, bytes: needed, free },
  });
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** How much room a set of plans wants where the engine keeps its data (reference §1.4). Pure; free space is the caller's to ask. */

import type { Descriptor } from '../oci/index.ts';
import type { EngineFacts } from './facts.ts';
import type { ImagePlan } from './plan.ts';

/**
 * Bytes that loading the plans, one after the other, takes at its peak. `unpackedSize` tells a layer's size as a plain tar.
 * The classic store (and podman) spools one image's tar beside the unpacked layers; the containerd store keeps the blobs.
 */
export function spaceNeeded(
  facts: Pick<EngineFacts, 'store'>,
  plans: readonly ImagePlan[],
  unpackedSize: (layer: Descriptor) => number,
): number {
  const layers = new Map(plans.flatMap(({ missing }) => missing.map((layer) => [layer.digest, layer] as const)));
  const unpacked = sum([...layers.values()].map(unpackedSize));
  if (facts.store === 'containerd') return unpacked + sum([...layers.values()].map(({ size }) => size));
  const spools = plans.map(({ missing, zstd }) =>
    sum(missing.map((layer) => (zstd.includes(layer) ? unpackedSize(layer) : layer.size))),
  );
  return unpacked + Math.max(0, ...spools);
}

/** Bytes that making the plans' zstd layers plain takes in the spool folder: one image's at a time. */
export function spoolNeeded(plans: readonly ImagePlan[], unpackedSize: (layer: Descriptor) => number): number {
  return Math.max(0, ...plans.map(({ zstd }) => sum(zstd.map(unpackedSize))));
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

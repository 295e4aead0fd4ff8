/** Which manifest of an index serves a platform (FORMAT §1: the first match in the image's index). */
import type { Descriptor } from './descriptor.ts';
import type { Platform } from './platform.ts';
import { platformDistance } from './platform.ts';

/** The manifest of an index for a platform: the first exact one, else the nearest older variant; `undefined` when none. */
export function choosePlatform(manifests: readonly Descriptor[], wanted: Platform): Descriptor | undefined {
  let best: { descriptor: Descriptor; distance: number } | undefined;
  for (const descriptor of manifests) {
    const found = descriptor.platform && platformDistance(wanted, descriptor.platform);
    if (found !== undefined && (best === undefined || found < best.distance)) best = { descriptor, distance: found };
  }
  return best?.descriptor;
}

/**
 * Whether the images of the installed release and of the one to go back to are held against a prune. A pin is a
 * container, and `container prune` or `system prune` takes it. DESIGN "The engine".
 */

import type { Pin } from '../docker/index.ts';
import { releaseLabel } from './pins.ts';
import type { ExpectedImage } from './status-images.ts';

/** A release whose images are to be pinned. */
export interface PinnedRelease {
  readonly sequence: number;
  /** `2.1.0`, in words for sequence 0. */
  readonly shown: string;
  readonly images: readonly ExpectedImage[];
}

/** Which images of a release have no pin. */
export interface StatusPins {
  readonly sequence: number;
  readonly ok: boolean;
  /** Names of the images. */
  readonly missing: readonly string[];
}

/** Compares the pins that are there with those that should be. */
export function lookAtPins(
  releases: readonly PinnedRelease[],
  { pins, site }: { readonly pins: readonly Pin[]; readonly site: string },
): readonly StatusPins[] {
  return releases.map(({ sequence, images }) => {
    const label = releaseLabel(site, sequence);
    const held = new Set<string | undefined>(pins.filter((pin) => pin.label === label).map(({ imageID }) => imageID));
    const missing = images.filter(({ imageID }) => !held.has(imageID)).map(({ name }) => name);
    return { sequence, ok: missing.length === 0, missing };
  });
}

/** The lines for a person. */
export function pinLines(looked: readonly StatusPins[], releases: readonly PinnedRelease[]): readonly string[] {
  return looked.flatMap(({ sequence, missing }) => {
    const shown = releases.find((release) => release.sequence === sequence)?.shown;
    return missing.length === 0
      ? []
      : [`a prune could remove images of ${shown}, for their pins are gone: ${missing.join(', ')}: run ferry recover`];
  });
}

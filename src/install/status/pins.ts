/**
 * Whether the images of the installed release and of the one to go back to are held against a prune. A pin is a
 * container, and `container prune` or `system prune` takes it; what it held may be gone by now. DESIGN "The engine".
 */

import type { Engine } from '../../docker/index.ts';
import { releaseLabel } from '../kept/pins.ts';
import type { ExpectedImage } from './images.ts';

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
  /** Names of images that are there without a pin. */
  readonly missing: readonly string[];
  /** Names of images that are not there at all. */
  readonly gone: readonly string[];
}

/** Compares the pins that are there with those that should be. @param options.site the site's ID */
export async function lookAtPins(
  releases: readonly PinnedRelease[],
  { engine, site }: { readonly engine: Pick<Engine, 'findPins' | 'inventory'>; readonly site: string },
): Promise<readonly StatusPins[]> {
  const pins = await engine.findPins();
  const without = releases.map(({ sequence, images }) => {
    const label = releaseLabel(site, sequence);
    const held = new Set<string | undefined>(pins.filter((pin) => pin.label === label).map(({ imageID }) => imageID));
    return { sequence, images: images.filter(({ imageID }) => !held.has(imageID)) };
  });
  const isAllPinned = without.every(({ images }) => images.length === 0);
  const there = new Set<string>(isAllPinned ? [] : (await engine.inventory()).images.map(({ id }) => id));
  const namesOf = (images: readonly ExpectedImage[], isThere: boolean) =>
    images.filter(({ imageID }) => there.has(imageID) === isThere).map(({ name }) => name);
  return without.map(({ sequence, images }) => ({
    sequence,
    ok: images.length === 0,
    missing: namesOf(images, true),
    gone: namesOf(images, false),
  }));
}

export interface PinLinesOptions {
  readonly releases: readonly PinnedRelease[];
  /** The sequence that is installed: that its images are gone is told elsewhere. */
  readonly current: number;
}

/** The lines for a person. What was here before ferry is the operator's own to remove. */
export function pinLines(looked: readonly StatusPins[], { releases, current }: PinLinesOptions): readonly string[] {
  return looked.flatMap(({ sequence, missing, gone }) => {
    const shown = releases.find((release) => release.sequence === sequence)?.shown;
    if (gone.length > 0 && sequence !== current) {
      return sequence === 0
        ? []
        : [`the way back to ${shown} is lost: ${gone.join(', ')} is not in the engine any more`];
    }
    return missing.length === 0
      ? []
      : [`a prune could remove images of ${shown}, for their pins are gone: ${missing.join(', ')}: run ferry recover`];
  });
}

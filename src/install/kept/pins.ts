/**
 * What this site's pins are labelled with, and putting and taking several. Those of an import hold what it leans on
 * while it runs; those of a release hold its images for as long as the release is kept. DESIGN "The engine".
 */

import { DockerError, type Engine, type Pin } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';

/** A pin to be put. */
export interface WantedPin {
  readonly imageID: Digest;
  readonly label: string;
}

/** On what a running transaction leans on; gone when it is over. */
export function importLabel(site: string): string {
  return `import ${site}`;
}

/** On each image of a release that is kept, the current one too. */
export function releaseLabel(site: string, sequence: number): string {
  return `release ${site} ${sequence}`;
}

/** Handles of the pins that have one of the labels. */
export function handlesOf(pins: readonly Pin[], labels: ReadonlySet<string>): readonly string[] {
  return pins.filter(({ label }) => labels.has(label)).map(({ handle }) => handle);
}

/** Pins images. One that is gone is passed over: whoever leans on it finds out, and knows what that means. */
export async function putPins(engine: Engine, wanted: readonly WantedPin[]): Promise<void> {
  const put = wanted.map(({ imageID, label }) => engine.pin(imageID, label).catch(unlessGone));
  // all are waited for: what comes after a failure must not run beside the rest
  const failed = (await Promise.allSettled(put)).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Those that are not there yet. */
export function missingPins(wanted: readonly WantedPin[], there: readonly Pin[]): readonly WantedPin[] {
  return wanted.filter(({ imageID, label }) => !there.some((pin) => pin.imageID === imageID && pin.label === label));
}

export interface DropPinsOptions {
  readonly labels: readonly string[];
  /** Handles of those that stay. */
  readonly keep?: readonly string[];
  /** Of these images only. @default all */
  readonly imageIDs?: readonly Digest[];
}

/** Takes pins away; no error when there are none. */
export async function dropPins(engine: Engine, { labels, keep = [], imageIDs }: DropPinsOptions): Promise<void> {
  const pins = (await engine.findPins()).filter(
    ({ label, handle, imageID }) =>
      labels.includes(label) &&
      !keep.includes(handle) &&
      (imageIDs === undefined || (imageID !== undefined && imageIDs.includes(imageID))),
  );
  await Promise.all(pins.map(({ handle }) => engine.unpin(handle)));
}

function unlessGone(error: unknown): void {
  if (!(error instanceof DockerError) || error.facts['status'] !== 404) throw error;
}

/**
 * Holds images, as a step: what lends layers to those that will be loaded and what has the names that will move, for as
 * long as the transaction runs; what a release already has here, for as long as it is kept. Undone, the pins are those
 * that were there before.
 */

import type { Engine } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';
import { dropPins, handlesOf, importLabel, missingPins, putPins, releaseLabel, type WantedPin } from '../kept/pins.ts';
import { patiently } from './patient.ts';
import type { Step, StepKind } from './step.ts';

export interface HoldData {
  readonly site: string;
  /** To be put: none of them was there. */
  readonly pins: readonly WantedPin[];
  /** Handles of the pins that were there under the labels of `pins`: not ours to take. */
  readonly before: readonly string[];
}

export interface HoldOptions {
  readonly engine: Engine;
  readonly site: string;
  readonly sequence: number;
  /** Images that lend layers to those that will be loaded. */
  readonly lenders: readonly Digest[];
  /** Images that have the names that will move. */
  readonly holders: readonly Digest[];
  /** Images of the release that are there already. */
  readonly present: readonly Digest[];
}

/** The step for one release; looks at the pins that are there. `undefined` where all is held already. */
export async function hold(options: HoldOptions): Promise<Step<HoldData> | undefined> {
  const { engine, site, sequence, lenders, holders, present } = options;
  const wanted = [
    ...pinsFor([...lenders, ...holders], importLabel(site)),
    ...pinsFor(present, releaseLabel(site, sequence)),
  ];
  const there = wanted.length === 0 ? [] : await engine.findPins();
  const pins = missingPins(wanted, there);
  if (pins.length === 0) return undefined;
  const before = handlesOf(there, new Set(pins.map(({ label }) => label)));
  return { kind: 'hold', name: `hold images of release ${sequence}`, data: { site, pins, before } };
}

export const holdStep: StepKind<HoldData> = {
  isResumable: false,
  apply: ({ pins }, site) =>
    patiently(
      site,
      // some may have been put before the engine went away
      async (engine, isAgain) => putPins(engine, isAgain ? missingPins(pins, await engine.findPins()) : pins),
      site,
    ),
  undo: ({ pins, before }, site) =>
    patiently(site, (engine) => dropPins(engine, { labels: pins.map(({ label }) => label), keep: before })),
  // and, for the site is locked, those of an import that left some behind
  settle: ({ site: name }, site) => patiently(site, (engine) => dropPins(engine, { labels: [importLabel(name)] })),
};

function pinsFor(imageIDs: readonly Digest[], label: string): WantedPin[] {
  return [...new Set(imageIDs)].map((imageID) => ({ imageID, label }));
}

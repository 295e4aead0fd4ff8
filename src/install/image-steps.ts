/**
 * Images as steps: hold what lends layers, load what is missing one by one and untagged, move all tags together. Undone,
 * every tag is where it was, what was loaded is gone, and what was there before was never touched. DESIGN decisions 3-6.
 */

import type { Bundle } from '../bundle/index.ts';
import type { Progress } from '../content/index.ts';
import type { Engine, ImagePlan } from '../docker/index.ts';
import type { Digest } from '../oci/index.ts';
import { InstallError } from './error.ts';
import type { EnginePlan } from './image-plan.ts';
import { asDamage, readable } from './medium.ts';
import type { Step } from './step.ts';

export interface ImageStepsOptions {
  readonly engine: Engine;
  readonly bundle: Bundle;
  /** What this site's imports label their pins with. */
  readonly pinLabel: string;
  readonly spoolDir: string;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
  /** Told of bytes read from the medium. */
  readonly onBytes: (bytes: number) => void;
}

/** The steps for a plan; none where everything is in its place. */
export function imageSteps(
  plan: EnginePlan,
  options: ImageStepsOptions,
): { readonly load: Step[]; readonly tag: Step[] } {
  const loads = plan.plans.filter(({ action }) => action === 'load');
  const moves = plan.plans.filter(({ tag }) => tag);
  const pinned = heldImages(plan, loads, moves);
  return {
    load: [
      ...(moves.length > 0 ? [pinStep(pinned, options)] : []),
      ...loads.map((load, i) => loadStep(load, i === loads.length - 1, options)),
    ],
    tag: moves.length > 0 ? [tagStep(moves, plan.holders, options.engine)] : [],
  };
}

/** Images that were there before and that this import leans on, or takes a name from. */
function heldImages(plan: EnginePlan, loads: readonly ImagePlan[], moves: readonly ImagePlan[]): readonly Digest[] {
  const loaded = new Set(loads.map(({ imageID }) => imageID));
  const held = [
    ...loads.flatMap(({ lenders }) => lenders),
    ...moves.filter(({ action }) => action === 'present').map(({ imageID }) => imageID),
    ...[...plan.holders.values()].filter((holder) => holder !== undefined),
  ];
  return [...new Set(held)].filter((imageID) => !loaded.has(imageID));
}

function pinStep(images: readonly Digest[], { engine, pinLabel }: ImageStepsOptions): Step {
  const pins: string[] = [];
  return {
    name: 'hold images that are needed meanwhile',
    apply: async () => {
      for (const imageID of images) pins.push(await engine.pin(imageID, pinLabel));
    },
    undo: async () => {
      for (const pin of pins.splice(0)) await engine.unpin(pin);
    },
    // those of the loads too; and, for the site is locked, those of an import that was killed, or whose engine was
    settle: async () => {
      await Promise.all((await engine.findPins(pinLabel)).map(({ handle }) => engine.unpin(handle)));
    },
  };
}

function loadStep(plan: ImagePlan, isLast: boolean, options: ImageStepsOptions): Step {
  const { engine, bundle, pinLabel, spoolDir, signal, onBytes, progress } = options;
  let isOurs = false;
  let pin: string | undefined;
  return {
    name: `load ${plan.image.name}`,
    apply: async () => {
      isOurs = true; // it was not there when we planned: whatever a failure leaves of it is ours
      try {
        const { action } = await engine.loadImage(plan, {
          open: ({ digest }) => readable(bundle, digest),
          onBytes: (bytes) => {
            onBytes(bytes);
            progress.advance(bytes);
          },
          spoolDir,
          ...(signal !== undefined && { signal }),
        });
        isOurs = action === 'loaded';
        // it has no name yet: a prune at night would take it; the last one gets its name at once
        if (!isLast) pin = await engine.pin(plan.imageID, pinLabel);
      } catch (error) {
        throw asDamage(error, bundle);
      }
    },
    undo: async () => {
      if (pin !== undefined) await engine.unpin(pin);
      if (isOurs) await engine.removeImage(plan.imageID);
      isOurs = false;
    },
  };
}

function tagStep(moves: readonly ImagePlan[], holders: ReadonlyMap<string, Digest | undefined>, engine: Engine): Step {
  const moved: string[] = [];
  return {
    name: 'move tags',
    apply: async () => {
      for (const { image, imageID } of moves) {
        moved.push(image.name);
        await engine.tag(imageID, image.name);
      }
      for (const { image, imageID } of moves) {
        const found = await engine.findTag(image.name);
        if (found !== imageID) throw tagNotMoved(image.name, imageID, found);
      }
    },
    undo: async () => {
      for (const name of moved.splice(0).toReversed()) {
        const before = holders.get(name);
        await (before === undefined ? engine.untag(name) : engine.tag(before, name));
      }
    },
  };
}

function tagNotMoved(name: string, expected: Digest, got: Digest | undefined): InstallError {
  return new InstallError(`tag ${name}: expected ${expected}, got ${got ?? 'no image'}`, {
    code: 'TAG_NOT_MOVED',
    facts: { image: name },
  });
}

/**
 * Loads images, as a step: one after the other, untagged, each held by a pin of its release from the moment that it is
 * in. An engine that is restarted is waited for, and an image whose layers somebody removed meanwhile is loaded in
 * full; each once for an image. Undone, what was not there before is gone. DESIGN decisions 3 to 6.
 */

import { DockerError, type Engine, type ImagePlan, isEngineLost, isGone } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';
import { dropPins, handlesOf, releaseLabel } from '../kept/pins.ts';
import { asDamage, readable } from '../look/medium.ts';
import { patiently, untilBack } from './patient.ts';
import { bundleFor, engineFor, mediumFor, type Site, type Step, type StepKind } from './step.ts';

export interface LoadData {
  readonly site: string;
  readonly sequence: number;
  readonly images: readonly LoadedImage[];
  /** Handles of the release's pins that were there before. */
  readonly before: readonly string[];
}

/** An image of the release. */
export interface LoadedImage {
  readonly imageID: Digest;
  readonly name: string;
  /** Whether the engine had none of that ID when this was planned: then what there is of it is ours. */
  readonly isNew: boolean;
}

export interface LoadStepOptions {
  readonly engine: Engine;
  readonly site: string;
  readonly sequence: number;
  /** Of all images of the release, in its order: one that is present is looked at again. */
  readonly plans: readonly ImagePlan[];
}

/** The step; looks at what is there. `undefined` for a release without images. */
export async function load({ engine, site, sequence, plans }: LoadStepOptions): Promise<Step<LoadData> | undefined> {
  if (plans.length === 0) return undefined;
  const label = releaseLabel(site, sequence);
  const before = handlesOf(await engine.findPins(label), new Set([label]));
  // an image may have several names
  const once = plans.filter((plan, at) => plans.findIndex(({ imageID }) => imageID === plan.imageID) === at);
  const images = await Promise.all(
    once.map(async ({ imageID, image, action }) => {
      return { imageID, name: image.name, isNew: action === 'load' && !(await engine.hasImage(imageID)) };
    }),
  );
  return { kind: 'load', name: 'load images', data: { site, sequence, images, before } };
}

export const loadStep: StepKind<LoadData> = {
  isResumable: false,
  apply: async ({ site: name, sequence, images }, site) => {
    const { plans } = mediumFor(site);
    for (const { imageID } of images) {
      const plan = plans.get(imageID);
      if (plan === undefined) throw new TypeError(`expected a plan for ${imageID}`);
      await loadOne(site, plan, releaseLabel(name, sequence));
    }
  },
  undo: (data, site) => patiently(site, (engine) => unload(engine, data, site)),
};

/** How often an image that is pruned between its load and its pin is sent again. */
const MAX_PRUNED = 3;

/** Every other kind of second attempt is made once. */
async function loadOne(site: Site, planned: ImagePlan, pinLabel: string): Promise<void> {
  const engine = engineFor(site);
  const shown = onceShown(site);
  let plan = planned;
  let mayWait = true;
  let pruned = 0;
  for (let isAgain = false; ; isAgain = true) {
    try {
      await send(site, plan, { pinLabel, onBytes: shown(), isAgain });
      return;
    } catch (error) {
      if (site.signal?.aborted) throw error;
      if (isEngineLost(error) && mayWait) {
        mayWait = false;
        await untilBack(site, site.signal);
      } else if (isRefused(error) && isPartial(plan)) {
        site.warn(`${plan.image.name}: what the engine had of it was removed meanwhile: loaded in full`);
        plan = engine.planImage(NOTHING, plan.image);
      } else if (isGone(error) && pruned < MAX_PRUNED) {
        pruned += 1;
      } else {
        throw asDamage(error, bundleFor(site));
      }
    }
  }
}

/** As planned for an engine that holds nothing: with every layer, so it is no partial plan again. */
const NOTHING = { images: [], chainIDs: new Map(), blobs: new Map() };

/** Whether a plan leans on what the engine has. */
function isPartial({ action, lenders }: ImagePlan): boolean {
  return action === 'present' || lenders.length > 0;
}

/** The engine has the tar and did not make of it what it should; a full disk or a hang is something else. */
function isRefused(error: unknown): boolean {
  return (
    error instanceof DockerError &&
    (error.code === 'LOAD_FAILED' || error.code === 'IMAGE_MISMATCH') &&
    !isEngineLost(error)
  );
}

interface SendOptions {
  readonly pinLabel: string;
  readonly onBytes: (bytes: number) => void;
  /** Whether an attempt before may have left its pin. */
  readonly isAgain: boolean;
}

async function send(site: Site, plan: ImagePlan, { pinLabel, onBytes, isAgain }: SendOptions): Promise<void> {
  const { spoolDir } = mediumFor(site);
  const bundle = bundleFor(site);
  const engine = engineFor(site);
  const isHeld = isAgain && (await engine.findPins(pinLabel)).some(({ imageID }) => imageID === plan.imageID);
  await engine.loadImage(plan, {
    open: ({ digest }) => readable(bundle, digest),
    spoolDir,
    onBytes,
    ...(!isHeld && { pinLabel }),
    ...(site.signal !== undefined && { signal: site.signal }),
  });
}

/** All bytes are counted, but shown only as far as no attempt before came. */
function onceShown({ medium, progress }: Site): () => (bytes: number) => void {
  let shown = 0;
  return () => {
    let seen = 0;
    return (bytes) => {
      medium?.onBytes(bytes);
      seen += bytes;
      if (seen > shown) progress.advance(seen - shown);
      shown = Math.max(shown, seen);
    };
  };
}

/**
 * A process that was killed may have left its load to an engine that goes on with it, and the image shows up after we
 * have looked: so whether that is over is asked first. Where the engine's folder can be seen, that costs nothing; where
 * not, a moment, and only a recovery needs it, since whoever is alive has waited for the end of his own load.
 */
async function unload(engine: Engine, { site: name, sequence, images, before }: LoadData, site: Site): Promise<void> {
  const ours = images.filter(({ isNew }) => isNew).map(({ imageID }) => imageID);
  if (ours.length > 0) await engine.untilLoadsEnd(ours, site.medium === undefined ? {} : { lateMs: 0 });
  const labels = [releaseLabel(name, sequence)];
  await dropPins(engine, { labels, keep: before, imageIDs: images.map(({ imageID }) => imageID) });
  for (const imageID of ours) await engine.removeImage(imageID);
}

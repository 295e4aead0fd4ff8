/**
 * Where steps of images are made, without the rest of a site: an engine, and where it is an import, a true bundle on a
 * medium. What the steps say is kept. Data goes through JSON, as through the journal.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { type Bundle, openBundle } from '../../../src/bundle/index.ts';
import type { Engine, EngineImage, ImagePlan, KnownImage } from '../../../src/docker/index.ts';
import { planImages } from '../../../src/install/import/image-plan.ts';
import { type HoldData, hold, holdStep } from '../../../src/install/steps/hold.ts';
import { type LoadData, load, loadStep } from '../../../src/install/steps/load.ts';
import type { Site, Step, StepKind } from '../../../src/install/steps/step.ts';
import { moveTags, type TagsData, tagsStep } from '../../../src/install/steps/tags.ts';

/** What the tests' pins are labelled with. */
export const SITE = '0123456789abcdef';
export const SEQUENCE = 7;

export interface ImageSite {
  readonly site: Site;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
  /** Bytes that were read, and that the bar was moved. */
  readonly bytes: { read: number; shown: number };
}

export interface ImageSiteOptions {
  readonly engine: Engine;
  /** Only in an import. */
  readonly medium?: { readonly bundle: Bundle; readonly plans: readonly ImagePlan[]; readonly spoolDir: string };
  readonly signal?: AbortSignal;
  /** Told of each chunk. */
  readonly onBytes?: (read: number) => void;
}

export function imageSite({ engine, medium, signal, onBytes = () => {} }: ImageSiteOptions): ImageSite {
  const [warnings, notes]: [string[], string[]] = [[], []];
  const bytes = { read: 0, shown: 0 };
  const site = {
    id: '0123456789ab',
    engine,
    signal,
    warn: (line: string) => warnings.push(line),
    progress: {
      phase: () => {},
      note: (line: string) => notes.push(line),
      advance: (size: number) => {
        bytes.shown += size;
      },
    },
    medium: medium && {
      ...medium,
      plans: new Map(medium.plans.toReversed().map((plan) => [plan.imageID, plan])),
      onBytes: (size: number) => {
        bytes.read += size;
        onBytes(bytes.read);
      },
    },
  };
  // the steps of images look at nothing else
  return { site: site as unknown as Site, warnings, notes, bytes };
}

/** The steps of a set of images, planned for an engine as it is now. */
export interface PlannedImages {
  readonly plans: readonly ImagePlan[];
  readonly hold: Step<HoldData> | undefined;
  readonly load: Step<LoadData> | undefined;
  readonly tags: Step<TagsData> | undefined;
}

/** @param known images whose layers a containerd store may lend */
export async function planSteps(
  engine: Engine,
  images: readonly EngineImage[],
  known: readonly KnownImage[] = [],
): Promise<PlannedImages> {
  const { plans, holders } = await planImages(engine, images, known);
  const common = { engine, site: SITE, sequence: SEQUENCE };
  const present = plans.filter(({ action }) => action === 'present').map(({ imageID }) => imageID);
  const loaded = new Set(plans.filter(({ action }) => action === 'load').map(({ imageID }) => imageID));
  const moves = plans
    .filter(({ tag }) => tag)
    .map(({ image: { name }, imageID: to }) => ({ name, to, from: holders.get(name) ?? null }));
  return {
    plans,
    hold: stored(
      await hold({
        ...common,
        present,
        lenders: plans.flatMap(({ lenders }) => lenders).filter((lender) => !loaded.has(lender)),
        holders: [...holders.values()].filter((holder) => holder !== undefined),
      }),
    ),
    load: stored(await load({ ...common, plans })),
    tags: stored(moveTags(moves)),
  };
}

/** As it comes back from the journal. */
export function stored<S extends Step | undefined>(step: S): S {
  return step === undefined ? step : (JSON.parse(JSON.stringify(step)) as S);
}

/** Makes the steps in order. */
export async function applyAll({ hold, load, tags }: PlannedImages, site: Site): Promise<void> {
  if (hold) await holdStep.apply(hold.data, site);
  if (load) await loadStep.apply(load.data, site);
  if (tags) await tagsStep.apply(tags.data, site);
}

/** Undoes all of them, in reverse. */
export async function undoAll({ hold, load, tags }: PlannedImages, site: Site): Promise<void> {
  if (tags) await tagsStep.undo(tags.data, site);
  if (load) await loadStep.undo(load.data, site);
  if (hold) await holdStep.undo(hold.data, site);
}

export async function settleAll({ hold, load, tags }: PlannedImages, site: Site): Promise<void> {
  for (const [kind, step] of [
    [tagsStep, tags],
    [loadStep, load],
    [holdStep, hold],
  ] as const) {
    if (step) await (kind as StepKind<object>).settle?.(step.data, site);
  }
}

/** A process that is killed at its n-th change of the engine, before or after the engine made it. */
export class Killed extends Error {}

const CHANGES = ['pin', 'unpin', 'tag', 'untag', 'loadImage', 'removeImage'] as const;

/** The engine of such a process; `seen()` tells how many changes there were. */
export function killedAt(engine: Engine, at: number, when: 'before' | 'after') {
  let count = 0;
  let isDead = false;
  const change = (real: (...args: never[]) => Promise<unknown>) => {
    return async (...args: never[]) => {
      count += 1;
      const isLast = count === at;
      if (isDead || (isLast && when === 'before')) {
        isDead = true;
        throw new Killed();
      }
      try {
        return await real(...args);
      } finally {
        isDead ||= isLast;
        // whatever the answer was: nobody hears it
        if (isLast) await Promise.reject(new Killed());
      }
    };
  };
  const changed = Object.fromEntries(CHANGES.map((name) => [name, change(engine[name] as never)]));
  return { engine: { ...engine, ...changed } as Engine, seen: () => count };
}

/** A spool folder and an open bundle, for a while. */
export async function withMedium<T>(
  path: string,
  use: (medium: { readonly bundle: Bundle; readonly spoolDir: string }) => Promise<T>,
): Promise<T> {
  const [bundle, spoolDir] = [await openBundle(path), await mkdtemp('/tmp/ferry-test-spool-')];
  try {
    return await use({ bundle, spoolDir });
  } finally {
    await bundle.close();
    await rm(spoolDir, { recursive: true });
  }
}

/**
 * Moves names from image to image, as a step, all together when all images are in and proven. A name that somebody else
 * has moved meanwhile is never moved over his head, neither forward nor back. DESIGN decision 4.
 */

import type { Engine } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';
import { InstallError } from '../error.ts';
import { patiently } from './patient.ts';
import type { Site, Step, StepKind } from './step.ts';

/** A name that moves; `null`: no image. */
export interface TagMove {
  readonly name: string;
  readonly from: Digest | null;
  readonly to: Digest | null;
}

export interface TagsData {
  readonly moves: readonly TagMove[];
}

/** The step; `undefined` where no name moves. */
export function moveTags(moves: readonly TagMove[]): Step<TagsData> | undefined {
  return moves.length === 0 ? undefined : { kind: 'tags', name: 'move tags', data: { moves } };
}

export const tagsStep: StepKind<TagsData> = {
  isResumable: true,
  apply: ({ moves }, site) =>
    patiently(
      site,
      async (engine) => {
        for (const move of moves) await refuseForeign(engine, move);
        for (const { name, to } of moves) await setTag(engine, name, to);
        for (const move of moves) await prove(engine, move, site);
      },
      site,
    ),
  undo: ({ moves }, site) =>
    patiently(site, async (engine) => {
      for (const move of moves.toReversed()) await moveBack(engine, move, site);
    }),
};

/** The engine's word for an image, as ours. */
async function holderOf(engine: Engine, name: string): Promise<Digest | null> {
  return (await engine.findTag(name)) ?? null;
}

/** One that is where it should go is fine: this may not be the first time that we come here. */
async function refuseForeign(engine: Engine, { name, from, to }: TagMove): Promise<void> {
  const holder = await holderOf(engine, name);
  if (holder === from || holder === to) return;
  throw new InstallError(`tag ${name}: expected ${from ?? 'no image'} as when this was planned, got ${shown(holder)}`, {
    code: 'TAG_MOVED_BY_OTHER',
    facts: { image: name, expected: from, got: holder },
  });
}

async function setTag(engine: Engine, name: string, imageID: Digest | null): Promise<void> {
  // also where nothing has it: a run that was killed here may have come half way
  await (imageID === null ? engine.untag(name) : engine.tag(imageID, name));
}

/** What the engine says is not taken on trust: the name, and the image behind it as it was signed. */
async function prove(engine: Engine, { name, to }: TagMove, { medium }: Site): Promise<void> {
  const holder = await holderOf(engine, name);
  if (holder !== to) throw notMoved(name, shown(to), shown(holder));
  if (to === null) return;
  const plan = medium?.plans.get(to);
  if (plan !== undefined) await engine.verifyImage(plan.image);
  else if (!(await engine.hasImage(to))) throw notMoved(name, to, 'an engine without it');
}

/** Only what we moved is moved back. */
async function moveBack(engine: Engine, { name, from, to }: TagMove, { warn }: Site): Promise<void> {
  const holder = await holderOf(engine, name);
  if (holder !== to && holder !== from) {
    warn(`${name} was moved to ${shown(holder)} by another process meanwhile: left there`);
  } else if (from === null || (await engine.hasImage(from))) {
    await setTag(engine, name, from);
  } else {
    // nothing brings it back; a name on what is undone would be worse than none
    await engine.untag(name);
    warn(`${name} has no image now: ${from}, which it named before, was removed meanwhile`);
  }
}

function notMoved(name: string, expected: string, got: string): InstallError {
  return new InstallError(`tag ${name}: expected ${expected}, got ${got}`, {
    code: 'TAG_NOT_MOVED',
    facts: { image: name },
  });
}

function shown(imageID: Digest | null): string {
  return imageID ?? 'no image';
}

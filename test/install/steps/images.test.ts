/**
 * Holding, loading and naming as steps of data: a process that is killed at any change of the engine leaves what undo,
 * or from the names on, another apply, makes whole. At an engine with the containerd store, where a change costs little.
 */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wordsFor } from '../../../src/cli/words.ts';
import type { Engine } from '../../../src/docker/index.ts';
import { connectEngine, DockerError } from '../../../src/docker/index.ts';
import type { FerryError } from '../../../src/errors.ts';
import { holdStep } from '../../../src/install/steps/hold.ts';
import { loadStep } from '../../../src/install/steps/load.ts';
import { tagsStep } from '../../../src/install/steps/tags.ts';
import { type FakeEngine, fakeContainerdEngine } from '../../support/containerd-engine.ts';
import type { TestEngine } from '../../support/engine.ts';
import { makeImage, type TestImage } from '../../support/images.ts';
import { createLab, type Lab } from '../lab.ts';
import {
  applyAll,
  imageSite,
  Killed,
  killedAt,
  type PlannedImages,
  planSteps,
  SITE,
  settleAll,
  undoAll,
  withMedium,
} from './image-site.ts';

const base = { files: { base: 'b'.repeat(50_000) } };
const NAMES = ['server', 'worker', 'proxy'].map((name) => `ghcr.io/atrium/${name}:1`);
const stack = (text: string): TestImage[] =>
  NAMES.map((name) =>
    makeImage({ name, layers: [base, { files: { own: name === NAMES[2] ? 'same' : `${name} ${text}` } }] }),
  );

let fake: FakeEngine;
let engine: Engine;
let lab: Lab;
/** Of the release that comes. */
let medium: string;

beforeEach(async () => {
  fake = await fakeContainerdEngine();
  engine = await connect();
  lab = await createLab(fake as unknown as TestEngine);
  medium = (await lab.release({ release: '2.0.0', images: stack('two') })).path;
});
afterEach(async () => {
  engine.close();
  await lab.remove();
  await fake.stop();
});

const connect = () => connectEngine({ env: { DOCKER_HOST: fake.host }, patience: { lateMs: 0 } });

/** Names, images, blobs and pins, with how many of each. */
function snapshot(): unknown {
  return {
    records: [...fake.store.records].map(([name, { digest }]) => `${name} ${digest}`).toSorted(),
    blobs: [...fake.store.blobs.keys()].toSorted(),
    pins: [...fake.containers.values()].map(({ Image, Labels }) => JSON.stringify([Image, Labels])).toSorted(),
  };
}

/** The former release, with a pin of its own and one that the operator made. */
async function installFormer(): Promise<void> {
  const images = stack('one');
  const { path } = await lab.release({ release: '1.0.0', images });
  await withMedium(path, async (opened) => {
    const planned = await planSteps(engine, images);
    const { site } = imageSite({ engine, medium: { ...opened, plans: planned.plans } });
    await applyAll(planned, site);
    await settleAll(planned, site);
  });
  for (const { handle } of await engine.findPins()) await engine.unpin(handle);
  await engine.pin(images[2]?.target.digest as never, `release ${SITE} 7`);
  await engine.pin(images[0]?.target.digest as never, 'my own');
}

/** Applies with a process that dies at a change; what was planned, whether it died, and how many changes it saw. */
async function applyUntilKilled(at: number, when: 'before' | 'after' = 'after') {
  return withMedium(medium, async (opened) => {
    const planned = await planSteps(engine, stack('two'));
    const mortal = killedAt(engine, at, when);
    const { site } = imageSite({ engine: mortal.engine, medium: { ...opened, plans: planned.plans } });
    const isDead = await applyAll(planned, site).then(
      () => false,
      (error: unknown) => {
        if (error instanceof Killed) return true;
        throw error;
      },
    );
    return { planned, isDead, seen: mortal.seen() };
  });
}

/** Another process, which has nothing but the data and an engine. */
async function asHeir(work: (site: ReturnType<typeof imageSite>) => Promise<void>): Promise<readonly string[]> {
  const other = await connect();
  const made = imageSite({ engine: other });
  await work(made).finally(() => other.close());
  return made.warnings;
}

describe.each(['a first import', 'an update'])('%s that is killed', (which) => {
  beforeEach(async () => {
    if (which === 'an update') await installFormer();
  });

  it('at any change of the engine is undone from its data, as often as it is tried', async () => {
    const before = snapshot();
    let at = 1;
    let points = 0;
    for (; ; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const { planned, isDead } = await applyUntilKilled(at, when);
        points += Number(isDead);
        await asHeir(({ site }) => undoAll(planned, site));
        expect({ at, when, ...(snapshot() as object) }).toEqual({ at, when, ...(before as object) });
        await asHeir(({ site }) => undoAll(planned, site));
        expect(snapshot()).toEqual(before);
        if (!isDead) {
          expect(points).toBeGreaterThan(10);
          return;
        }
      }
    }
  });

  it('in the middle of undoing is undone by the next one', async () => {
    const before = snapshot();
    for (let at = 1; ; at += 1) {
      const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
      const mortal = killedAt(engine, at, 'after');
      const isDead = await undoAll(planned, imageSite({ engine: mortal.engine }).site).then(
        () => false,
        () => true,
      );
      await asHeir(({ site }) => undoAll(planned, site));
      expect(snapshot()).toEqual(before);
      if (!isDead) break;
      expect(at).toBeLessThan(50);
    }
  });

  it('while names move is finished from its data', async () => {
    const { seen } = await applyUntilKilled(Number.POSITIVE_INFINITY).then(async (done) => {
      await asHeir(({ site }) => undoAll(done.planned, site));
      return done;
    });
    for (let back = 0; back < 3; back += 1) {
      const { planned, isDead } = await applyUntilKilled(seen - back);
      expect(isDead).toBe(true);
      await asHeir(async ({ site }) => {
        if (planned.tags) await tagsStep.apply(planned.tags.data, site);
        if (planned.tags) await tagsStep.apply(planned.tags.data, site);
      });
      for (const image of stack('two')) expect(await engine.findTag(image.name)).toBe(image.target.digest);
      await asHeir(({ site }) => undoAll(planned, site));
    }
  });
});

describe('when all is done', () => {
  it('each image has the pin of its release, and those of the import are gone', async () => {
    await installFormer();
    const images = stack('two');
    const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
    await asHeir(({ site }) => settleAll(planned, site));
    await asHeir(({ site }) => settleAll(planned, site));
    const labels = (await engine.findPins()).map(({ imageID, label }) => `${label} ${imageID}`).toSorted();
    const own = images.map(({ target }) => `release ${SITE} 7 ${target.digest}`);
    expect(labels).toEqual([...own, `my own ${stack('one')[0]?.target.digest}`].toSorted());
  });

  it('nothing is to be held or moved the next time', async () => {
    const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
    await asHeir(({ site }) => settleAll(planned, site));
    const again = await planSteps(engine, stack('two'));
    expect([again.hold, again.tags]).toEqual([undefined, undefined]);
  });

  it('the images are held, and what lends them layers, before the first is loaded', async () => {
    await installFormer();
    const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
    const held = planned.hold?.data.pins.map(({ label }) => label.split(' ')[0]) ?? [];
    expect(held).toContain('import');
    await asHeir(({ site }) => undoAll(planned, site));
  });
});

describe('names', () => {
  const moveOf = (planned: PlannedImages, name: string) => planned.tags?.data.moves.find((move) => move.name === name);

  async function loaded(): Promise<PlannedImages> {
    await installFormer();
    const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
    if (planned.tags) await tagsStep.undo(planned.tags.data, imageSite({ engine }).site);
    return planned;
  }

  it('that another process moved stop the import, before any of them moves', async () => {
    const planned = await loaded();
    const other = stack('one')[2]?.target.digest as never;
    await engine.tag(other, NAMES[1] ?? '');
    const before = snapshot();
    const applying = tagsStep.apply(planned.tags?.data as never, imageSite({ engine }).site);
    await expect(applying).rejects.toMatchObject({
      code: 'TAG_MOVED_BY_OTHER',
      message: expect.stringContaining(`tag ${NAMES[1]}: expected ${moveOf(planned, NAMES[1] ?? '')?.from}`),
    });
    expect(snapshot()).toEqual(before);
  });

  it('that appeared meanwhile, where there were none, stop it too', async () => {
    const { planned } = await applyUntilKilled(Number.POSITIVE_INFINITY);
    await tagsStep.undo(planned.tags?.data as never, imageSite({ engine }).site);
    await engine.tag(stack('two')[0]?.target.digest as never, NAMES[1] ?? '');
    const applying = tagsStep.apply(planned.tags?.data as never, imageSite({ engine }).site);
    await expect(applying).rejects.toMatchObject({ code: 'TAG_MOVED_BY_OTHER' });
  });

  it('that another process moved after us are left to it on the way back, with a word', async () => {
    const planned = await loaded();
    await tagsStep.apply(planned.tags?.data as never, imageSite({ engine }).site);
    const other = stack('one')[2]?.target.digest as never;
    await engine.tag(other, NAMES[0] ?? '');
    const warnings = await asHeir(({ site }) => tagsStep.undo(planned.tags?.data as never, site));
    expect(warnings).toEqual([`${NAMES[0]} was moved to ${other} by another process meanwhile: left there`]);
    expect(await engine.findTag(NAMES[0] ?? '')).toBe(other);
    expect(await engine.findTag(NAMES[1] ?? '')).toBe(moveOf(planned, NAMES[1] ?? '')?.from);
  });

  it('whose former image was removed by somebody have none on the way back, with a word', async () => {
    const planned = await loaded();
    await tagsStep.apply(planned.tags?.data as never, imageSite({ engine }).site);
    const from = moveOf(planned, NAMES[1] ?? '')?.from as never;
    for (const { handle, imageID } of await engine.findPins()) if (imageID === from) await engine.unpin(handle);
    expect(await engine.removeImage(from)).toBe(true);
    const warnings = await asHeir(({ site }) => tagsStep.undo(planned.tags?.data as never, site));
    expect(warnings).toEqual([`${NAMES[1]} has no image now: ${from}, which it named before, was removed meanwhile`]);
    expect(await engine.findTag(NAMES[1] ?? '')).toBeUndefined();
  });

  it('can be taken away, as a rollback to what was here before does, and given back', async () => {
    await installFormer();
    const [name = '', from] = [NAMES[0], stack('one')[0]?.target.digest as never];
    const data = { moves: [{ name, from, to: null }] };
    for (let times = 0; times < 2; times += 1) await tagsStep.apply(data, imageSite({ engine }).site);
    expect(await engine.findTag(name)).toBeUndefined();
    expect(await engine.hasImage(from)).toBe(true);
    for (let times = 0; times < 2; times += 1) await tagsStep.undo(data, imageSite({ engine }).site);
    expect(await engine.findTag(name)).toBe(from);
  });

  it('are not believed to have moved before the engine shows it', async () => {
    const planned = await loaded();
    const deaf = { ...engine, tag: async () => {} };
    const applying = tagsStep.apply(planned.tags?.data as never, imageSite({ engine: deaf }).site);
    await expect(applying).rejects.toMatchObject({ code: 'TAG_NOT_MOVED' });
  });

  it('on an image that is not as signed are undone', async () => {
    await installFormer();
    await withMedium(medium, async (opened) => {
      const planned = await planSteps(engine, stack('two'));
      const { site } = imageSite({ engine, medium: { ...opened, plans: planned.plans } });
      if (planned.load) await loadStep.apply(planned.load.data, site);
      fake.lie((answer) => ({ ...answer, Architecture: 's390x' }));
      await expect(tagsStep.apply(planned.tags?.data as never, site)).rejects.toMatchObject({ code: 'IMAGE_MISMATCH' });
    });
  });
});

describe('holding', () => {
  it('passes over an image that is gone: whoever needs it finds out', async () => {
    await installFormer();
    const planned = await planSteps(engine, stack('two'));
    const gone = planned.hold?.data.pins.map((pin) => ({ ...pin, imageID: `sha256:${'0'.repeat(64)}` as never })) ?? [];
    await holdStep.apply(
      { ...(planned.hold?.data as never as object), pins: gone } as never,
      imageSite({ engine }).site,
    );
  });

  it('takes back its own pins, and none that was there under the same label', async () => {
    await installFormer();
    const before = snapshot();
    const planned = await planSteps(engine, stack('one'));
    const own = planned.hold?.data.pins.filter(({ label }) => label === `release ${SITE} 7`);
    expect(own).toHaveLength(2);
    await holdStep.apply(planned.hold?.data as never, imageSite({ engine }).site);
    await holdStep.undo(planned.hold?.data as never, imageSite({ engine }).site);
    expect(snapshot()).toEqual(before);
  });

  it('puts no pin twice when the engine goes away in the middle', async () => {
    await installFormer();
    const planned = await planSteps(engine, stack('one'));
    let count = 0;
    const leaving: Engine = {
      ...engine,
      pin: async (...args) => {
        const handle = await engine.pin(...args);
        count += 1;
        if (count === 1) throw new DockerError('the answer is lost', { code: 'ENGINE_UNREACHABLE' });
        return handle;
      },
      untilBack: async () => undefined,
    };
    await holdStep.apply(planned.hold?.data as never, imageSite({ engine: leaving }).site);
    const wanted = planned.hold?.data.pins.map(({ label, imageID }) => `${label} ${imageID}`) ?? [];
    const pins = (await engine.findPins()).map(({ label, imageID }) => `${label} ${imageID}`);
    for (const pin of wanted) expect(pins.filter((one) => one === pin)).toHaveLength(1);
  });

  it('waits for all pins before it fails, so that no undo runs beside them', async () => {
    await installFormer();
    const planned = await planSteps(engine, stack('two'));
    let [running, count] = [0, 0];
    const failing: Engine = {
      ...engine,
      pin: async (...args) => {
        count += 1;
        if (count === 1) throw new Killed();
        running += 1;
        const handle = await engine.pin(...args);
        running -= 1;
        return handle;
      },
    };
    await expect(holdStep.apply(planned.hold?.data as never, imageSite({ engine: failing }).site)).rejects.toThrow(
      Killed,
    );
    expect(running).toBe(0);
  });
});

describe('an engine that fails in a load', () => {
  /** Loads the release that comes, with what an engine may lend, and counts the attempts. */
  async function attempt(client: Engine, { isLent = false } = {}) {
    return withMedium(medium, async (opened) => {
      const known = stack('one').map(({ target, platform: { manifest, layers } }) => {
        return { target: target.digest, manifest: manifest.digest, layers: layers.map(({ digest }) => digest) };
      });
      const planned = await planSteps(client, stack('two').slice(0, 1), isLent ? known : []);
      const before = fake.loads.length;
      const made = imageSite({ engine: client, medium: { ...opened, plans: planned.plans } });
      const error = await applyAll({ ...planned, hold: undefined, tags: undefined }, made.site).then(
        () => undefined,
        (thrown: unknown) => thrown as FerryError,
      );
      return { planned, error, warnings: made.warnings, loads: fake.loads.length - before };
    });
  }

  it('for want of a blob that it has lost gets the image in full, once', async () => {
    await installFormer();
    // lost behind the back of whoever planned: the record is there, and says that it is whole
    const lost = stack('one')[0]?.platform.layers[0]?.digest ?? '';
    const forgetful: Engine = {
      ...engine,
      loadImage: async (plan, options) => {
        if (plan.missing.length < 2) fake.store.blobs.delete(lost);
        if (plan.missing.length < 2) fake.store.snapshots.clear();
        return engine.loadImage(plan, options);
      },
    };
    const { error, warnings, loads } = await attempt(forgetful, { isLent: true });
    expect(error).toBeUndefined();
    expect(loads).toBe(2);
    expect(warnings).toEqual([`${NAMES[0]}: what the engine had of it was removed meanwhile: loaded in full`]);
  });

  it('whatever it is sent is not sent it again', async () => {
    fake.misbehave({ kind: 'answer', chunks: ['{"errorDetail":{"message":"no"}}'] });
    expect(await attempt(engine)).toMatchObject({ error: { code: 'LOAD_FAILED' }, loads: 1, warnings: [] });
  });

  it('by hanging is not sent it again; the way out is shown', async () => {
    const client = await connectEngine({ env: { DOCKER_HOST: fake.host }, patience: { sendingMs: 100, lateMs: 0 } });
    fake.misbehave({ kind: 'stop-reading' });
    // more than fits on the way to an engine that does not read
    const big = makeImage({
      name: NAMES[0] ?? '',
      layers: [{ tar: Buffer.alloc(8_000_000, 'x'), compression: 'none' }],
    });
    const { path } = await lab.release({ release: '3.0.0', images: [big] });
    await withMedium(path, async (opened) => {
      const planned = await planSteps(client, [big]);
      const { site } = imageSite({ engine: client, medium: { ...opened, plans: planned.plans } });
      const error = await applyAll(planned, site).catch((thrown: unknown) => thrown as FerryError);
      expect(error).toMatchObject({ code: 'ENGINE_STALLED' });
      expect(wordsFor(error as FerryError).hint).toMatch(/moby#51623.*restart the engine/);
      expect(fake.loads).toHaveLength(1);
      await undoAll(planned, site);
    });
    client.close();
  });

  it('by dropping the line is sent it once more', async () => {
    fake.misbehave({ kind: 'drop', after: 100 });
    expect(await attempt(engine)).toMatchObject({ error: undefined, loads: 2 });
  });

  it('by claiming a success with nothing behind it is asked a few times, and not believed', async () => {
    const liar: Engine = {
      ...engine,
      loadImage: (...args) => {
        fake.misbehave({ kind: 'answer', chunks: ['{"stream":"Loaded image: a"}'] });
        return engine.loadImage(...args);
      },
    };
    const { error, loads } = await attempt(liar);
    expect(error).toMatchObject({ code: 'LOAD_FAILED' });
    expect(loads).toBe(4);
  });
});

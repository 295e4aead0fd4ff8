/** What happens to an import from outside, at a real engine: restarts, prunes, removals. Each in words, and whole or not at all. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, type Engine, isEngineLost } from '../../../src/docker/index.ts';
import { loadStep } from '../../../src/install/steps/load.ts';
import type { Digest } from '../../../src/oci/index.ts';
import type { TestEngine } from '../../support/engine.ts';
import { makeImage, type TestImage } from '../../support/images.ts';
import { type Lab, useSite } from '../lab.ts';
import {
  applyAll,
  imageSite,
  type PlannedImages,
  planSteps,
  SITE,
  settleAll,
  undoAll,
  withMedium,
} from './image-site.ts';

const NAMES = ['ghcr.io/atrium/server:1', 'ghcr.io/atrium/worker:1'];
const MIB = 1024 * 1024;

let host: TestEngine;
let lab: Lab;
let engine: Engine;
useSite((made) => {
  ({ engine: host, lab } = made);
});
beforeEach(async () => {
  engine = await connect();
});
afterEach(() => engine.close());

const connect = (returnMs = 60_000) =>
  connectEngine({ env: { DOCKER_HOST: host.host }, patience: { returnMs, busyMs: 20_000 } });

const base = { files: { base: 'b'.repeat(100_000) }, compression: 'none' as const };
const stack = (text: string): TestImage[] =>
  NAMES.map((name) =>
    makeImage({ name, layers: [base, { files: { own: `${name} ${text}`.repeat(100_000) }, compression: 'none' }] }),
  );

type ImportSite = ReturnType<typeof imageSite> & { readonly planned: PlannedImages };

/** Plans images and gives what it takes to import them. */
async function importing(
  images: readonly TestImage[],
  use: (made: ImportSite) => Promise<void>,
  { client = engine, onBytes = (_read: number) => {} } = {},
): Promise<void> {
  const { path } = await lab.release({ release: '1.0.0', images });
  await withMedium(path, async (medium) => {
    const planned = await planSteps(client, images);
    await use({ planned, ...imageSite({ engine: client, medium: { ...medium, plans: planned.plans }, onBytes }) });
  });
}

async function install(images: readonly TestImage[]): Promise<void> {
  await importing(images, async ({ planned, site }) => {
    await applyAll(planned, site);
    await settleAll(planned, site);
  });
}

/** Removes an image with its names and whatever holds it, as somebody may. */
async function removeByForce(imageID: Digest | undefined): Promise<void> {
  for (const pin of await engine.findPins()) if (pin.imageID === imageID) await engine.unpin(pin.handle);
  await host.docker('rmi', '-f', String(imageID));
}

const labels = async () => (await engine.findPins()).map(({ label, imageID }) => `${label} ${imageID}`).toSorted();
const pinsOf = (images: readonly TestImage[]) =>
  images.map(({ platform }) => `release ${SITE} 7 ${platform.config.digest}`).toSorted();

async function expectInstalled(images: readonly TestImage[]): Promise<void> {
  for (const image of images) {
    expect(await engine.findTag(image.name)).toBe(image.platform.config.digest);
    await engine.verifyImage(image);
  }
}

/** Kills the engine at the given points of the bytes read; it comes back, or not. */
function killer(points: readonly number[], { isBack = true } = {}) {
  const left = [...points];
  let killed: Promise<void> = Promise.resolve();
  const onBytes = (read: number) => {
    if (left[0] === undefined || read < left[0]) return;
    left.shift();
    killed = killed.then(() => host.kill()).then(() => (isBack ? host.restart() : undefined));
  };
  return { onBytes, killed: () => killed };
}

describe('an engine that is killed in a load', () => {
  it('and comes back is waited for, and sent that image once more', async () => {
    const images = stack('one');
    const { onBytes, killed } = killer([4 * MIB]);
    await importing(
      images,
      async ({ planned, site, notes, warnings, bytes }) => {
        await applyAll(planned, site);
        await settleAll(planned, site);
        await killed();
        await expectInstalled(images);
        expect(await labels()).toEqual(pinsOf(images));
        expect(notes).toEqual([`the engine at ${host.host} went away: waiting for it`]);
        expect(warnings).toEqual([]);
        const total = planned.plans.reduce((sum, plan) => sum + plan.bytes, 0);
        expect(bytes.shown).toBe(total);
        expect(bytes.read).toBeGreaterThan(total);
      },
      { onBytes },
    );
  });

  it('for the second time in one image ends the import, and what was loaded goes', async () => {
    const { onBytes, killed } = killer([1 * MIB, 4 * MIB]);
    await importing(
      stack('one'),
      async ({ planned, site }) => {
        const error = await applyAll(planned, site).catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: 'LOAD_FAILED' });
        expect(isEngineLost(error)).toBe(true);
        await undoAll(planned, site);
        await killed();
        expect((await engine.inventory()).images).toEqual([]);
        expect(await labels()).toEqual([]);
      },
      { onBytes },
    );
  });

  it('and does not come back ends the import in words; the undo does not wait anew, and is done later', async () => {
    const client = await connect(500);
    const { onBytes, killed } = killer([4 * MIB], { isBack: false });
    await importing(
      stack('one'),
      async ({ planned, site }) => {
        const gone = { code: 'ENGINE_NOT_RUNNING', message: expect.stringContaining('expected it back within') };
        await expect(applyAll(planned, site)).rejects.toMatchObject(gone);
        await killed();
        await expect(undoAll(planned, site)).rejects.toMatchObject(gone);
        await host.restart();
        await undoAll(planned, imageSite({ engine }).site);
        expect((await engine.inventory()).images).toEqual([]);
        expect(await labels()).toEqual([]);
      },
      { client, onBytes },
    );
    client.close();
  });

  it('is not waited for any longer by one who was told to stop', async () => {
    const stop = new AbortController();
    const { onBytes, killed } = killer([4 * MIB], { isBack: false });
    await importing(
      stack('one'),
      async ({ planned, site }) => {
        // that it waits is said: then the person has enough of it
        const progress = { ...site.progress, note: () => stop.abort(new Error('stopped by hand')) };
        const applying = loadStep.apply(planned.load?.data as never, { ...site, progress, signal: stop.signal });
        await expect(applying).rejects.toThrow('stopped by hand');
      },
      { onBytes },
    );
    await killed();
    await host.restart();
  });

  it('while it undoes is waited for too', async () => {
    const images = stack('one');
    await importing(images, async ({ planned, site }) => {
      await applyAll(planned, site);
      await host.kill();
      const undoing = undoAll(planned, site);
      await host.restart();
      await undoing;
      expect((await engine.inventory()).images).toEqual([]);
      expect(await labels()).toEqual([]);
    });
  });
});

describe('an image that somebody removes while an import runs', () => {
  it('and that lends a layer: what leaned on it is loaded in full, once, and said', async () => {
    const [former] = stack('one');
    await install([former as TestImage]);
    const images = [makeImage({ name: NAMES[0] ?? '', layers: [base, { files: { own: 'two' } }] })];
    await importing(images, async ({ planned, site, warnings, bytes }) => {
      expect(planned.plans[0]?.lenders).toEqual([former?.platform.config.digest]);
      await removeByForce(former?.platform.config.digest);
      await loadStep.apply(planned.load?.data as never, site);
      expect(warnings).toEqual([`${NAMES[0]}: what the engine had of it was removed meanwhile: loaded in full`]);
      expect(bytes.read).toBe(Number(images[0]?.layerBytes) + Number(planned.plans[0]?.bytes));
      await engine.verifyImage(images[0] as TestImage);
      expect(await labels()).toEqual(pinsOf(images));
    });
  });

  it('and that was present: it is loaded in full, held, and stays when all is undone', async () => {
    const images = stack('one');
    await install(images);
    await importing(images, async ({ planned, site, warnings }) => {
      expect(planned.plans.map(({ action }) => action)).toEqual(['present', 'present']);
      await removeByForce(images[1]?.platform.config.digest);
      await applyAll(planned, site);
      await engine.verifyImage(images[1] as TestImage);
      expect(warnings).toEqual([`${NAMES[1]}: what the engine had of it was removed meanwhile: loaded in full`]);
      expect(await labels()).toEqual(pinsOf(images));
      await undoAll(planned, site);
      expect(await engine.hasImage(images[1]?.platform.config.digest as Digest)).toBe(true);
    });
  });

  it('is not loaded a third time', async () => {
    const [former] = stack('one');
    await install([former as TestImage]);
    const images = [makeImage({ name: NAMES[0] ?? '', layers: [base, { files: { own: 'two' } }] })];
    await importing(images, async ({ planned, site }) => {
      let loads = 0;
      const stubborn: Engine = {
        ...engine,
        loadImage: async (plan, options) => {
          loads += 1;
          await removeByForce(former?.platform.config.digest).catch(() => undefined);
          return engine.loadImage({ ...plan, missing: [] }, options);
        },
      };
      const applying = loadStep.apply(planned.load?.data as never, { ...site, engine: stubborn });
      await expect(applying).rejects.toMatchObject({ code: 'LOAD_FAILED' });
      expect(loads).toBe(2);
    });
  });

  it('all the time, as a prune in a loop does: the import is whole all the same', async () => {
    const images = stack('one');
    let isOver = false;
    const pruning = (async () => {
      let rounds = 0;
      for (; !isOver; rounds += 1) await host.docker('image', 'prune', '-a', '-f').catch(() => undefined);
      return rounds;
    })();
    await importing(images, async ({ planned, site }) => {
      await applyAll(planned, site);
      await settleAll(planned, site);
      await expectInstalled(images);
      expect(await labels()).toEqual(pinsOf(images));
    }).finally(() => {
      isOver = true;
    });
    expect(await pruning).toBeGreaterThan(0);
    await expectInstalled(images);
  });
});

/**
 * Ferry itself is the old one or the new one: killed before any change of the file system, an import that brings one is
 * undone to the inode, finished or settled by a process that knows nothing but the journal. DESIGN decision 4.
 */

import { mkdir } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { FerryChange } from '../../../src/install/executable/change.ts';
import { ferryStep } from '../../../src/install/steps/ferry.ts';
import { forEachDeathOf, withoutRoom } from '../dying.ts';
import { ID, PlaceLab, program } from './place-lab.ts';

interface Scene {
  readonly lab: PlaceLab;
  readonly change: FerryChange;
  readonly before: readonly string[];
  readonly old: string | undefined;
  readonly after: string;
}

const systemd = (lab: PlaceLab) => mkdir(lab.host.at('/run/systemd/system'), { recursive: true });

const SCENES: Readonly<Record<string, (lab: PlaceLab) => Promise<{ change: FerryChange; after: string }>>> = {
  'a first visit': async (lab) => {
    const running = program('0.2.0');
    await lab.host.put('/usr/bin/ferry', running);
    await systemd(lab);
    return { change: await lab.change('0.2.0'), after: running };
  },
  'an empty host': async (lab) => ({ change: await lab.change('0.2.0'), after: program('0.2.0') }),
  'the next version': async (lab) => {
    await systemd(lab);
    await lab.install('0.1.0');
    const more = { unit: { state: '/elsewhere' } };
    return { change: await lab.change('0.2.0', undefined, more), after: program('0.2.0') };
  },
  'other bytes of one version': async (lab) => {
    await lab.install('0.2.0');
    const after = program('0.2.0', '# again');
    return { change: await lab.change('0.2.0', after), after };
  },
  'a version that stands and is not linked': async (lab) => {
    await lab.install('0.2.0');
    await lab.install('0.3.0');
    await lab.host.replace('/usr/bin/ferry', program('0.2.0'));
    return { change: await lab.change('0.2.0'), after: program('0.2.0') };
  },
};

let labs: PlaceLab[] = [];
afterEach(async () => {
  for (const lab of labs) await lab.remove();
  labs = [];
});

async function setUp(name: string): Promise<Scene> {
  const lab = await PlaceLab.create();
  labs.push(lab);
  const made = await SCENES[name]?.(lab);
  if (made === undefined) throw new Error(`no scene ${name}`);
  return { lab, ...made, before: await lab.host.disk(), old: await lab.used() };
}

function forEachDeath(
  name: string,
  run: (scene: Scene) => Promise<unknown>,
  judge: (scene: Scene) => Promise<void>,
  prepare?: (scene: Scene) => Promise<unknown>,
): Promise<number> {
  return forEachDeathOf({ setUp: () => setUp(name), prepare, run, judge });
}

const place = ({ lab, change }: Scene) => lab.place(change);
const link = ({ lab, change }: Scene) => lab.link(change);
const undo = ({ lab, change }: Scene) => lab.undo(change);
const settle = ({ lab, change }: Scene) => lab.settle(change);
const both = async (scene: Scene) => {
  await place(scene);
  await link(scene);
};

async function expectBefore({ lab, before }: Scene): Promise<void> {
  expect(await lab.host.disk()).toEqual(before);
}

async function expectOldOrNew({ lab, old, after }: Scene): Promise<void> {
  expect([old, after]).toContain(await lab.used());
}

const backTwice = async (scene: Scene) => {
  await undo(scene);
  await expectBefore(scene);
  await undo(scene);
  await expectBefore(scene);
};

describe.each(Object.keys(SCENES))('%s', (name) => {
  it('uses the old one while the new one is placed, and is undone to the inode', async () => {
    const count = await forEachDeath(name, place, async (scene) => {
      expect(await scene.lab.used()).toBe(scene.old);
      await backTwice(scene);
    });
    expect(count).toBeGreaterThanOrEqual(2);
  });

  it('uses the old one or the new one while it is linked, and goes on or back', async () => {
    await forEachDeath(
      name,
      link,
      async (scene) => {
        await expectOldOrNew(scene);
        await backTwice(scene);
      },
      place,
    );
    await forEachDeath(
      name,
      link,
      async (scene) => {
        await link(scene);
        await link(scene);
        expect(await scene.lab.used()).toBe(scene.after);
      },
      place,
    );
  });

  it('is undone though the undoing is killed, and uses one or the other all the while', async () => {
    await forEachDeath(
      name,
      undo,
      async (scene) => {
        await expectOldOrNew(scene);
        await backTwice(scene);
      },
      both,
    );
  });

  it('is linked though a way back was begun of which no journal tells', async () => {
    const scene = await setUp(name);
    await both(scene);
    await ferryStep.undo(scene.change, scene.lab.site());
    await link(scene);
    expect(await scene.lab.used()).toBe(scene.after);
    await backTwice(scene);
    if (scene.change.executable === 'same' && !scene.change.isLinkNew) return;
    await expect(link(scene)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    await expectBefore(scene);
  });

  it('is linked, and unlinked, on a disk without room', async () => {
    const scene = await setUp(name);
    await place(scene);
    await withoutRoom('/never', () => link(scene));
    expect(await scene.lab.used()).toBe(scene.after);
    await withoutRoom('/never', () => undo(scene));
    await expectBefore(scene);
  });

  it('is settled though the settling is killed, and leaves nothing of the transaction', async () => {
    await forEachDeath(
      name,
      settle,
      async (scene) => {
        expect(await scene.lab.used()).toBe(scene.after);
        await settle(scene);
        await settle(scene);
        expect((await scene.lab.host.disk()).filter((line) => line.includes(ID))).toEqual([]);
        expect(await scene.lab.used()).toBe(scene.after);
      },
      both,
    );
  });
});

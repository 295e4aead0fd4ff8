/**
 * Files are switched or they are not: killed before any change of the file system, a transaction is undone, finished or
 * settled by a process that knows nothing but the data of its steps. DESIGN decision 4.
 */

import { rm } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SwitchData } from '../../src/install/files/switch-plan.ts';
import { forEachDeathOf, meddleAt, withoutRoom } from './dying.ts';
import { SwitchLab, stageStep, switchStep } from './switch-lab.ts';

const OLD = 'aaaaaaaaaaaa';
const ID = '0123456789ab';

let labs: SwitchLab[] = [];
afterEach(async () => {
  for (const lab of labs) await lab.remove();
  labs = [];
});

type Shown = Readonly<Record<string, string>>;

/** A transaction about to be made. */
interface Scene {
  readonly lab: SwitchLab;
  readonly data: SwitchData;
  readonly before: readonly string[];
  readonly old: Shown;
  readonly after: Shown;
}

const SCENES: Readonly<
  Record<string, (lab: SwitchLab) => Promise<{ readonly data: SwitchData; readonly after: Shown }>>
> = {
  'a first import over a plain file': async (lab) => {
    await lab.put('/etc/atrium/found', 'found');
    await lab.put('/etc/atrium/theirs', 'theirs');
    const data = await lab.plan([
      await lab.want('/etc/atrium/found', 'new'),
      await lab.want('/etc/atrium/more', 'more'),
      await lab.want('/opt/atrium/deep/er/one', 'one'),
    ]);
    const after = { '/etc/atrium/found': 'new', '/etc/atrium/more': 'more', '/opt/atrium/deep/er/one': 'one' };
    return { data, after: { ...after, '/etc/atrium/theirs': 'theirs' } };
  },
  'an update': async (lab) => {
    await lab.install(
      OLD,
      await lab.want('/etc/atrium/a', 'a1'),
      await lab.want('/etc/atrium/stays', 'stays'),
      await lab.want('/etc/atrium/goes', 'goes'),
      await lab.want('/etc/atrium/edited', 'edited1'),
      await lab.want('/etc/atrium/tls/key', 'key1'),
    );
    await lab.replace('/etc/atrium/edited', 'by sed -i');
    await rm(lab.at('/etc/atrium/tls/key'));
    const data = await lab.plan([
      await lab.want('/etc/atrium/a', 'a2'),
      await lab.want('/etc/atrium/b', 'b2'),
      await lab.want('/etc/atrium/goes', null),
      await lab.want('/etc/atrium/edited', 'edited2'),
      await lab.want('/etc/atrium/tls/key', 'key2'),
    ]);
    const after = { '/etc/atrium/a': 'a2', '/etc/atrium/b': 'b2', '/etc/atrium/stays': 'stays' };
    return { data, after: { ...after, '/etc/atrium/edited': 'edited2', '/etc/atrium/tls/key': 'key2' } };
  },
  'a rollback to what was here before ferry': async (lab) => {
    await lab.install(OLD, await lab.want('/etc/atrium/a', 'a1'), await lab.want('/etc/atrium/plain', 'p1'));
    const data = await lab.plan([
      await lab.want('/etc/atrium/a', null),
      await lab.want('/etc/atrium/plain', 'p0', { isPlain: true }),
    ]);
    return { data, after: { '/etc/atrium/plain': 'p0' } };
  },
};

async function setUp(name: string): Promise<Scene> {
  const lab = await SwitchLab.create();
  labs.push(lab);
  const made = await SCENES[name]?.(lab);
  if (made === undefined) throw new Error(`no scene ${name}`);
  return { lab, ...made, before: await lab.disk(), old: await lab.shown() };
}

async function tearDown({ lab }: Scene): Promise<void> {
  await lab.remove();
  labs = labs.filter((one) => one !== lab);
}

/** Runs a scene for each change at which `run` may die, from the first to the last. */
function forEachDeath(
  name: string,
  run: (scene: Scene) => Promise<unknown>,
  judge: (scene: Scene) => Promise<void>,
  prepare?: (scene: Scene) => Promise<unknown>,
): Promise<number> {
  return forEachDeathOf({ setUp: () => setUp(name), prepare, run, judge, tearDown });
}

const stage = ({ lab, data }: Scene) => stageStep.apply(data, lab.site(ID));
const change = ({ lab, data }: Scene) => switchStep.apply(data, lab.site(ID));
const settle = ({ lab, data }: Scene) => lab.settle(ID, data);
const undo = ({ lab, data }: Scene) => lab.undo(ID, data);
const both = async (scene: Scene) => {
  await stage(scene);
  await change(scene);
};

/** What is seen in one folder and its name. */
function byFolder(shown: Shown): ReadonlyMap<string, Shown> {
  const paths = Object.keys(shown);
  const folders = new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))));
  const inFolder = (folder: string) => paths.filter((path) => path.slice(0, path.lastIndexOf('/')) === folder);
  return new Map(
    [...folders].map((folder) => [
      folder,
      Object.fromEntries(inFolder(folder).map((path) => [path, shown[path] ?? ''])),
    ]),
  );
}

async function expectOldOrNew(scene: Scene): Promise<void> {
  const [seen, old, after] = [byFolder(await scene.lab.shown()), byFolder(scene.old), byFolder(scene.after)];
  for (const { folder } of scene.data.folders) {
    expect([old.get(folder), after.get(folder)]).toContainEqual(seen.get(folder));
  }
}

async function expectBefore({ lab, before }: Scene): Promise<void> {
  expect(await lab.disk()).toEqual(before);
}

describe.each(Object.keys(SCENES))('%s', (name) => {
  it('shows the old files while it stages, and is undone to the inode', async () => {
    const count = await forEachDeath(name, stage, async (scene) => {
      expect(await scene.lab.shown()).toEqual(scene.old);
      await undo(scene);
      await expectBefore(scene);
      await undo(scene);
      await expectBefore(scene);
    });
    expect(count).toBeGreaterThanOrEqual(5);
  });

  it('shows each folder old or new while it switches, and goes on or back', async () => {
    const judge = (end: (scene: Scene) => Promise<void>) => async (scene: Scene) => {
      await expectOldOrNew(scene);
      await end(scene);
    };
    const back = async (scene: Scene) => {
      await undo(scene);
      await expectBefore(scene);
    };
    const on = async (scene: Scene) => {
      await change(scene);
      await change(scene);
      expect(await scene.lab.shown()).toEqual(scene.after);
    };
    await forEachDeath(name, change, judge(back), stage);
    await forEachDeath(name, change, judge(on), stage);
  });

  it('is undone though the undoing is killed, and shows each folder old or new all the while', async () => {
    await forEachDeath(
      name,
      undo,
      async (scene) => {
        await expectOldOrNew(scene);
        await undo(scene);
        await expectBefore(scene);
      },
      both,
    );
  });

  it('is switched, or undone, on a disk without room', async () => {
    const scene = await setUp(name);
    await stage(scene);
    await withoutRoom('/never', () => change(scene));
    expect(await scene.lab.shown()).toEqual(scene.after);
    await withoutRoom(`/..${ID}`, () => undo(scene));
    await expectBefore(scene);
  });

  it('is settled though the settling is killed, and shows the new files all the while', async () => {
    const clean = await setUp(name);
    await both(clean);
    await settle(clean);
    const names = withoutInodes(await clean.lab.disk());
    expect(names.filter((line) => line.includes(OLD) || line.includes('.was'))).toEqual([]);
    await forEachDeath(
      name,
      settle,
      async (scene) => {
        expect(await scene.lab.shown()).toEqual(scene.after);
        await settle(scene);
        await settle(scene);
        expect(withoutInodes(await scene.lab.disk())).toEqual(names);
        expect(await scene.lab.shown()).toEqual(scene.after);
      },
      both,
    );
  });
});

function withoutInodes(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace(/^(\S+ \d+ \d+:\d+) \d+/, '$1'));
}

describe('an operator who writes a file while it is installed', () => {
  const PATH = '/etc/atrium/a';

  it.each<[string, string, string]>([
    ['plain, in place', 'put', 'plain'],
    ['plain, by another that takes its place', 'replace', 'plain'],
    ['ours, in place', 'put', 'ours'],
    ['ours, by another that takes its place', 'replace', 'ours'],
    ['carried over, in place', 'put', 'carried'],
  ])('stops it at whatever change they do, and nothing is lost: %s', async (_what, how, which) => {
    for (let at = 0; ; at++) {
      const lab = await SwitchLab.create();
      labs.push(lab);
      if (which === 'plain') await lab.put(PATH, 'old');
      else await lab.install(OLD, await lab.want(PATH, 'old'));
      const wanted = [
        await lab.want('/etc/atrium/b', 'b'),
        ...(which === 'carried' ? [] : [await lab.want(PATH, 'new')]),
      ];
      const data = await lab.plan(wanted);
      const act = () => (how === 'put' ? lab.put(PATH, 'theirs') : lab.replace(PATH, 'theirs'));
      // no call exchanges two names but for a given file: right before our rename they come too late to be seen
      const fits = (call: string, to: string) => call !== 'rename' || !to.endsWith('/a');
      const isDone = await meddleAt(at, { act, fits, run: () => stageStep.apply(data, lab.site(ID)).catch(() => {}) });
      if (!isDone) return expect(at).toBeGreaterThan(1);
      const refused = await switchStep.apply(data, lab.site(ID)).catch((error: unknown) => error);
      if (refused !== undefined) {
        expect(refused).toMatchObject({ code: 'FILE_CHANGED' });
        await lab.undo(ID, data);
        expect(await lab.shown()).toEqual({ [PATH]: 'theirs' });
      } else {
        // it came before the copy, and went along
        expect([which, await lab.shown()]).toEqual(['carried', { [PATH]: 'theirs', '/etc/atrium/b': 'b' }]);
      }
      await lab.remove();
    }
  });
});

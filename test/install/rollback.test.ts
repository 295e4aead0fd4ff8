/** Back to what was installed before, in a real engine: names and files as they were left, whatever they were. */

import { chmod, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RollbackOptions, recoverSite, rollBack } from '../../src/install/index.ts';
import { verifyReceipt } from '../../src/install/records/signed-receipt.ts';
import { findState, verifyAudit } from '../../src/state/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import {
  idOf,
  type Lab,
  type LabBundle,
  type LabRelease,
  NOW,
  snapshot,
  strayContainers,
  tagsOf,
  useSite,
} from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const image = (name: string, text: string): TestImage =>
  makeImage({ name, layers: [{ files: { base: 'base' } }, { files: { own: `${name} ${text}` } }] });
const config = (text: string) => ({ name: 'a.conf', text, install: '/etc/atrium/a.conf' });
const at = (path: string) => join(lab.prefix, path);
const textOf = (path: string): Promise<string | undefined> => readFile(at(path), 'utf8').catch(() => undefined);

async function install(release: string, more: Partial<LabRelease> = {}): Promise<LabBundle> {
  const images = [image(SERVER, release), image(WORKER, release)];
  const bundle = await lab.release({ release, images, files: [config(release)], ...more });
  await lab.import(bundle.path);
  return bundle;
}

const back = (more: Partial<RollbackOptions> = {}) =>
  rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW, ...more });

async function put(path: string, text: string, mode = 0o640): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), text);
  await chmod(at(path), mode);
}

describe('a rollback', () => {
  it('brings names and files back in one, and can be rolled back itself', async () => {
    await install('1.0.0');
    await install('2.0.0');
    expect(await back()).toMatchObject({ release: '1.0.0', sequence: 1, from: { release: '2.0.0' }, recovered: null });
    expect(await idOf(engine, SERVER)).toBe(image(SERVER, '1.0.0').platform.config.digest);
    expect(await textOf('etc/atrium/a.conf')).toBe('1.0.0');
    expect((await (await findState(lab.stateDir))?.findCurrentRelease())?.sequence).toBe(1);
    expect(await back()).toMatchObject({ release: '2.0.0', sequence: 2, from: { release: '1.0.0' } });
    expect(await idOf(engine, WORKER)).toBe(image(WORKER, '2.0.0').platform.config.digest);
    expect(await textOf('etc/atrium/a.conf')).toBe('2.0.0');
    expect(await strayContainers(engine)).toEqual([]);
  });

  it('lowers the floor of releases and not that of trust, and the next import goes on from there', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const before = await (await findState(lab.stateDir))?.findTrust();
    await back();
    const after = await (await findState(lab.stateDir))?.findTrust();
    expect(after).toEqual({ ...before, floors: { release: 1 } });
    await install('3.0.0');
    expect(await back()).toMatchObject({ release: '1.0.0', from: { release: '3.0.0' } });
  });

  it('brings back what was here before the first import: names, files, modes, and what was not there', async () => {
    await engine.docker('import', await emptyTar(), SERVER);
    await put('etc/atrium/a.conf', 'by hand');
    const before = await snapshot(engine, lab);
    const found = await idOf(engine, SERVER);
    const added = { name: 'b.conf', text: 'b', install: '/etc/atrium/b.conf' };
    await install('1.0.0', { files: [config('1.0.0'), added] });
    expect(await textOf('etc/atrium/b.conf')).toBe('b');
    expect(await back()).toMatchObject({ release: '', sequence: 0, from: { sequence: 1 } });
    expect(await idOf(engine, SERVER)).toBe(found);
    expect((await tagsOf(engine)).filter((tag) => tag.startsWith('ghcr.io'))).toEqual([SERVER]);
    expect(await textOf('etc/atrium/a.conf')).toBe('by hand');
    expect((await lstat(at('etc/atrium/a.conf'))).mode & 0o777).toBe(0o640);
    expect(await textOf('etc/atrium/b.conf')).toBeUndefined();
    const after = (await snapshot(engine, lab)) as { files: unknown };
    expect(after.files).toEqual((before as { files: unknown }).files);
    expect(await back()).toMatchObject({ release: '1.0.0', sequence: 1 });
    expect(await textOf('etc/atrium/a.conf')).toBe('1.0.0');
  });

  it('gives a name back that a release had lost; without the image there is no way back', async () => {
    await install('1.0.0');
    await engine.docker('tag', WORKER, 'elsewhere:1');
    await engine.docker('rmi', WORKER);
    const only = await lab.release({ release: '2.0.0', images: [image(SERVER, '2.0.0')] });
    await lab.import(only.path);
    expect((await back()).images).toHaveLength(2);
    expect(await idOf(engine, WORKER)).toBe(image(WORKER, '1.0.0').platform.config.digest);
    await engine.docker('rmi', '--force', await idOf(engine, WORKER));
    await install('3.0.0');
    await expect(back()).rejects.toMatchObject({ code: 'IMAGE_GONE', facts: { image: WORKER } });
  });

  it('brings an edit back that an import was told to replace', async () => {
    await install('1.0.0');
    await put('etc/atrium/a.conf', 'edited', 0o644);
    const { path } = await lab.release({ release: '2.0.0', images: [image(SERVER, '2')], files: [config('2.0.0')] });
    await lab.import(path, { replace: ['a.conf'], reason: 'the new one is right' });
    await back();
    expect(await textOf('etc/atrium/a.conf')).toBe('edited');
  });

  it('leaves a licence that an overlay has renewed since, and says so', async () => {
    const license = (text: string) => ({ name: 'license.blob', text, install: '/etc/atrium/license.blob' });
    await install('1.0.0');
    await lab.import(await lab.overlay('any', [license('old')]));
    await install('2.0.0');
    await lab.import(await lab.overlay('any', [license('renewed')]));
    const { warnings } = await back();
    expect(await textOf('etc/atrium/license.blob')).toBe('renewed');
    expect(warnings).toContain('/etc/atrium/license.blob was renewed since and stays as it is');
  });

  it('says nothing of a licence that is the same, and brings back one that was taken away', async () => {
    const license = { name: 'license.blob', text: 'valid', install: '/etc/atrium/license.blob' };
    await install('1.0.0');
    await lab.import(await lab.overlay('any', [license]));
    await install('2.0.0');
    await rm(at('etc/atrium/license.blob'));
    const { warnings } = await back();
    expect(await textOf('etc/atrium/license.blob')).toBe('valid');
    expect(warnings.filter((line) => line.includes('license'))).toEqual([]);
    expect((await back()).warnings.filter((line) => line.includes('license'))).toEqual([]);
  });

  it('signs a receipt and writes a line', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const { receipt } = await back();
    expect(await verifyReceipt({ path: receipt, stateDir: lab.stateDir })).toMatchObject({
      result: 'rolled-back',
      release: '1.0.0',
      previous: 2,
      floors: { release: 1 },
    });
    const log = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    expect(log.trimEnd().split('\n').at(-1)).toContain('"event":"rollback"');
    await verifyAudit(join(lab.stateDir, 'audit.jsonl'));
  });

  it('asks, and does nothing without a yes', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const before = await snapshot(engine, lab);
    const asked: string[] = [];
    const confirm = async (line: string) => {
      asked.push(line);
      return false;
    };
    await expect(back({ confirm })).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(asked).toEqual(['roll back atrium 2.0.0 (sequence 2) to 1.0.0 (sequence 1)']);
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('that fails leaves all as it was', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const before = await snapshot(engine, lab);
    let moved = 0;
    const failing = async () => {
      const real = await lab.connect();
      const tag: typeof real.tag = async (...args) => {
        moved += 1;
        if (moved === 2) throw new Error('no second tag');
        await real.tag(...args);
      };
      return { ...real, tag };
    };
    await expect(back({ engine: failing })).rejects.toThrow('no second tag');
    expect(await snapshot(engine, lab)).toEqual(before);
  });
});

describe('a site that a ferry of before installed.json has set up', () => {
  it('keeps what was edited, and has a way back from the next release on', async () => {
    await install('1.0.0');
    for (const left of ['0', '1/installed.json']) await rm(join(lab.stateDir, 'releases', left), { recursive: true });
    await expect(back()).rejects.toMatchObject({ code: 'NOTHING_BEFORE' });
    await writeFile(at('etc/atrium/a.conf'), 'edited');
    const images = [image(SERVER, '2.0.0')];
    const { path } = await lab.release({ release: '2.0.0', images, files: [config('2.0.0')] });
    await expect(lab.import(path)).rejects.toMatchObject({ code: 'LOCAL_EDIT' });
    await lab.import(path, { replace: ['a.conf'], reason: 'the new one is right' });
    expect(await back()).toMatchObject({ release: '1.0.0', from: { release: '2.0.0' } });
    expect(await textOf('etc/atrium/a.conf')).toBe('edited');
    expect(await idOf(engine, SERVER)).toBe(image(SERVER, '1.0.0').platform.config.digest);
  });
});

describe('no rollback', () => {
  it('where nothing was installed', async () => {
    await expect(back()).rejects.toMatchObject({ code: 'NOTHING_BEFORE' });
  });

  it('to a release that is revoked, but with a reason', async () => {
    const { published } = await install('1.0.0');
    await install('2.0.0');
    await lab.publisher.revoke(published);
    await lab.import(await lab.catalogue());
    await expect(back()).rejects.toMatchObject({ code: 'PREVIOUS_REVOKED' });
    await expect(back({ allowRevoked: true })).rejects.toMatchObject({ code: 'REASON_MISSING' });
    expect(await back({ allowRevoked: true, reason: 'two is worse' })).toMatchObject({ release: '1.0.0' });
    const receipt = await verifyReceipt({
      path: join(lab.stateDir, 'releases/1/receipt.json'),
      stateDir: lab.stateDir,
    });
    expect(receipt.overrides).toEqual([{ flag: '--allow-revoked', reason: 'two is worse' }]);
  });

  it('in another engine than the release is in', async () => {
    await install('1.0.0');
    const other = async () => {
      const real = await lab.connect();
      return { ...real, facts: { ...real.facts, id: 'OTHER' } };
    };
    await expect(back({ engine: other })).rejects.toMatchObject({ code: 'ENGINE_OTHER' });
    expect(await tagsOf(engine)).toEqual(expect.arrayContaining([SERVER, WORKER]));
  });

  it('when an image of it was removed by force', async () => {
    await install('1.0.0');
    const id = await idOf(engine, WORKER);
    await install('2.0.0');
    const pins = await engine.docker('ps', '-aq', '--filter', `ancestor=${id}`);
    await engine.docker('rm', ...pins.split('\n'));
    await engine.docker('rmi', id);
    await expect(back()).rejects.toMatchObject({ code: 'IMAGE_GONE', facts: { image: WORKER } });
  });
});

describe('releases that are kept', () => {
  it('are the installed one and the one before; an older one leaves nothing in the engine or the state', async () => {
    for (const release of ['1.0.0', '2.0.0', '3.0.0']) await install(release);
    expect(await (await findState(lab.stateDir))?.listReleases()).toEqual([2, 3]);
    const images = await engine.docker('images', '-aq', '--no-trunc');
    expect(images).not.toContain(image(SERVER, '1.0.0').platform.config.digest);
    expect(images).toContain(image(SERVER, '2.0.0').platform.config.digest);
    expect((await engine.docker('ps', '-a', '--format', '{{.Labels}}')).split('\n')).toHaveLength(4);
  });

  it('let go of an image that came with one of them and was present for the next', async () => {
    const first = await install('1.0.0');
    await install('2.0.0');
    await lab.import(first.path, { allowDowngrade: true, reason: 'two is worse' });
    await install('3.0.0');
    await install('4.0.0');
    expect(await (await findState(lab.stateDir))?.listReleases()).toEqual([3, 4]);
    const images = await engine.docker('images', '-aq', '--no-trunc');
    expect(images).not.toContain(image(SERVER, '1.0.0').platform.config.digest);
    expect(images).not.toContain(image(SERVER, '2.0.0').platform.config.digest);
  });

  it('survive a prune of all that is unused', async () => {
    await install('1.0.0');
    await install('2.0.0');
    await engine.docker('image', 'prune', '--all', '--force');
    expect(await tagsOf(engine)).toEqual(expect.arrayContaining([SERVER, WORKER]));
    expect(await back()).toMatchObject({ release: '1.0.0' });
  });

  it('get their pins back from recover after a prune of containers', async () => {
    await install('1.0.0');
    await install('2.0.0');
    const pins = () =>
      engine.docker('ps', '-a', '--format', '{{.Labels}} {{.Image}}').then((all) => all.split('\n').toSorted());
    const before = await pins();
    await engine.docker('container', 'prune', '--force');
    const recover = () => recoverSite({ stateDir: lab.stateDir, engine: lab.connect, now: NOW });
    expect(await recover()).toMatchObject({ recovered: null, repinned: 4 });
    expect(await pins()).toEqual(before);
    expect(await recover()).toMatchObject({ repinned: 0 });
  });

  it('are as many as asked for', async () => {
    for (const release of ['1.0.0', '2.0.0', '3.0.0']) {
      const { path } = await lab.release({ release, images: [image(SERVER, release)] });
      await lab.import(path, { keep: 3 });
    }
    expect(await (await findState(lab.stateDir))?.listReleases()).toEqual([1, 2, 3]);
  });

  it('never cost an image that a container uses, or that was here before ferry', async () => {
    const own = makeImage({ name: WORKER, busybox: true, cmd: ['/bin/busybox', 'sleep', '600'] });
    const { path } = await lab.release({ release: '1.0.0', images: [image(SERVER, '1'), own] });
    await lab.import(path);
    const running = await engine.docker('run', '--detach', '--network=none', WORKER);
    await install('2.0.0');
    await install('3.0.0');
    const images = await engine.docker('images', '-aq', '--no-trunc');
    expect(images).toContain(own.platform.config.digest);
    expect(images).not.toContain(image(SERVER, '1').platform.config.digest);
    await engine.docker('rm', '--force', running);
  });
});

/** What `docker import` takes: a tar of nothing. */
async function emptyTar(): Promise<string> {
  const path = join(lab.dir, 'empty.tar');
  await writeFile(path, Buffer.alloc(1024));
  return path;
}

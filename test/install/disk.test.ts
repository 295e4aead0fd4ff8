/** Disks that are full or read-only, and a stick that goes in the middle: words with the place, and nothing left. FORMAT §8. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Progress, silentProgress } from '../../src/content/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { createLab, emptyEngine, type Lab, snapshot } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const MIB = 1024 * 1024;

let engine: TestEngine;
let lab: Lab;
let mounted: string[];

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine?.stop());
beforeEach(async () => {
  mounted = [];
  lab = await createLab(engine);
});
afterEach(async () => {
  for (const path of mounted) execFileSync('umount', ['-l', path]);
  await emptyEngine(engine);
  await lab.remove();
});

/** Gives a folder a disk of its own. */
function mountDisk(path: string, size: string): void {
  mkdirSync(path, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'tmpfs', path]);
  mounted.push(path);
}

const remount = (path: string, how: 'ro' | 'rw') => execFileSync('mount', ['-o', `remount,${how}`, path]);
/** Leaves a tenth of what is wanted next, so that it is the large file that does not go on. */
const fill = (path: string, left = 200) =>
  execFileSync('sh', ['-c', `cat /dev/zero > "$0"/filler || truncate -s -${left}K "$0"/filler`, path], {
    stdio: 'ignore',
  });

/** Does something when all has been checked and the first change is next. */
const whenChecked = (act: () => void): Progress => ({ ...silentProgress, phase: act });

/** Does something when so many bytes of layers have been read. */
function afterBytes(bytes: number, act: () => void): Progress {
  let seen = 0;
  const advance = (size: number) => {
    seen += size;
    if (seen >= bytes && seen - size < bytes) act();
  };
  return { ...silentProgress, advance };
}

const image = (compression: 'none' | 'gzip' | 'zstd' = 'gzip', size = 1000): TestImage =>
  makeImage({ name: SERVER, layers: [{ files: { 'server.txt': Buffer.alloc(size, 'x') }, compression }] });
const large = { name: 'large.bin', text: 'x'.repeat(2 * MIB), install: '/etc/atrium/large.bin' };

async function expectNothingLeft(importing: () => Promise<unknown>, error: object): Promise<void> {
  const before = await snapshot(engine, lab);
  await expect(importing()).rejects.toMatchObject(error);
  expect(await snapshot(engine, lab)).toEqual(before);
}

describe('a disk', () => {
  it.each([
    ['the state', () => lab.stateDir],
    ['the files', () => lab.prefix],
  ])('of %s that is too small is told of before anything is changed', async (_whose, dir) => {
    mountDisk(dir(), '1m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()], files: [large] });
    await expectNothingLeft(() => lab.import(path), {
      code: 'SPACE_SHORT',
      facts: { path: expect.stringContaining(dir()) },
    });
  });

  it('that is too small is told of beside what else is in the way', async () => {
    mountDisk(lab.prefix, '4m');
    await lab.trust();
    const conf = (text: string) => ({ name: 'a.conf', text, install: '/etc/atrium/a.conf' });
    await lab.import((await lab.release({ release: '1.0.0', images: [image()], files: [conf('old')] })).path);
    await writeFile(join(lab.prefix, 'etc/atrium/a.conf'), 'edited');
    const huge = { ...large, text: 'x'.repeat(5 * MIB) };
    const { path } = await lab.release({ release: '2.0.0', images: [image()], files: [conf('new'), huge] });
    await expectNothingLeft(() => lab.import(path), {
      code: 'PREFLIGHT_FAILED',
      errors: [{ code: 'LOCAL_EDIT' }, { code: 'SPACE_SHORT', facts: { path: expect.stringContaining(lab.prefix) } }],
    });
  });

  it.each([
    ['the state', () => lab.stateDir, () => 'files/large.bin'],
    ['the files', () => lab.prefix, () => '/etc/atrium/large.bin'],
  ])('of %s that fills up meanwhile is named', async (_whose, dir, named) => {
    mountDisk(dir(), '8m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()], files: [large] });
    const importing = () => lab.import(path, { progress: whenChecked(() => fill(dir())) });
    await expect(importing()).rejects.toMatchObject({ code: 'NO_SPACE', message: expect.stringContaining(named()) });
    execFileSync('rm', [join(dir(), 'filler')]);
    expect(await readdir(lab.prefix)).toEqual([]);
    expect(await readdir(join(lab.stateDir, 'releases'))).toEqual([]);
    expect(await lab.import(path)).toMatchObject({ action: 'installed' });
  });

  it('of the state that fills up while a layer is made plain is named', async () => {
    mountDisk(lab.stateDir, '8m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image('zstd', 4 * MIB)] });
    const importing = () => lab.import(path, { progress: whenChecked(() => fill(lab.stateDir)) });
    await expectNothingLeft(importing, { code: 'NO_SPACE', message: expect.stringContaining(lab.stateDir) });
  });

  it('of the state that is full when all is done costs the line in the log, not the release', async () => {
    mountDisk(lab.stateDir, '8m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()], files: [large] });
    await lab.import(path);
    const lines = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    const full = async () => {
      const real = await lab.connect();
      const inventory: typeof real.inventory = async (...args) => {
        fill(lab.stateDir, 0); // the last thing before it is found that there is nothing to do
        return real.inventory(...args);
      };
      return { ...real, inventory };
    };
    execFileSync('truncate', ['-s', String(4096 * Math.ceil(lines.length / 4096)), join(lab.stateDir, 'audit.jsonl')]);
    const { action, warnings } = await lab.import(path, { engine: full });
    expect({ action, warnings }).toEqual({
      action: 'present',
      warnings: [expect.stringMatching(/^no line in the log of this site: .*audit\.jsonl/)],
    });
  });

  it('of the state that is read-only is told of as that, not as a lack of privilege', async () => {
    mountDisk(lab.stateDir, '1m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()] });
    remount(lab.stateDir, 'ro');
    await expectNothingLeft(() => lab.import(path), {
      code: 'READ_ONLY',
      message: expect.stringContaining(lab.stateDir),
    });
  });

  it('of the files that is read-only is named, and nothing stays in the engine', async () => {
    mountDisk(lab.prefix, '8m');
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()], files: [large] });
    remount(lab.prefix, 'ro');
    await expectNothingLeft(() => lab.import(path), { code: 'READ_ONLY', message: expect.stringContaining('/etc') });
  });
});

describe('a stick', () => {
  it('that gives fewer bytes than it did when it was looked at names the layer, and nothing stays', async () => {
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image('none', 3 * MIB)] });
    const { size } = await stat(path);
    const importing = () => lab.import(path, { progress: afterBytes(MIB, () => truncateSync(path, size - MIB)) });
    await expectNothingLeft(importing, {
      code: 'BUNDLE_CUT_OFF',
      message: expect.stringContaining(`layer 1 of 1 of ${SERVER}`),
    });
  });

  it('that is gone when the first layer is to be read leaves nothing', async () => {
    await lab.trust();
    const { path } = await lab.release({ release: '1.0.0', images: [image()], files: [large] });
    const importing = () => lab.import(path, { progress: whenChecked(() => truncateSync(path, 0)) });
    await expectNothingLeft(importing, { code: 'BUNDLE_CUT_OFF' });
  });
});

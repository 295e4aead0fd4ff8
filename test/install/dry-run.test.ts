/** What an import would do, said before: images, files with what changes in them, room. It changes nothing at all. */

import { lstat, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findState, openState } from '../../src/state/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { CUT_OFF, createLab, flip, idOf, type Lab, type LabFile, NOW, useSite } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const base = { files: { 'base.txt': 'base' } };
const image = (name: string, text: string): TestImage => makeImage({ name, layers: [base, { files: { text } }] });
const file = (text: string, name = 'a.conf', mode = '0644'): LabFile => ({
  name,
  text,
  mode,
  install: `/etc/atrium/${name}`,
});
const onHost = (name = 'a.conf'): string => join(lab.prefix, 'etc/atrium', name);

/** A dry run, which must leave every file and every name and time in the engine as it was. */
async function planOf(path: string, options: Parameters<Lab['import']>[1] = {}) {
  const before = await everything();
  const done = await lab.import(path, { ...options, dryRun: true });
  expect(await everything()).toEqual(before);
  if (done.plan === undefined) throw new Error('expected a plan');
  return { ...done, plan: done.plan };
}

/** All that is on the disk of the site, with times, and all that the engine holds. */
async function everything(): Promise<unknown> {
  const entries = await readdir(lab.dir, { withFileTypes: true, recursive: true });
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).toSorted();
  const disk = await Promise.all(
    paths.map(async (path) => {
      const { mode, size, ino, mtimeMs, ctimeMs } = await lstat(path);
      return { path, mode, size, ino, mtimeMs, ctimeMs };
    }),
  );
  const images = await engine.docker('images', '-a', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}');
  const containers = await engine.docker('ps', '-a', '--format', '{{.ID}} {{.Names}} {{.State}}');
  return { disk, images: images.split('\n').toSorted(), containers: containers.split('\n').toSorted() };
}

async function install(files: readonly LabFile[] = [], images: readonly TestImage[] = []) {
  return lab.import((await lab.release({ release: '1.0.0', images, files })).path);
}

async function fileOf(files: readonly LabFile[], options: Parameters<Lab['import']>[1] = {}) {
  const { path } = await lab.release({ release: '2.0.0', files });
  return (await planOf(path, options)).plan.files[0];
}

describe('a dry run', () => {
  it('tells of every image whether it is there, to be loaded or to be named, and what is to be read', async () => {
    await install([], [image(SERVER, 'one'), image(WORKER, 'old')]);
    const images = [image(SERVER, 'one'), image(WORKER, 'new'), image('ghcr.io/atrium/again:1', 'one')];
    const { path } = await lab.release({ release: '2.0.0', images });
    const { plan, bytesRead, ...done } = await planOf(path);
    const worker = images[1]?.platform.layers[1]?.size;
    expect(plan.images).toEqual([
      { name: SERVER, action: 'present', imageID: await idOf(engine, SERVER), bytes: 0 },
      {
        name: WORKER,
        action: 'load',
        imageID: images[1]?.platform.config.digest,
        bytes: worker,
        replaces: await idOf(engine, WORKER),
      },
      { name: 'ghcr.io/atrium/again:1', action: 'retag', imageID: await idOf(engine, SERVER), bytes: 0 },
    ]);
    expect(bytesRead).toBe(worker);
    expect(done).toMatchObject({ action: 'planned', release: '2.0.0' });
  });

  it('tells the facts of the engine', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [image(SERVER, 'one')] });
    expect((await planOf(path)).engine).toMatchObject({
      name: 'docker',
      version: expect.stringMatching(/^\d+\./),
      apiVersion: expect.stringMatching(/^1\.\d+$/),
      store: 'classic',
      platform: { os: 'linux', architecture: 'amd64' },
      rootless: false,
    });
  });

  it('tells what is needed and what is free, disk by disk', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [image(SERVER, 'one')], files: [file('a\n')] });
    const { plan } = await planOf(path);
    expect(plan.space.length).toBeGreaterThan(0);
    const sum = plan.space.reduce((total, { needed }) => total + needed, 0);
    expect(sum).toBeGreaterThan(image(SERVER, 'one').platform.layers.reduce((total, { size }) => total + 3 * size, 0));
    for (const { path: where, needed, free } of plan.space) {
      expect(where).toMatch(/^\//);
      expect(free).toBeGreaterThan(needed);
    }
  });

  it('on a site that has no state makes none', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [image(SERVER, 'one')] });
    const done = await other.import(path, { dryRun: true, fingerprint: fingerprint(other.publisher.root).hex });
    expect(done.plan?.images).toMatchObject([{ action: 'load' }]);
    expect(await findState(other.stateDir)).toBeUndefined();
    expect(await readdir(other.dir)).not.toContain('state');
    await other.remove();
  });

  it('of a catalogue has no plan, and of an overlay one of files', async () => {
    await install();
    expect((await lab.import(await lab.catalogue(), { dryRun: true })).plan).toBeUndefined();
    const receipt = JSON.parse(await readFile(join(lab.stateDir, 'releases/1/receipt.json'), 'utf8'));
    const { plan } = await planOf(await lab.overlay(receipt.signed.site, [file('licence\n', 'licence.txt')]));
    expect(plan).toMatchObject({ images: [], files: [{ name: 'licence.txt', action: 'new', why: 'site' }] });
  });
});

describe('what changes in a file', () => {
  it('is a unified diff of what stands there', async () => {
    await install([file('one\ntwo\nthree\n')]);
    expect(await fileOf([file('one\n2\nthree\n')])).toEqual({
      name: 'a.conf',
      path: onHost(),
      action: 'changed',
      diff: [`--- ${onHost()}`, `+++ ${onHost()}`, '@@ -1,3 +1,3 @@', ' one', '-two', '+2', ' three'].join('\n'),
      more: 0,
    });
  });

  it('is all of it when it is new, and nothing when it is the same', async () => {
    await install([file('same\n', 'b.conf')]);
    expect(await fileOf([file('one\n')])).toMatchObject({ action: 'new', diff: expect.stringContaining('\n+one') });
    expect(await fileOf([file('same\n', 'b.conf')])).toEqual({
      name: 'b.conf',
      path: onHost('b.conf'),
      action: 'same',
    });
  });

  it('is what is there, and not what was installed, also when somebody changed it', async () => {
    await install([file('one\n')]);
    await writeFile(onHost(), 'edited\n');
    const flags = { replace: ['a.conf'], reason: 'ticket 4711' };
    expect(await fileOf([file('two\n')], flags)).toMatchObject({ diff: expect.stringContaining('-edited\n+two') });
    const kept = { keepLocal: ['a.conf'], reason: 'ticket 4711' };
    expect(await fileOf([file('two\n')], kept)).toEqual({ name: 'a.conf', path: onHost(), action: 'kept' });
  });

  it('is its mode', async () => {
    await install([file('same\n')]);
    expect(await fileOf([file('same\n', 'a.conf', '0755')])).toEqual({
      name: 'a.conf',
      path: onHost(),
      action: 'changed',
      mode: { from: '0644', to: '0755' },
    });
  });

  it.each([
    ['is no text', file('a\0b\n'), 'binary'],
    ['is too large', file('x'.repeat(64 * 1024 + 1)), 'large'],
    ['not everybody may read', file('password: new\n', 'a.conf', '0640'), 'private'],
  ])('is not shown of a file that %s', async (_what, next, why) => {
    await install([file('old\n')]);
    const change = await fileOf([next]);
    expect(change).toMatchObject({ action: 'changed', why });
    expect(change).not.toHaveProperty('diff');
  });

  it('is not shown of a file that not everybody could read until now', async () => {
    await install([file('password: old\n', 'a.conf', '0600')]);
    expect(JSON.stringify(await fileOf([file('none\n')]))).not.toContain('password');
  });

  it('is not shown of a file of the site, nor of one that takes its place', async () => {
    const secret = 'licence-key-4711';
    const sites = { any: [file(`${secret}\n`, 'site.lic')] };
    const { path } = await lab.release({ release: '1.0.0', sites });
    const { plan } = await planOf(path);
    expect(plan.files).toMatchObject([{ action: 'new', why: 'site' }]);
    await lab.import(path);
    const next = await fileOf([file('none\n', 'site.lic')]);
    expect(next).toMatchObject({ action: 'changed', why: 'site' });
    expect(JSON.stringify([plan, next])).not.toContain(secret);
  });

  it('is harmless to a terminal', async () => {
    await install([file('a\n')]);
    const change = await fileOf([file('\u001b]0;owned\u0007\n')]);
    expect(change?.diff).toContain('+\\u{1b}]0;owned\\u{7}');
  });

  it('names the file that is damaged on the medium', async () => {
    const { path } = await lab.release({ release: '1.0.0', files: [file('text\n')] });
    await flip(path, 'files/a.conf');
    await expect(lab.import(path, { dryRun: true })).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining('files/a.conf'),
    });
  });
});

describe('an import that was cut off', () => {
  it('is told of by a dry run, and left as it is', async () => {
    await install();
    const state = await openState(lab.stateDir);
    await state.writeJournal(CUT_OFF);
    const { path } = await lab.release({ release: '2.0.0', images: [image(SERVER, 'two')] });
    const { pending, warnings } = await planOf(path);
    expect(pending).toEqual({
      title: 'import atrium 2.0.0 (sequence 2)',
      started: NOW.toISOString(),
      direction: 'forward',
    });
    expect(warnings).toEqual([expect.stringContaining('ferry recover')]);
    await state.removeJournal();
    expect(await planOf(path)).not.toHaveProperty('pending');
  });
});

/** Files of whole imports and rollbacks: how they stand, who sees them, and what was here before ferry. docs/files.md. */

import { chmod, chown, lstat, mkdir, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rollBack } from '../../src/install/index.ts';
import { busyboxImage, type TestEngine } from '../support/engine.ts';
import { type Lab, NOW, useSite } from './lab.ts';

let engine: TestEngine;
let lab: Lab;
useSite((made) => {
  ({ engine, lab } = made);
});

const at = (name: string): string => join(lab.prefix, 'etc/atrium', name);
const text = (name: string): Promise<string> => readFile(at(name), 'utf8');
const file = (name: string, content: string) => ({ name, text: content, install: `/etc/atrium/${name}` });
const back = () => rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });

describe('the files of releases', () => {
  it('are links that one rename switches, and leave one version behind', async () => {
    const one = await lab.release({ release: '1', files: [file('a', 'a1'), file('b', 'b')] });
    const two = await lab.release({ release: '2', files: [file('a', 'a2'), file('b', 'b'), file('c', 'c2')] });
    await lab.import(one.path);
    await lab.import(two.path);
    expect(await Promise.all(['a', 'b', 'c'].map(text))).toEqual(['a2', 'b', 'c2']);
    const version = await readlink(at('..data'));
    expect((await readdir(at('.'))).toSorted()).toEqual([version, '..data', 'a', 'b', 'c'].toSorted());
    expect(await readlink(at('a'))).toBe('..data/a');
  });

  it('go back to the very state of before ferry: plain, absent, with owner and permissions', async () => {
    await mkdir(at('.'), { recursive: true });
    await writeFile(at('a'), 'theirs');
    await chmod(at('a'), 0o600);
    await chown(at('a'), 1234, 4321);
    const one = await lab.release({ release: '1', files: [file('a', 'a1'), file('b', 'b1')] });
    const done = await lab.import(one.path);
    expect(done.warnings).toContainEqual(expect.stringContaining('/etc/atrium/a was here before ferry'));
    expect(await text('a')).toBe('a1');
    await back();
    expect(await readdir(at('.'))).toEqual(['a']);
    expect(await text('a')).toBe('theirs');
    expect((await lstat(at('a'))).isFile()).toBe(true);
    expect(await stat(at('a'))).toMatchObject({ mode: 0o100600, uid: 1234, gid: 4321 });
    await back(); // which can be taken back too
    expect([await text('a'), await text('b')]).toEqual(['a1', 'b1']);
  });

  it('go back to a release with what the operator had beside it: a plain file again', async () => {
    const one = await lab.release({ release: '1', files: [file('a', 'a1')] });
    const two = await lab.release({ release: '2', files: [file('a', 'a2'), file('b', 'b2')] });
    await lab.import(one.path);
    await writeFile(at('b'), 'theirs');
    await lab.import(two.path, { replace: ['b'], reason: 'ticket 2' });
    await back();
    expect([await text('a'), await text('b')]).toEqual(['a1', 'theirs']);
    expect((await lstat(at('a'))).isSymbolicLink()).toBe(true);
    expect((await lstat(at('b'))).isFile()).toBe(true);
    await back();
    expect([await text('a'), await text('b')]).toEqual(['a2', 'b2']);
  });

  it('that the next release has no more stay, and that is said', async () => {
    const one = await lab.release({ release: '1', files: [file('a', 'a1'), file('b', 'b1'), file('c', 'c1')] });
    const two = await lab.release({ release: '2', files: [file('a', 'a2')] });
    await lab.import(one.path);
    await rm(at('c'));
    const line = '/etc/atrium/b was installed by 1 and is no part of 2: left in place';
    expect((await lab.import(two.path, { dryRun: true })).warnings).toEqual([line]);
    expect((await lab.import(two.path)).warnings).toEqual([line]);
    expect(await text('b')).toBe('b1');
    expect((await lab.import(two.path)).warnings).toEqual([]);
  });

  it('of the operator, back after a rollback, are asked about as the first time', async () => {
    const one = await lab.release({ release: '1', files: [file('a', 'a1')] });
    const two = await lab.release({ release: '2', files: [file('b', 'b2')] });
    await lab.import(one.path);
    await writeFile(at('b'), 'theirs');
    await expect(lab.import(two.path)).rejects.toMatchObject({ code: 'LOCAL_EDIT' });
    await lab.import(two.path, { replace: ['b'], reason: 'ticket 3' });
    await back();
    await expect(lab.import(two.path)).rejects.toMatchObject({ code: 'LOCAL_EDIT' });
    expect(await text('b')).toBe('theirs');
  });

  it('of before ferry, back after a rollback, are replaced as by a first import, which says so', async () => {
    await mkdir(at('.'), { recursive: true });
    await writeFile(at('a'), 'theirs');
    const one = await lab.release({ release: '1', files: [file('a', 'a1')] });
    const line = '/etc/atrium/a was here before ferry and is replaced; `ferry rollback` brings it back';
    expect((await lab.import(one.path)).warnings).toContain(line);
    await back();
    await writeFile(at('a'), 'theirs, later');
    expect((await lab.import(one.path)).warnings).toContain(line);
    await back();
    expect(await text('a')).toBe('theirs, later');
  });

  it('of a site are never put over a file that nobody could bring back', async () => {
    await mkdir(at('.'), { recursive: true });
    await writeFile(at('license'), 'by hand');
    const overlay = await lab.overlay('any', [file('license', 'from the office')]);
    await expect(lab.import(overlay)).rejects.toMatchObject({ code: 'LOCAL_EDIT' });
    expect(await text('license')).toBe('by hand');
    await lab.import(overlay, { replace: ['license'], reason: 'the new one' });
    expect(await text('license')).toBe('from the office');
  });

  it('go back with the edits that a replaced release had', async () => {
    const one = await lab.release({ release: '1', files: [file('a', 'a1'), file('b', 'b1')] });
    const two = await lab.release({ release: '2', files: [file('a', 'a2'), file('b', 'b2')] });
    await lab.import(one.path);
    await writeFile(at('a'), 'edited');
    await lab.import(two.path, { replace: ['a'], reason: 'ticket 1' });
    expect([await text('a'), await text('b')]).toEqual(['a2', 'b2']);
    await back();
    expect([await text('a'), await text('b')]).toEqual(['edited', 'b1']);
  });

  it('name the running container that still sees an old one', async () => {
    const box = 'docker.io/library/box:1';
    await busyboxImage(engine, { name: box, layers: [{ files: { x: 'x' } }] });
    const one = await lab.release({ release: '1', files: [file('a', 'a1'), file('b', 'b')] });
    const two = await lab.release({ release: '2', files: [file('a', 'a2'), file('b', 'b')] });
    await lab.import(one.path);
    const run = ['run', '--detach', '--net=none', '--volume'];
    const sleep = [box, '/bin/busybox', 'sleep', '600'];
    await engine.docker(...run, `${at('a')}:/a`, '--name', 'stale', ...sleep);
    await engine.docker(...run, `${at('b')}:/b`, '--name', 'other', ...sleep);
    await engine.docker(...run, `${at('.')}:/etc/atrium`, '--name', 'folder', ...sleep);
    expect((await lab.import(two.path)).recreate).toEqual([{ container: 'stale', path: at('a') }]);
    await engine.docker(...run, `${at('a')}:/a`, '--name', 'other-way', ...sleep);
    expect(await engine.docker('exec', 'folder', '/bin/busybox', 'cat', '/etc/atrium/a')).toBe('a2');
    expect((await back()).recreate).toEqual([{ container: 'other-way', path: at('a') }]);
    await engine.docker('rm', '--force', 'other-way', 'stale', 'other', 'folder');
  });
});

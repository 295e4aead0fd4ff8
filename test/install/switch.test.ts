/** Files of a folder are switched together, and what is about them: owner, permissions, label, what was there. FORMAT §3. */

import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { lookAtFiles } from '../../src/install/files/drift.ts';
import { FolderTree } from '../../src/install/files/folder.ts';
import { labelWith } from '../../src/install/files/label.ts';
import { findStanding, readStanding } from '../../src/install/files/standing.ts';
import { planSwitch, type WantedFile } from '../../src/install/files/switch-plan.ts';
import type { InstalledFile } from '../../src/install/kept/installed.ts';
import { stageFiles, stageKind } from '../../src/install/steps/stage.ts';
import { switchFiles } from '../../src/install/steps/switch.ts';
import { digestOf } from '../../src/oci/index.ts';
import { testBundle, writeTestBundle } from '../support/bundles.ts';
import { SwitchLab, stageStep, switchStep } from './switch-lab.ts';

const [ONE, TWO, THREE] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb', 'cccccccccccc'];
const A = '/etc/atrium/a';
const B = '/etc/atrium/b';

let lab: SwitchLab;
beforeEach(async () => {
  lab = await SwitchLab.create();
});
afterEach(() => lab.remove());

const want = (...args: Parameters<SwitchLab['want']>) => lab.want(...args);

describe('files that are installed', () => {
  it('stand as relative links through ..data, with the bytes in a folder of their own', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want('/etc/atrium/tls/key', 'k1', { mode: 0o600 }));
    expect((await readdir(lab.at('/etc/atrium'))).toSorted()).toEqual([`..${ONE}`, '..data', 'a', 'tls']);
    expect(await readlink(lab.at(A))).toBe('..data/a');
    expect(await readlink(lab.at('/etc/atrium/..data'))).toBe(`..${ONE}`);
    expect(await lab.text(`/etc/atrium/..${ONE}/a`)).toBe('a1');
    expect((await stat(lab.at('/etc/atrium/tls/key'))).mode & 0o7777).toBe(0o600);
    expect((await stat(lab.at(`/etc/atrium/..${ONE}`))).mode & 0o7777).toBe(0o755);
  });

  it('come from the bundle, proven', async () => {
    const bytes = Buffer.from('from the tar');
    const altered = Buffer.from('as it was signed');
    const path = await writeTestBundle(lab.dir, await testBundle({ files: { a: bytes, wrong: altered } }));
    const tar = await readFile(path);
    tar.write('AS', tar.indexOf(altered));
    await writeFile(path, tar);
    const bundle = await openBundle(path);
    const medium = { bundle, opened: new Map() } as never;
    const entry = (name: string, text = bytes): WantedFile => ({
      ...{ path: `/etc/atrium/${name}`, name, digest: digestOf(text), size: text.length, mode: 0o644 },
      source: { entry: `files/${name}` },
    });
    const data = await lab.plan([entry('a')]);
    await stageStep.apply(data, lab.site(ONE, { medium }));
    await switchStep.apply(data, lab.site(ONE));
    expect(await lab.text(A)).toBe('from the tar');
    const wrong = await lab.plan([entry('wrong', altered)]);
    await expect(stageStep.apply(wrong, lab.site(TWO, { medium }))).rejects.toMatchObject({ code: 'DAMAGED' });
    await stageStep.undo(wrong, lab.site(TWO));
    expect(await readdir(lab.at('/etc/atrium'))).not.toContain(`..${TWO}`);
    await bundle.file.close();
  });

  it('of one folder are switched by one rename', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    const data = await lab.plan([await want(A, 'a2'), await want(B, 'b2')]);
    await stageStep.apply(data, lab.site(TWO));
    expect(await lab.shown()).toEqual({ [A]: 'a1', [B]: 'b1' });
    const { ino } = await lstat(lab.at(A));
    await switchStep.apply(data, lab.site(TWO));
    expect(await lab.shown()).toEqual({ [A]: 'a2', [B]: 'b2' });
    expect((await lstat(lab.at(A))).ino).toBe(ino); // the names were not touched
  });

  it('leave nothing of the former version behind', async () => {
    await lab.put(A, 'plain');
    await lab.install(ONE, await want(A, 'a1'));
    await lab.install(TWO, await want(A, 'a2'), await want(B, 'b2'));
    expect((await readdir(lab.at('/etc/atrium'))).toSorted()).toEqual([`..${TWO}`, '..data', 'a', 'b']);
  });

  it('are carried over as copies when they stay: an edit in place does not reach the former version', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1', { mode: 0o600, uid: 1234, gid: 4321 }));
    const data = await lab.plan([await want(A, 'a2')]);
    await stageStep.apply(data, lab.site(TWO));
    await switchStep.apply(data, lab.site(TWO));
    expect(await stat(lab.at(B))).toMatchObject({ uid: 1234, gid: 4321, mode: 0o100600, nlink: 1 });
    await writeFile(lab.at(B), 'edited in place');
    expect(await lab.text(`/etc/atrium/..${ONE}/b`)).toBe('b1');
    await lab.undo(TWO, data);
    expect(await lab.shown()).toEqual({ [A]: 'a1', [B]: 'b1' });
  });

  it('are carried over with their local edits', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await writeFile(lab.at(B), 'edited in place');
    await lab.install(TWO, await want(A, 'a2'));
    expect(await lab.shown()).toEqual({ [A]: 'a2', [B]: 'edited in place' });
  });

  it('leave a file alone that the operator put in the place of a link', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await lab.replace(B, 'theirs');
    await lab.install(TWO, await want(A, 'a2'));
    expect(await lab.shown()).toEqual({ [A]: 'a2', [B]: 'theirs' });
    expect(await readdir(lab.at(`/etc/atrium/..${TWO}`))).toEqual(['a']);
  });

  it('are written again when somebody took one away, which shows no former bytes meanwhile', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await rm(lab.at(A));
    const data = await lab.plan([await want(A, 'a2')]);
    await stageStep.apply(data, lab.site(TWO));
    expect(await lab.shown()).toEqual({ [B]: 'b1' });
    await switchStep.apply(data, lab.site(TWO));
    await lab.settle(TWO, data);
    expect(await lab.shown()).toEqual({ [A]: 'a2', [B]: 'b1' });
  });

  it('are not touched when all of them stand as they are wanted', async () => {
    const wanted = [await want(A, 'a1'), await want('/opt/atrium/none', null)];
    await lab.install(ONE, ...wanted);
    const tree = new FolderTree(lab.prefix);
    expect(await planSwitch(wanted, tree)).toBeUndefined();
    await tree.close();
    expect(stageFiles(undefined)).toBeUndefined();
    expect(switchFiles(undefined)).toBeUndefined();
  });

  it('are refused when somebody changes one between the look and the first change', async () => {
    await lab.put(A, 'looked at');
    const data = await lab.plan([await want(A, 'a1')]);
    await lab.put(A, 'edited since');
    await expect(stageStep.check?.(data, lab.site(ONE))).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  });

  it('are not shown when somebody takes a link away meanwhile; what they put there stays', async () => {
    await lab.put(A, 'plain');
    await lab.put(B, 'plain b');
    const data = await lab.plan([await want(A, 'a1'), await want(B, 'b1')]);
    await stageStep.apply(data, lab.site(ONE));
    await lab.replace(A, 'theirs');
    await expect(switchStep.apply(data, lab.site(ONE))).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    await lab.undo(ONE, data);
    expect(await lab.shown()).toEqual({ [A]: 'theirs', [B]: 'plain b' });
    expect((await readdir(lab.at('/etc/atrium'))).toSorted()).toEqual(['a', 'b']);
  });

  it('never get into the way of a name that appeared meanwhile', async () => {
    const data = await lab.plan([await want(A, 'a1')]);
    await lab.put(A, 'theirs');
    await expect(stageStep.apply(data, lab.site(ONE))).rejects.toMatchObject({
      code: 'FILE_CHANGED',
      facts: { path: A },
    });
    await lab.undo(ONE, data);
    expect(await lab.shown()).toEqual({ [A]: 'theirs' });
  });

  it('stop when they are told to', async () => {
    const data = await lab.plan([await want(A, 'a1')]);
    const signal = AbortSignal.abort();
    await expect(stageStep.apply(data, lab.site(ONE, { signal }))).rejects.toThrow();
    await stageStep.undo(data, lab.site(ONE, { signal })); // undoing does not listen
    expect(await readdir(lab.prefix)).toEqual([]);
  });

  it('are not made from a journal whose drafts are gone', async () => {
    const data = await lab.plan([await want(A, 'a1')]);
    await expect(switchStep.apply(data, lab.site(ONE))).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  });

  it('leave a folder that others have filled meanwhile', async () => {
    const data = await lab.plan([await want(A, 'a1')]);
    await stageStep.apply(data, lab.site(ONE));
    await lab.put('/etc/atrium/theirs', 'x');
    await lab.undo(ONE, data);
    expect(await lab.shown()).toEqual({ '/etc/atrium/theirs': 'x' });
    expect(await readdir(lab.at('/etc'))).toEqual(['atrium']);
  });
});

describe('going back', () => {
  it('to a plain file gives back a plain file, and nothing of ours stays', async () => {
    await lab.put(A, 'plain');
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await lab.install(TWO, await want(A, 'plain', { isPlain: true, mode: 0o644 }), await want(B, null));
    expect(await readdir(lab.at('/etc/atrium'))).toEqual(['a']);
    expect((await lstat(lab.at(A))).isFile()).toBe(true);
    expect(await lab.text(A)).toBe('plain');
  });

  it('to nothing takes the name away, and ..data stays for what is left', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await lab.install(TWO, await want(B, null));
    expect((await readdir(lab.at('/etc/atrium'))).toSorted()).toEqual([`..${TWO}`, '..data', 'a']);
    await lab.install(THREE, await want(A, null));
    expect(await readdir(lab.at('/etc/atrium'))).toEqual([]);
  });

  it('to the same bytes makes a link a plain file too', async () => {
    await lab.install(ONE, await want(A, 'same'));
    await lab.install(TWO, await want(A, 'same', { isPlain: true }));
    expect((await lstat(lab.at(A))).isFile()).toBe(true);
    expect(await readdir(lab.at('/etc/atrium'))).toEqual(['a']);
  });

  it('gives back owner and permissions as they were written down', async () => {
    await lab.install(ONE, await want(A, 'a1'));
    await lab.install(TWO, await want(A, 'a0', { mode: 0o600, uid: 1234, gid: 4321 }));
    expect(await stat(lab.at(A))).toMatchObject({ mode: 0o100600, uid: 1234, gid: 4321 });
  });
});

describe('a new file', () => {
  it('has the owner of its predecessor, plain or ours', async () => {
    await lab.put(A, 'plain');
    await chown(lab.at(A), 1234, 4321);
    await lab.install(ONE, await want(A, 'a1'));
    expect(await stat(lab.at(A))).toMatchObject({ uid: 1234, gid: 4321 });
    await lab.install(TWO, await want(A, 'a2'));
    expect(await stat(lab.at(A))).toMatchObject({ uid: 1234, gid: 4321 });
  });

  it.each([0o4755, 0o2755, 0o1644])('never has more than read, write and execute (%o)', async (mode) => {
    await lab.install(ONE, await want(A, 'a1', { mode }));
    expect((await stat(lab.at(A))).mode & 0o7777).toBe(mode & 0o777);
  });

  it('has no setuid bit either when it is carried over', async () => {
    await lab.install(ONE, await want(A, 'a1'), await want(B, 'b1'));
    await chmod(lab.at(B), 0o4755);
    await lab.install(TWO, await want(A, 'a2'));
    expect((await stat(lab.at(B))).mode & 0o7777).toBe(0o755);
  });

  it('does not get the setuid bit of its predecessor; undoing gives it back', async () => {
    await lab.put(A, 'plain');
    await chmod(lab.at(A), 0o4755);
    const data = await lab.plan([await want(A, 'a1', { mode: 0o755 })]);
    await stageStep.apply(data, lab.site(ONE));
    await switchStep.apply(data, lab.site(ONE));
    expect((await stat(lab.at(A))).mode & 0o7777).toBe(0o755);
    await lab.undo(ONE, data);
    expect((await stat(lab.at(A))).mode & 0o7777).toBe(0o4755);
  });

  it('takes nothing away from other names of its predecessor', async () => {
    await lab.put(A, 'plain');
    await link(lab.at(A), lab.at('/etc/atrium/second'));
    await lab.install(ONE, await want(A, 'a1'));
    expect(await lab.shown()).toEqual({ [A]: 'a1', '/etc/atrium/second': 'plain' });
  });
});

describe('an SELinux label', () => {
  /** What the programs would see of the paths they are told, at the moment they are. */
  function recorder() {
    const calls: { program: string; words: readonly string[]; texts: readonly string[] }[] = [];
    const run = async (program: string, words: readonly string[]) => {
      const paths = words.map((word) => word.replace('--reference=', ''));
      expect(paths.every((path) => path.startsWith(`/proc/${process.pid}/fd/`))).toBe(true);
      calls.push({ program, words, texts: await Promise.all(paths.map((path) => readFile(path, 'utf8'))) });
    };
    return { calls, run };
  }

  it('is that of the predecessor, else the policy’s for the place', async () => {
    await lab.put(A, 'plain');
    await lab.install(ONE, await want('/etc/atrium/carried', 'c'));
    const { calls, run } = recorder();
    const kind = stageKind(labelWith({ isOn: async () => true, run }));
    await kind.apply(await lab.plan([await want(A, 'a1'), await want(B, 'b1')]), lab.site(TWO));
    expect(calls.map(({ program, texts }) => [program, ...texts])).toEqual([
      ['chcon', 'c', 'c'],
      ['chcon', 'plain', 'a1'],
      ['restorecon', 'b1'],
    ]);
    expect(calls[0]?.words[0]).toMatch(/^--reference=/);
  });

  it('is nobody’s business where SELinux is off', async () => {
    const { calls, run } = recorder();
    await labelWith({ isOn: async () => false, run })({ path: '/proc/self/fd/1/x', predecessor: undefined });
    expect(calls).toEqual([]);
  });

  it('that cannot be given is told and no reason to stop', async () => {
    const run = () => Promise.reject(new Error('restorecon: not supported'));
    const kind = stageKind(labelWith({ isOn: async () => true, run }));
    await kind.apply(await lab.plan([await want(A, 'a1')]), lab.site(ONE));
    expect(lab.warnings).toEqual([expect.stringContaining('restorecon: not supported')]);
  });
});

describe('what stands', () => {
  const written = (text: string | null, more: Partial<InstalledFile> = {}): InstalledFile => {
    const bytes = Buffer.from(text ?? '');
    const digest = text === null ? null : digestOf(bytes);
    return { path: A, name: 'a', digest, size: bytes.length, mode: 0o640, uid: 0, gid: 0, from: 'release', ...more };
  };
  const look = async (file: InstalledFile) => (await lookAtFiles({ files: [file] }, lab.prefix))[0];

  it('is read through our links', async () => {
    await lab.install(ONE, await want(A, 'a1'));
    const tree = new FolderTree(lab.prefix);
    const digest = digestOf(Buffer.from('a1'));
    expect(await findStanding(tree, A)).toEqual({ digest, size: 2, mode: 0o640, uid: 0, gid: 0 });
    expect(Buffer.concat(await Array.fromAsync(readStanding(tree, A))).toString()).toBe('a1');
    expect(await findStanding(tree, B)).toBeUndefined();
    expect(await Array.fromAsync(readStanding(tree, B))).toEqual([]);
    await tree.close();
  });

  it('is nothing where our link leads nowhere', async () => {
    await mkdir(lab.at('/etc/atrium'), { recursive: true });
    await symlink('..data/a', lab.at(A));
    const tree = new FolderTree(lab.prefix);
    expect(await findStanding(tree, A)).toBeUndefined();
    await tree.close();
  });

  it('is as it was installed', async () => {
    await lab.install(ONE, await want(A, 'a1'));
    expect(await look(written('a1'))).toEqual({ path: A, name: 'a', ok: true, found: 'present' });
    expect(await look(written(null, { path: B, name: 'b' }))).toEqual({
      path: B,
      name: 'b',
      ok: true,
      found: 'missing',
    });
  });

  it.each<[string, () => Promise<unknown>]>([
    ['other bytes', () => writeFile(lab.at(A), 'edited')],
    ['other permissions', () => chmod(lab.at(A), 0o666)],
    ['a setuid bit', () => chmod(lab.at(A), 0o4640)],
    ['a link of others', () => rm(lab.at(A)).then(() => symlink('/etc/passwd', lab.at(A)))],
    ['a folder', () => rm(lab.at(A)).then(() => mkdir(lab.at(A)))],
    ['a way there that everybody may write', () => chmod(lab.at('/etc/atrium'), 0o777)],
  ])('has changed when it is %s', async (_what, change) => {
    await lab.install(ONE, await want(A, 'a1'));
    await change();
    expect(await look(written('a1'))).toMatchObject({ ok: false, found: 'changed' });
  });

  it('is missing when it is gone, and wrong where nothing is to be', async () => {
    expect(await look(written('a1'))).toMatchObject({ ok: false, found: 'missing' });
    await lab.put(A, 'x');
    expect(await look(written(null))).toMatchObject({ ok: false, found: 'changed' });
  });

  it('does not change by being given to another user', async () => {
    await lab.install(ONE, await want(A, 'a1'));
    await chown(lab.at(A), 1234, 1234);
    expect(await look(written('a1'))).toMatchObject({ ok: true });
  });
});

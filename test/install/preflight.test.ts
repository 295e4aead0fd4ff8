/** What stands in the way of an import: all of it at once, the worst first, and nothing is changed. FORMAT §8. */

import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { wordsFor } from '../../src/cli/words.ts';
import { DockerError } from '../../src/docker/index.ts';
import { FerryError } from '../../src/errors.ts';
import { InstallError } from '../../src/install/error.ts';
import { Findings } from '../../src/install/import/preflight.ts';
import { digestOf } from '../../src/oci/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { createLab, flip, type Lab, type LabFile, snapshot, useSite } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const server = (text = 'one'): TestImage => makeImage({ name: SERVER, layers: [{ files: { 'server.txt': text } }] });
const file = (text: string, name = 'a.conf'): LabFile => ({ name, text, install: `/etc/atrium/${name}` });
const nested = (name: string, folder = 'd'): LabFile => ({
  name,
  text: name,
  install: `/etc/atrium/${folder}/${name}`,
});
const onHost = (name = 'a.conf'): string => join(lab.prefix, 'etc/atrium', name);
const edit = (text = 'edited\n', name = 'a.conf'): Promise<void> => writeFile(onHost(name), text);
const down = () =>
  Promise.reject(new DockerError('connect to engine: expected an answer, got none', { code: 'ENGINE_NOT_RUNNING' }));
const REASON = 'ticket 4711';

/** An older and a younger release; the younger is installed. */
async function twoReleases(files = [file('old\n')], next = [file('new\n')]) {
  const old = await lab.release({ release: '1.0.0', images: [server('one')], files });
  const young = await lab.release({ release: '2.0.0', images: [server('two')], files: next });
  return { old, young };
}

/** The codes of what is refused, in the order in which they are told, with nothing changed. */
async function findingsOf(path: string, options: Parameters<Lab['import']>[1] = {}): Promise<string[]> {
  const before = await snapshot(engine, lab);
  const error = await lab.import(path, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FerryError)) throw error ?? new Error('expected a refusal');
  expect(await snapshot(engine, lab)).toEqual(before);
  return error.errors.length === 0 ? [error.code] : error.errors.map(({ code }) => code);
}

/** What a receipt says was set aside, after its signature was checked by the key that signed it. */
async function overridesIn(receipt: string | undefined): Promise<unknown> {
  return JSON.parse(await readFile(receipt ?? '', 'utf8')).signed.overrides;
}

describe('Findings', () => {
  const found = (code: 'LOCAL_EDIT' | 'SPACE_SHORT' | 'UPGRADE_FROM') => new InstallError(code, { code });

  it('throws nothing when there is none, and a single one as it is', () => {
    const findings = new Findings();
    findings.throwAny();
    const only = found('SPACE_SHORT');
    findings.add(only);
    expect(() => findings.throwAny()).toThrow(only);
  });

  it('makes one error of several, the worst first', () => {
    const findings = new Findings([found('SPACE_SHORT')]);
    findings.add(found('LOCAL_EDIT'), found('UPGRADE_FROM'));
    const thrown = (() => {
      try {
        return findings.throwAny();
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toMatchObject({
      code: 'PREFLIGHT_FAILED',
      message: 'look before the import: expected nothing in the way, got UPGRADE_FROM, LOCAL_EDIT, SPACE_SHORT',
      errors: [{ code: 'UPGRADE_FROM' }, { code: 'LOCAL_EDIT' }, { code: 'SPACE_SHORT' }],
    });
  });

  it('goes on after a check that found something, and stops at one that all others need', async () => {
    const findings = new Findings();
    expect(await findings.check(() => Promise.reject(found('SPACE_SHORT')))).toBeUndefined();
    expect(await findings.check(() => 7)).toBe(7);
    await expect(findings.need(() => Promise.reject(found('LOCAL_EDIT')))).rejects.toMatchObject({
      errors: [{ code: 'LOCAL_EDIT' }, { code: 'SPACE_SHORT' }],
    });
  });

  it('takes no mistake of ours for a finding', async () => {
    const mistake = new TypeError('ours');
    await expect(new Findings().check(() => Promise.reject(mistake))).rejects.toBe(mistake);
  });
});

describe('several things in the way', () => {
  it('are all told: a step back, an edit, and an engine that is down', async () => {
    const { old, young } = await twoReleases();
    await lab.import(young.path);
    await edit();
    expect(await findingsOf(old.path, { engine: down })).toEqual(['DOWNGRADE', 'LOCAL_EDIT', 'ENGINE_NOT_RUNNING']);
    expect(await findingsOf(old.path)).toEqual(['DOWNGRADE', 'LOCAL_EDIT']);
    expect(await findingsOf(old.path, { allowDowngrade: true, reason: REASON })).toEqual(['LOCAL_EDIT']);
    expect(await findingsOf(young.path, { engine: down })).toEqual(['LOCAL_EDIT', 'ENGINE_NOT_RUNNING']);
  });

  it('are told also in a dry run', async () => {
    const { old, young } = await twoReleases();
    await lab.import(young.path);
    await edit();
    expect(await findingsOf(old.path, { engine: down, dryRun: true })).toHaveLength(3);
  });

  it('are one line of the log', async () => {
    const { old, young } = await twoReleases();
    await lab.import(young.path);
    await edit();
    await findingsOf(old.path);
    const audit = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    expect(audit.trimEnd().split('\n').at(-1)).toMatch(/"code":"PREFLIGHT_FAILED".*got DOWNGRADE, LOCAL_EDIT/);
  });

  it('are what trust refuses, and the engine: nothing is looked at for a bundle that nobody vouches for', async () => {
    const { old, young } = await twoReleases();
    await lab.import(young.path);
    await edit();
    const options = { engine: down };
    expect(await findingsOf(old.path, { ...options, now: new Date('2035-01-01T00:00:00Z') })).toEqual([
      'EXPIRED',
      'ENGINE_NOT_RUNNING',
    ]);
    await lab.publisher.revoke(old.published);
    await lab.import(await lab.catalogue());
    expect(await findingsOf(old.path, options)).toEqual(['RELEASE_NOT_LISTED', 'ENGINE_NOT_RUNNING']);
  });

  it('are the wrong architecture, and an edit', async () => {
    await lab.import((await twoReleases()).young.path);
    await edit();
    const image = makeImage({ name: SERVER, layers: [{ files: { a: 'a' } }], architecture: 's390x' });
    const next = await lab.release({
      release: '3.0.0',
      images: [image],
      platforms: ['linux/s390x'],
      files: [file('newer\n')],
    });
    expect(await findingsOf(next.path)).toEqual(['LOCAL_EDIT', 'WRONG_ARCHITECTURE']);
  });

  it('are a way to a file that leads over a link, and an engine that is down', async () => {
    const { old } = await twoReleases();
    await mkdir(join(lab.prefix, 'etc'));
    await symlink('/tmp', join(lab.prefix, 'etc/atrium'));
    expect(await findingsOf(old.path, { engine: down })).toEqual(['DESTINATION_UNSAFE', 'ENGINE_NOT_RUNNING']);
  });

  it('are each file that may not stand at its place, once for one reason, and an edit of another', async () => {
    const { old, young } = await twoReleases(
      [file('old\n'), nested('b.conf'), nested('c.conf'), nested('d.conf', 'e')],
      [file('new\n'), nested('b.conf'), nested('c.conf'), nested('d.conf', 'e')],
    );
    await lab.import(old.path);
    await edit();
    await chmod(join(lab.prefix, 'etc/atrium/d'), 0o777);
    await chmod(join(lab.prefix, 'etc/atrium/e'), 0o777);
    expect(await findingsOf(young.path)).toEqual(['DESTINATION_UNSAFE', 'DESTINATION_UNSAFE', 'LOCAL_EDIT']);
  });

  it('are not told of a medium that is damaged: that comes first and alone', async () => {
    const { old, young } = await twoReleases();
    await lab.import(young.path);
    await edit();
    await flip(old.path, server('one').platform.config.digest);
    expect(await findingsOf(old.path, { engine: down })).toEqual(['DAMAGED']);
  });

  it('ask no person about a root when the engine is down anyway', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    const ask = () => Promise.reject(new Error('nobody should be asked'));
    await expect(other.import(path, { engine: down, ask })).rejects.toMatchObject({ code: 'ENGINE_NOT_RUNNING' });
    await other.remove();
  });
});

describe('upgradeFrom', () => {
  const onto = (release: string, upgradeFrom: string) =>
    lab.release({ release, images: [server(release)], fields: { upgradeFrom } });

  it('refuses what does not go onto the installed release, and names both', async () => {
    await lab.import((await lab.release({ release: '1.7.2', images: [server()] })).path);
    const next = await onto('2.0.0', '>=1.8');
    expect(await findingsOf(next.path)).toEqual(['UPGRADE_FROM']);
    const error = await lab.import(next.path).catch((thrown: unknown) => thrown as FerryError);
    expect(error).toMatchObject({
      message: 'judge release: 2.0.0 goes onto ">=1.8", got 1.7.2 installed',
      hint: 'install a release of >=1.8 first, then this one',
    });
    expect(wordsFor(error as FerryError).exit).toBe(3);
  });

  it('takes what does, step by step, and the same again', async () => {
    await lab.import((await lab.release({ release: '1.7.2', images: [server()] })).path);
    const between = await onto('1.9.0', '>=1.7 <1.9');
    expect(await lab.import(between.path)).toMatchObject({ action: 'installed', warnings: [] });
    expect(await lab.import(between.path)).toMatchObject({ action: 'present' });
    expect(await lab.import((await onto('2.0.0', '>=1.8')).path)).toMatchObject({ action: 'installed', warnings: [] });
  });

  it('is said and not judged where no release is recorded, or its name is no version', async () => {
    expect(await lab.import((await onto('nightly', '>=1.8')).path)).toMatchObject({
      warnings: ['nightly goes onto >=1.8, and no release is recorded here: not judged'],
    });
    expect(await lab.import((await onto('2.0.0', '>=1.8')).path)).toMatchObject({
      warnings: ['2.0.0 goes onto >=1.8, and nightly, which is installed, is no version: not judged'],
    });
  });

  it('does not stand in the way of a step back that was asked for', async () => {
    const old = await onto('1.0.0', '>=0.5 <1');
    await lab.import((await lab.release({ release: '2.0.0', images: [server()] })).path);
    expect(await findingsOf(old.path)).toEqual(['DOWNGRADE']);
    expect(await lab.import(old.path, { allowDowngrade: true, reason: REASON })).toMatchObject({
      action: 'installed',
      warnings: expect.arrayContaining(['1.0.0 goes onto >=0.5 <1, and this is a step back from 2.0.0: not judged']),
    });
  });
});

describe('a file that somebody changed', () => {
  it('stops the import, and the hint names both ways out', async () => {
    const { old, young } = await twoReleases();
    await lab.import(old.path);
    await edit();
    const error = await lab.import(young.path).catch((thrown: unknown) => thrown as FerryError);
    expect(error).toMatchObject({
      code: 'LOCAL_EDIT',
      message: expect.stringContaining('/etc/atrium/a.conf'),
      hint: expect.stringMatching(/--keep-local a\.conf .*--replace a\.conf.*--reason/),
    });
    expect(wordsFor(error as FerryError).exit).toBe(1);
    expect(await readFile(onHost(), 'utf8')).toBe('edited\n');
  });

  it('is one finding of several, each by name', async () => {
    const names = ['a.conf', 'b.conf', 'c.conf'];
    const { old, young } = await twoReleases(
      names.map((name) => file('old\n', name)),
      names.map((name) => file('new\n', name)),
    );
    await lab.import(old.path);
    await edit('x\n', 'a.conf');
    await edit('x\n', 'c.conf');
    const error = await lab.import(young.path).catch((thrown: unknown) => thrown as FerryError);
    expect(error).toMatchObject({
      errors: [{ facts: { name: 'a.conf' } }, { facts: { name: 'c.conf' } }],
    });
  });

  it('stays with --keep-local, which is in the receipt and the log', async () => {
    const { old, young } = await twoReleases();
    await lab.import(old.path);
    await edit();
    const done = await lab.import(young.path, { keepLocal: ['a.conf'], reason: REASON });
    expect(done.files).toMatchObject([{ action: 'kept', digest: digestOf(Buffer.from('edited\n')) }]);
    expect(await readFile(onHost(), 'utf8')).toBe('edited\n');
    expect(await overridesIn(done.receipt)).toEqual([{ flag: '--keep-local a.conf', reason: REASON }]);
    const audit = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    expect(audit).toMatch(/"event":"override","facts":\{"flag":"--keep-local a\.conf","reason":"ticket 4711"/);
  });

  it('goes with --replace, also by its path, and a rollback would have it', async () => {
    const { old, young } = await twoReleases();
    await lab.import(old.path);
    await edit();
    const done = await lab.import(young.path, { replace: ['/etc/atrium/a.conf'], reason: REASON });
    expect(done.files).toMatchObject([{ action: 'installed' }]);
    expect(await readFile(onHost(), 'utf8')).toBe('new\n');
    expect(await overridesIn(done.receipt)).toEqual([{ flag: '--replace a.conf', reason: REASON }]);
  });

  it('leaves nothing in the receipt when nothing was changed here', async () => {
    const { old, young } = await twoReleases();
    await lab.import(old.path);
    const done = await lab.import(young.path, { replace: ['a.conf'], reason: REASON });
    expect(await overridesIn(done.receipt)).toEqual([]);
  });

  it.each([{ keepLocal: ['a.conf'] }, { replace: ['a.conf'] }])('wants a reason: %j', async (flags) => {
    const { young } = await twoReleases();
    expect(await findingsOf(young.path, flags)).toEqual(['REASON_MISSING']);
  });

  it('stops an overlay too', async () => {
    await lab.import((await twoReleases()).young.path);
    const site = openSite(await readFile(join(lab.stateDir, 'releases/2/receipt.json')));
    const licence = (text: string) => [{ ...file(text, 'site.conf'), role: 'file' }];
    await lab.import(await lab.overlay(site, licence('first\n')));
    await edit('edited\n', 'site.conf');
    const next = await lab.overlay(site, licence('second\n'));
    expect(await findingsOf(next)).toEqual(['LOCAL_EDIT']);
    await lab.import(next, { keepLocal: ['site.conf'], reason: REASON });
    expect(await readFile(onHost('site.conf'), 'utf8')).toBe('edited\n');
    await lab.import(next, { replace: ['site.conf'], reason: REASON });
    expect(await readFile(onHost('site.conf'), 'utf8')).toBe('second\n');
    const audit = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
    expect(audit.match(/"event":"override","facts":\{"flag":"--(keep-local|replace) site\.conf"/g)).toHaveLength(2);
  });

  it('is no edit when it is gone, or is already as the new one', async () => {
    const { old, young } = await twoReleases(
      [file('old\n'), file('same\n', 'b.conf')],
      [file('new\n'), file('next\n', 'b.conf')],
    );
    await lab.import(old.path);
    await rm(onHost());
    await edit('next\n', 'b.conf');
    expect(await lab.import(young.path)).toMatchObject({ files: [{ action: 'installed' }, { action: 'same' }] });
  });
});

describe('the clock of the host', () => {
  it('is named with the date that is proven when it is behind', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    const done = await lab.import(path, { now: new Date('2026-11-20T12:00:00Z') });
    expect(done.warnings).toEqual([
      "this host's clock says 2026-11-20T12:00:00Z, but it is at least 2026-11-23T12:00:00Z: judged by the later",
    ]);
  });

  it('is held against the time of the build as well', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    const done = await lab.import(path, { buildTime: new Date('2026-12-24T00:00:00Z') });
    expect(done.warnings).toEqual([expect.stringContaining('2026-12-24T00:00:00Z')]);
  });
});

/** The ID of the site that signed a receipt. */
function openSite(bytes: Buffer): string {
  return JSON.parse(bytes.toString()).signed.site;
}

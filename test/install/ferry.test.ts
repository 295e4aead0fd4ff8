/**
 * A release that brings its ferry, into a real engine: what is linked, what a receipt, a log and a status say of it, and
 * that nothing of it stays when the import fails. Small programs stand in for the executable; FORMAT §3.
 */

import { mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rollBack, siteStatus } from '../../src/install/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { findState } from '../../src/state/index.ts';
import { jsonResult } from '../support/cli.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { startFerryGroup } from '../support/killed-ferry.ts';
import { program } from './executable/place-lab.ts';
import { flip, type Lab, type LabBundle, type LabRelease, NOW, snapshot, tagsOf, useSite } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const HERE = process.arch === 'arm64' ? 'linux/arm64' : 'linux/amd64';
const at = (path: string) => join(lab.prefix, path);
const used = () => readFile(at('/usr/bin/ferry'), 'utf8').catch(() => undefined);

/** A release with an executable. */
function release(version: string, text = program(version), more: Partial<LabRelease> = {}): Promise<LabBundle> {
  return lab.release({
    release: `1.${version}`,
    images: [makeImage({ name: SERVER, layers: [{ files: { server: version } }] })],
    files: [
      { name: 'a.conf', text: version, install: '/etc/atrium/a.conf' },
      { name: 'ferry-linux-x64', text, mode: '0755', ferry: { version, platform: HERE } },
    ],
    ...more,
  });
}

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(at(path)), { recursive: true });
  await writeFile(at(path), text, { mode: 0o755 });
}

const status = () => siteStatus({ stateDir: lab.stateDir, engine: lab.connect, now: NOW });

describe('a release that brings its ferry', () => {
  it('is imported with it, which result, receipt, log and status tell', async () => {
    const { path } = await release('0.2.0');
    const planned = await lab.import(path, { dryRun: true });
    const done = await lab.import(path);
    const ferry = {
      version: '0.2.0',
      path: at('/usr/local/lib/ferry/0.2.0/ferry'),
      link: at('/usr/bin/ferry'),
      action: 'installed',
      digest: digestOf(Buffer.from(program('0.2.0'))),
    };
    expect(done).toMatchObject({ action: 'installed', ferry, warnings: [] });
    expect(planned).toMatchObject({ action: 'planned', ferry, plan: { ferry } });
    expect(await used()).toBe(program('0.2.0'));
    const { path: placed, action, digest } = ferry;
    const { signed } = JSON.parse(await readFile(done.receipt ?? '', 'utf8'));
    expect(signed.files).toContainEqual({ path: placed, action, digest });
    const state = await findState(lab.stateDir);
    const [line = ''] = (await state?.readAudit({ last: 1 })) ?? [];
    expect(JSON.parse(line)).toMatchObject({ event: 'import', facts: { ferry: '0.2.0' } });
    expect(await status()).toMatchObject({ ferry: { version: '0.2.0', path: placed }, attention: [] });
    expect(await lab.import(path)).toMatchObject({ action: 'present', ferry: { action: 'same' } });
  });

  it('brings it later too, where the release is here already', async () => {
    const { path } = await release('0.2.0');
    const first = await lab.import(path, { ferry: false });
    expect(first).toMatchObject({ action: 'installed', ferry: { action: 'skipped' }, warnings: [] });
    expect(await used()).toBeUndefined();
    expect((await status()).attention.join()).toMatch(
      /\/usr\/bin\/ferry is nothing, and the installed release carries 0\.2\.0: import it again$/,
    );
    expect(await lab.import(path)).toMatchObject({ action: 'present', ferry: { action: 'installed' } });
    expect(await used()).toBe(program('0.2.0'));
    expect((await status()).attention).toEqual([]);
  });

  it('is never a step back of it, nor is a rollback', async () => {
    const old = await release('0.2.0');
    await lab.import(old.path);
    await lab.import((await release('0.3.0')).path);
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(await readFile(at('/etc/atrium/a.conf'), 'utf8')).toBe('0.2.0');
    expect(await readlink(at('/usr/bin/ferry'))).toBe('../local/lib/ferry/0.3.0/ferry');
    const again = await lab.import(await old.rewrite());
    expect(again).toMatchObject({ action: 'present', ferry: { action: 'kept-newer' } });
    expect(again.warnings.join()).toContain('is ferry 0.3.0, newer than 0.2.0 of this release: kept');
    expect(await used()).toBe(program('0.3.0'));
    expect(await status()).toMatchObject({ ferry: { version: '0.3.0' }, attention: [] });
  });

  it('is told of as carrying a newer one where nobody wanted that', async () => {
    await lab.import((await release('0.2.0')).path);
    await lab.import((await release('0.3.0')).path, { ferry: false });
    expect((await status()).attention.join()).toMatch(
      /\/usr\/bin\/ferry is ferry 0\.2\.0, and the installed release carries 0\.3\.0: import it again$/,
    );
  });

  it('takes the place of the copy that a person put there, which runs', async () => {
    await put('/usr/bin/ferry', program('0.1.0'));
    const running = { path: at('/usr/bin/ferry'), version: '0.1.0' };
    await lab.import((await release('0.2.0')).path, { running });
    expect(await readlink(at('/usr/bin/ferry'))).toBe('../local/lib/ferry/0.2.0/ferry');
  });
});

describe('an import that fails', () => {
  it('at an altered executable is damage, before anything is placed', async () => {
    const { path } = await release('0.2.0');
    await flip(path, 'files/ferry-linux-x64');
    const before = await snapshot(engine, lab);
    await expect(lab.import(path)).rejects.toMatchObject({
      code: 'DAMAGED',
      message: expect.stringContaining('files/ferry-linux-x64'),
    });
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it.each([
    ['another version', program('0.1.9'), 'FERRY_WRONG_VERSION'],
    ['a program that does not start', '#!/no/such/thing\n', 'FERRY_NOT_EXECUTABLE'],
  ])('at %s leaves all as it was', async (_what, text, code) => {
    await put('/usr/bin/ferry', program('0.1.0'));
    const running = { path: at('/usr/bin/ferry'), version: '0.1.0' };
    const { path } = await release('0.2.0', text);
    const before = await snapshot(engine, lab);
    await expect(lab.import(path, { running })).rejects.toMatchObject({ code });
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await tagsOf(engine)).toEqual([]);
    expect(await lab.import(path, { running, ferry: false })).toMatchObject({ action: 'installed' });
  });

  it('after it was placed leaves the former one, to the byte', async () => {
    await lab.import((await release('0.2.0')).path);
    const { path } = await release('0.3.0');
    const digest = makeImage({ name: SERVER, layers: [{ files: { server: '0.3.0' } }] }).platform.layers[0]?.digest;
    await flip(path, digest ?? '');
    const before = await snapshot(engine, lab);
    await expect(lab.import(path)).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await used()).toBe(program('0.2.0'));
  });
});

describe('a place that cannot take it', () => {
  const cli = (argv: readonly string[], wrapper: readonly string[] = []) =>
    startFerryGroup(argv, {
      wrapper,
      env: { DOCKER_HOST: engine.host, FERRY_STATE: lab.stateDir, FERRY_PREFIX: lab.prefix },
    }).ended;
  /** Below a mount that only this command sees. */
  const onMount = (options: string) => {
    const script = `mount -t tmpfs -o ${options} tmpfs "$FERRY_PREFIX" && exec "$@"`;
    return ['unshare', '--mount', 'sh', '-c', script, 'sh'];
  };

  it('is found when no program runs there, before anything is changed, and --no-ferry goes on without', async () => {
    const { path } = await release('0.2.0');
    const refused = await cli(['import', path, '--json'], onMount('noexec'));
    expect(refused.status).toBe(5);
    expect(jsonResult(refused)).toMatchObject({
      code: 'FERRY_NOT_EXECUTABLE',
      hint: `mount it anew: mount -o remount,exec ${lab.prefix}; or go on without: --no-ferry`,
    });
    const done = await cli(['import', path, '--no-ferry', '--json'], onMount('noexec'));
    expect(jsonResult(done)).toMatchObject({ action: 'installed', ferry: { action: 'skipped' } });
    await rm(lab.stateDir, { recursive: true });
  });

  it('is found when there is no room for it', async () => {
    const { path } = await release('0.2.0', program('0.2.0', `# ${'x'.repeat(64 * 1024)}\n`));
    const refused = await cli(['import', path, '--json'], onMount('size=32k'));
    expect({ ...refused, ...jsonResult(refused) }).toMatchObject({
      status: 5,
      code: 'SPACE_SHORT',
      message: expect.stringContaining('for files and ferry'),
    });
    const done = await cli(['import', path, '--no-ferry', '--json'], onMount('size=32k'));
    expect(jsonResult(done)).toMatchObject({ action: 'installed' });
  });
});

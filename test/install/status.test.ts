/** What is here against what was installed, and what wants a person. */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EngineContainer } from '../../src/docker/index.ts';
import { pinRoot, recoverSite, type SiteStatus, siteStatus } from '../../src/install/index.ts';
import { rollBack } from '../../src/install/rollback/rollback.ts';
import type { Digest } from '../../src/oci/index.ts';
import { openState } from '../../src/state/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { CUT_OFF, createLab, emptyEngine, type Lab, NOW, snapshot } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';

let engine: TestEngine;
let lab: Lab;

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine?.stop());
beforeEach(async () => {
  lab = await createLab(engine);
});
afterEach(async () => {
  await emptyEngine(engine);
  await lab.remove();
});

const status = (now = NOW): Promise<SiteStatus> => siteStatus({ stateDir: lab.stateDir, engine: lab.connect, now });
const images = [SERVER, WORKER].map((name) => makeImage({ name, layers: [{ files: { name } }] }));

async function installed(): Promise<Awaited<ReturnType<Lab['release']>>> {
  await lab.trust();
  const made = await lab.release({ release: '1.0.0', images });
  await lab.import(made.path);
  return made;
}

describe('siteStatus', () => {
  it('finds a host that nobody has set up, and makes nothing', async () => {
    const before = await snapshot(engine, lab);
    expect(await status()).toEqual({
      images: [],
      files: [],
      attention: [expect.stringContaining('no root is pinned')],
    });
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('tells the release, its images and how long the catalogue holds; nothing wants a person', async () => {
    await installed();
    const { site, ...rest } = await status();
    expect(site).toMatch(/^[0-9a-f]{16}$/);
    expect(rest).toMatchObject({
      product: 'atrium',
      release: '1.0.0',
      sequence: 1,
      installed: expect.stringMatching(/^2026-11-23T12:00:/),
      catalogue: { issued: '2026-11-23T12:00:00Z', expires: '2027-12-28T12:00:00Z' },
      root: { version: 1, confirmed: true },
      attention: [],
    });
    const found = images.map(({ name, platform }) => ({
      name,
      imageId: platform.config.digest,
      ok: true,
      found: 'present',
    }));
    expect(rest.images).toEqual(found);
  });

  it('tells an image that is gone and one whose name was moved', async () => {
    await installed();
    await engine.docker('tag', SERVER, WORKER);
    await engine.docker('rmi', SERVER);
    const { images: looked, attention } = await status();
    expect(looked.map(({ found, ok }) => [found, ok])).toEqual([
      ['missing', false],
      ['moved', false],
    ]);
    expect(attention).toEqual([
      `${SERVER} has lost its name (${images[0]?.platform.config.digest.slice(0, 19)} is still here): import the release again`,
      expect.stringContaining(`${WORKER} is another image than the one installed (`),
    ]);
  });

  it('keeps asking about a root that nobody compared', async () => {
    await pinRoot({ stateDir: lab.stateDir, root: lab.publisher.root, yes: true, now: NOW });
    expect((await status()).attention).toEqual([expect.stringContaining('without comparing')]);
  });

  it('warns before the catalogue ends, and after', async () => {
    await installed();
    expect((await status(new Date('2027-12-20T00:00:00Z'))).attention).toEqual([
      expect.stringContaining('ends in 8 days'),
    ]);
    expect((await status(new Date('2028-01-20T00:00:00Z'))).attention).toEqual([expect.stringContaining('ended')]);
  });

  it("says that the operator's site.yaml stops every import", async () => {
    await installed();
    await writeFile(join(lab.stateDir, 'site.yaml'), 'bakup: [/bin/true]\n', { mode: 0o644 });
    expect((await status()).attention).toEqual([
      expect.stringMatching(/^nothing can be imported: .*site\.yaml:1: bakup: unknown key$/),
    ]);
  });

  it('says that the installed release was revoked', async () => {
    const { published } = await installed();
    await lab.publisher.revoke(published);
    await lab.import(await lab.catalogue());
    expect((await status()).attention).toEqual([
      'the installed release is revoked: import one that the catalogue lists, or go back with ferry rollback',
    ]);
  });

  it('says that a receipt was changed', async () => {
    await installed();
    const path = join(lab.stateDir, 'releases/1/receipt.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('"release":"1.0.0"', '"release":"9.9.9"'));
    expect((await status()).attention).toEqual([expect.stringContaining('receipt')]);
  });

  it('tells what it can when the engine does not run', async () => {
    await installed();
    const { connectEngine } = await import('../../src/docker/index.ts');
    const nowhere = () => connectEngine({ env: { DOCKER_HOST: `unix://${lab.dir}/none.sock` } });
    const looked = await siteStatus({ stateDir: lab.stateDir, engine: nowhere, now: NOW });
    expect(looked).toMatchObject({ release: '1.0.0', images: [{ found: 'unknown' }, { found: 'unknown' }] });
    expect(looked.attention).toEqual([expect.stringContaining('engine cannot be asked')]);
  });

  it('tells an image that is gone, held by nothing', async () => {
    await installed();
    await emptyEngine(engine);
    const { attention } = await status();
    expect(attention).toEqual([
      `${SERVER} is not in the engine any more: import the release again`,
      `${WORKER} is not in the engine any more: import the release again`,
    ]);
  });

  it('names the images whose pins a prune has taken', async () => {
    await installed();
    await engine.docker('container', 'prune', '-f');
    const { pins, attention } = await status();
    expect(pins).toContainEqual({ sequence: 1, ok: false, missing: [SERVER, WORKER], gone: [] });
    expect(attention).toEqual([
      `a prune could remove images of 1.0.0, for their pins are gone: ${SERVER}, ${WORKER}: run ferry recover`,
    ]);
  });

  it('wants a pin for each release, also of an image that two of them have', async () => {
    await installed();
    await lab.import((await lab.release({ release: '2.0.0', images: images.slice(0, 1) })).path);
    const { site, pins } = await status();
    expect(pins).toMatchObject([
      { sequence: 2, ok: true },
      { sequence: 1, ok: true },
    ]);
    const theirs = await engine.docker('ps', '-aq', '--filter', `label=ferry.pin=release ${site} 1`);
    await engine.docker('rm', ...theirs.split('\n'));
    expect((await status()).pins).toMatchObject([
      { sequence: 2, ok: true },
      { sequence: 1, ok: false, missing: [SERVER, WORKER] },
    ]);
  });

  it('says that the way back is lost when a prune took an image of the former release', async () => {
    await installed();
    const next = makeImage({ name: SERVER, layers: [{ files: { name: 'next' } }] });
    await lab.import((await lab.release({ release: '2.0.0', images: [next] })).path);
    expect((await status()).attention).toEqual([]);
    await engine.docker('container', 'prune', '-f');
    await engine.docker('image', 'prune', '-af');
    const { attention, rollback } = await status();
    expect(rollback).toMatchObject({ sequence: 1 });
    expect(attention).toContain(`the way back to 1.0.0 is lost: ${SERVER}, ${WORKER} is not in the engine any more`);
  });

  it('works on a site that an older ferry set up, which kept less', async () => {
    await installed();
    await rm(join(lab.stateDir, 'releases/1/installed.json'));
    await rm(join(lab.stateDir, 'releases/0'), { recursive: true });
    await engine.docker('container', 'prune', '-f');
    const attention = [expect.stringMatching(/^a prune could remove images of 1\.0\.0, .*: run ferry recover$/)];
    expect(await status()).toMatchObject({ release: '1.0.0', pins: [{ sequence: 1, ok: false }], attention });
    await recoverSite({ stateDir: lab.stateDir, engine: lab.connect, now: NOW });
    expect(await status()).toMatchObject({ pins: [{ sequence: 1, ok: true }], attention: [] });
  });

  it('says that the release cannot be read', async () => {
    await installed();
    await rm(join(lab.stateDir, 'releases/1/release.json'));
    expect(await status()).toMatchObject({
      images: [],
      attention: [expect.stringContaining('the installed release cannot be read: read state: ')],
    });
  });
});

describe('files', () => {
  const compose = { name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' };
  const env = { name: 'app.env', text: 'A=1\n', install: '/etc/atrium/app.env' };

  beforeEach(async () => {
    await lab.trust();
    await lab.import((await lab.release({ release: '1.0.0', files: [compose, env], images: images.slice(0, 1) })).path);
  });

  it('are as they were installed, below the prefix that the receipt tells', async () => {
    const { files, attention } = await status();
    expect({ files, attention }).toEqual({
      files: [
        { name: 'compose.yaml', path: `${lab.prefix}/etc/atrium/compose.yaml`, ok: true, found: 'present' },
        { name: 'app.env', path: `${lab.prefix}/etc/atrium/app.env`, ok: true, found: 'present' },
      ],
      attention: [],
    });
  });

  it('are looked for where the prefix says', async () => {
    const looked = await siteStatus({ stateDir: lab.stateDir, engine: lab.connect, now: NOW, prefix: lab.dir });
    expect(looked.files.map(({ found, path }) => [found, path])).toEqual([
      ['missing', `${lab.dir}/etc/atrium/compose.yaml`],
      ['missing', `${lab.dir}/etc/atrium/app.env`],
    ]);
  });

  it('are told when they were changed, or are gone', async () => {
    await writeFile(join(lab.prefix, 'etc/atrium/compose.yaml'), 'services: {mine: {}}\n');
    await rm(join(lab.prefix, 'etc/atrium/app.env'));
    const { files, attention } = await status();
    expect(files.map(({ found, ok }) => [found, ok])).toEqual([
      ['changed', false],
      ['missing', false],
    ]);
    expect(attention).toEqual([
      `${lab.prefix}/etc/atrium/compose.yaml is not as it was installed: import the release again with --replace compose.yaml or --keep-local compose.yaml, and --reason TEXT`,
      `${lab.prefix}/etc/atrium/app.env is missing: import the release again`,
    ]);
  });
});

describe("the operator's own files", () => {
  it('are nobody else’s business once a rollback has brought them back', async () => {
    const path = join(lab.prefix, 'etc/atrium/own.conf');
    await lab.trust();
    await lab.import((await lab.release({ release: '1.0.0', images: images.slice(0, 1) })).path);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, 'mine');
    const own = { name: 'own.conf', text: 'theirs', install: '/etc/atrium/own.conf' };
    const second = await lab.release({ release: '2.0.0', images: images.slice(0, 1), files: [own] });
    await lab.import(second.path, { replace: ['own.conf'], reason: 'ours now' });
    expect((await status()).files).toMatchObject([{ name: 'own.conf', ok: true }]);
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(await readFile(path, 'utf8')).toBe('mine');
    await writeFile(path, 'mine, changed');
    expect(await status()).toMatchObject({ release: '1.0.0', files: [], attention: [] });
  });
});

describe('what is pending', () => {
  it('is told with what to do, when the process was killed and its lock is stale', async () => {
    await installed();
    const state = await openState(lab.stateDir);
    await state.writeJournal(CUT_OFF);
    const lock = { pid: 999_999_999, started: '1', boot: 'before', token: 'dead' };
    await writeFile(join(lab.stateDir, 'lock'), JSON.stringify(lock));
    const { pending, attention, release } = await status();
    expect(release).toBe('1.0.0');
    expect(pending).toEqual({
      command: 'import',
      title: 'import atrium 2.0.0 (sequence 2)',
      started: NOW.toISOString(),
      direction: 'forward',
      step: 'move names',
    });
    expect(attention).toEqual([
      'import atrium 2.0.0 (sequence 2), begun 2026-11-23T12:00:00Z, was cut off at "move names": run ferry recover',
    ]);
    expect(await readFile(join(lab.stateDir, 'lock'), 'utf8')).toBe(JSON.stringify(lock));
  });

  it('wants nobody while a process is at it', async () => {
    await installed();
    const state = await openState(lab.stateDir);
    await state.writeJournal(CUT_OFF);
    const lock = await state.lock();
    expect(await status()).toMatchObject({ pending: { process: process.pid }, attention: [] });
    await lock.release();
  });

  it('is told though its journal cannot be read', async () => {
    await installed();
    await writeFile(join(lab.stateDir, 'journal.json'), '{"format":1,"title":7}');
    expect((await status()).attention).toEqual([
      expect.stringMatching(/^a transaction is pending and its journal cannot be read: /),
    ]);
  });
});

describe('where a rollback goes', () => {
  const next = makeImage({ name: 'ghcr.io/atrium/server:2', layers: [{ files: { name: '2' } }] });
  const back = () => rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });

  it('is what was here before ferry, then the release before', async () => {
    const { published } = await installed();
    expect((await status()).rollback).toEqual({ sequence: 0, release: 'what was here before ferry', isRevoked: false });
    const second = await lab.release({ release: '2.0.0', images: [next] });
    await lab.import(second.path);
    expect(await status()).toMatchObject({
      rollback: { sequence: 1, release: '1.0.0', isRevoked: false },
      pins: [
        { sequence: 2, ok: true },
        { sequence: 1, ok: true },
      ],
      attention: [],
    });
    await lab.publisher.revoke(published);
    await lab.import(await lab.catalogue());
    expect(await status()).toMatchObject({ rollback: { sequence: 1, isRevoked: true }, attention: [] });
  });

  it('is the release that was left, after a rollback; nothing of that wants a person', async () => {
    await installed();
    await lab.import((await lab.release({ release: '2.0.0', images: [next] })).path);
    await back();
    expect(await status()).toMatchObject({ release: '1.0.0', sequence: 1, rollback: { sequence: 2 }, attention: [] });
  });

  it('has no release after a rollback to what was here before ferry', async () => {
    await installed();
    await back();
    const found = await status();
    expect(found).toMatchObject({ sequence: 0, images: [], files: [], rollback: { sequence: 1 }, attention: [] });
    expect(found.release).toBeUndefined();
  });
});

describe('containers', () => {
  const server = (version: string) =>
    makeImage({ name: `ghcr.io/atrium/app:${version}`, layers: [{ files: { version } }], busybox: true });
  const fields = { compose: { project: 'atrium', file: 'compose.yaml' } };
  const files = [{ name: 'compose.yaml', text: 'services: {}\n', install: '/etc/atrium/compose.yaml' }];
  const run = (name: string, image: string) =>
    engine.docker(
      ...['run', '-d', '--network', 'none', '--name', name, '--label', 'com.docker.compose.project=atrium'],
      ...[image, '/bin/busybox', 'sleep', '600'],
    );

  it('with an older image are named, and want a person only when that release was revoked', async () => {
    await lab.trust();
    const first = await lab.release({ release: '1.0.0', images: [server('1')], files, fields });
    await lab.import(first.path);
    await run('atrium-app-1', 'ghcr.io/atrium/app:1');
    expect(await status()).toMatchObject({ oldContainers: [], attention: [] });
    await lab.import((await lab.release({ release: '2.0.0', images: [server('2')], files, fields })).path);
    expect(await status()).toMatchObject({
      oldContainers: [
        {
          container: 'atrium-app-1',
          image: 'ghcr.io/atrium/app:1',
          imageId: server('1').platform.config.digest,
          sequence: 1,
        },
      ],
      attention: [],
    });
    await lab.publisher.revoke(first.published);
    await lab.import(await lab.catalogue());
    expect((await status()).attention).toEqual([
      'atrium-app-1: still running 1.0.0, which is revoked: start the installed release',
    ]);
  });
});

function runs(service: string, imageID: Digest | undefined, more: Partial<EngineContainer> = {}): EngineContainer {
  const labels = { 'com.docker.compose.project': 'atrium', 'com.docker.compose.service': service };
  const rest = { image: 'x', imageID, restarts: 0, mounts: [], ports: [], networkMode: 'bridge', labels };
  return { id: service, name: service, state: 'running', health: 'none', ...rest, ...more };
}

describe('an activation', () => {
  it('that failed is told, with why', async () => {
    await installed();
    const state = await openState(lab.stateDir);
    const said = { result: 'failed', at: NOW.toISOString(), why: 'atrium-server-1: unhealthy' };
    await state.putReleaseDocument({ sequence: 1, name: 'activation.json' }, said);
    expect(await status()).toMatchObject({
      activation: { result: 'failed', why: 'atrium-server-1: unhealthy' },
      attention: ['the last --activate failed: atrium-server-1: unhealthy'],
    });
  });

  it('that failed is settled when all that was to run runs with the installed images', async () => {
    await installed();
    const state = await openState(lab.stateDir);
    const wanted = { project: 'atrium', services: ['server', 'worker'] };
    const said = { result: 'failed', at: NOW.toISOString(), why: 'worker is unhealthy', ...wanted };
    await state.putReleaseDocument({ sequence: 1, name: 'activation.json' }, said);
    const old = makeImage({ name: 'old:1', layers: [{ files: { name: 'old' } }] }).platform.config.digest;
    const [server, worker] = images.map(({ platform }) => platform.config.digest);
    const statusWith = async (...found: readonly EngineContainer[]) => {
      const connect = async () => Object.assign(await lab.connect(), { containers: async () => found });
      const { activation, attention } = await siteStatus({ stateDir: lab.stateDir, engine: connect, now: NOW });
      return [activation?.isSettled ?? false, attention];
    };
    const not = [false, ['the last --activate failed: worker is unhealthy']];
    const up = runs('server', server);
    expect(await statusWith(up)).toEqual(not);
    expect(await statusWith(up, runs('worker', old))).toEqual(not);
    expect(await statusWith(up, runs('worker', worker, { health: 'unhealthy' }))).toEqual(not);
    expect(await statusWith(up, runs('worker', worker, { state: 'exited', exitCode: 1 }))).toEqual(not);
    expect(await statusWith(up, runs('worker', worker, { state: 'exited', exitCode: 0 }))).toEqual([true, []]);
    expect(await statusWith(up, runs('worker', worker))).toEqual([true, []]);
  });
});

/** The import into a real engine: what it loads, what it leaves alone, what it says. DESIGN decisions 3 to 6. */

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/index.ts';
import { findState, verifyAudit } from '../../src/state/index.ts';
import { fingerprint, openEnvelope } from '../../src/trust/index.ts';
import { busyboxImage, type TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage, tarOf } from '../support/images.ts';
import { createLab, idOf, type Lab, snapshot, strayContainers, tagsOf, useSite } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const base = { files: { 'base.txt': 'base' } };
const server = (text = 'one', name = SERVER): TestImage =>
  makeImage({ name, layers: [base, { files: { 'server.txt': text } }] });
const worker = (text = 'one', name = WORKER): TestImage =>
  makeImage({ name, layers: [base, { files: { 'worker.txt': text } }] });

describe('a first import', () => {
  it('loads every image under its name, reads each layer once, and leaves no container behind', async () => {
    const images = [server(), worker()];
    const { path } = await lab.release({ release: '1.0.0', images });
    const result = await lab.import(path);
    expect(result).toMatchObject({ kind: 'release', action: 'installed', release: '1.0.0', sequence: 1 });
    expect(result.images).toEqual(
      images.map(({ name, platform }) => ({ name, action: 'loaded', imageID: platform.config.digest })),
    );
    expect(await tagsOf(engine)).toEqual([SERVER, WORKER]);
    for (const { name, imageID } of result.images) expect(await idOf(engine, name)).toBe(imageID);
    expect(result.bytesRead).toBe(result.bytesTotal);
    expect(await strayContainers(engine)).toEqual([]);
  });

  it('writes a receipt that this site has signed, and what a rollback will need', async () => {
    const { path, published } = await lab.release({
      release: '1.0.0',
      images: [server()],
      files: [{ name: 'notes.txt', text: 'read me' }],
    });
    const { receipt } = await lab.import(path);
    expect(receipt).toBe(join(lab.stateDir, 'releases/1/receipt.json'));
    const state = await findState(lab.stateDir);
    const identity = await lab.identity();
    const signed = openEnvelope(await readFile(receipt ?? ''), identity.key, 'receipt');
    expect(signed).toMatchObject({
      site: identity.site,
      release: '1.0.0',
      sequence: 1,
      result: 'installed',
      engine: { store: 'classic', socket: engine.host },
      floors: { release: 1, catalogue: lab.publisher.versions.timestamp, root: 1 },
      overrides: [],
    });
    expect(signed['previous']).toBe(0);
    expect(await readFile(join(lab.stateDir, 'releases/1/release.json'))).toEqual(published.bytes);
    expect(await readFile(join(lab.stateDir, 'releases/1/files/notes.txt'), 'utf8')).toBe('read me');
    expect((await stat(receipt ?? '')).mode & 0o777).toBe(0o600);
    expect((await state?.findTrust())?.floors).toEqual({ release: 1 });
    expect(await verifyAudit(join(lab.stateDir, 'audit.jsonl'))).toMatchObject({ lines: 2 });
  });

  it('makes containers that run', async () => {
    const image = makeImage({ name: SERVER, busybox: true, cmd: ['/bin/busybox', 'echo', 'it runs'] });
    const { path } = await lab.release({ release: '1.0.0', images: [image] });
    await lab.import(path);
    expect(await engine.docker('run', '--rm', '--network=none', SERVER)).toBe('it runs');
  });

  it('pins the newest root of the bundle on a site without one, when its fingerprint is given', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    const { words } = fingerprint(other.publisher.root);
    expect(await other.import(path, { fingerprint: words.join(' ') })).toMatchObject({ action: 'installed' });
    expect((await (await findState(other.stateDir))?.findTrust())?.confirmed).toBe(true);
    await other.remove();
  });

  it('changes nothing in a dry run, and says what it would do', async () => {
    const { path } = await lab.release({
      release: '1.0.0',
      images: [server()],
      files: [{ name: 'a.conf', text: 'a', install: '/etc/atrium/a.conf' }],
    });
    const before = await snapshot(engine, lab);
    const result = await lab.import(path, { dryRun: true });
    expect(result).toMatchObject({
      action: 'planned',
      images: [{ name: SERVER, action: 'loaded' }],
      files: [{ path: join(lab.prefix, 'etc/atrium/a.conf'), action: 'installed' }],
    });
    expect(result.bytesRead).toBe(result.bytesTotal);
    expect(result).not.toHaveProperty('receipt');
    expect(await snapshot(engine, lab)).toEqual(before);
    expect((await (await findState(lab.stateDir))?.findTrust())?.chain).toBeUndefined();
  });
});

describe('the same bundle again', () => {
  it('reads no layer, writes nothing but a line in the log', async () => {
    const { path } = await lab.release({
      release: '1.0.0',
      images: [server(), worker()],
      files: [{ name: 'a.conf', text: 'a', install: '/etc/atrium/a.conf' }],
    });
    const first = await lab.import(path);
    const before = await snapshot(engine, lab);
    const again = await lab.import(path);
    expect(again).toMatchObject({ action: 'present', bytesRead: 0, receipt: first.receipt });
    expect(again.images.map(({ action }) => action)).toEqual(['present', 'present']);
    expect(again.files.map(({ action }) => action)).toEqual(['same']);
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('loads an image again that was removed meanwhile, and nothing else', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server(), worker()] });
    await lab.import(path);
    await engine.docker('rmi', '--force', WORKER);
    const again = await lab.import(path);
    expect(again.images.map(({ action }) => action)).toEqual(['present', 'loaded']);
    expect(await tagsOf(engine)).toEqual([SERVER, WORKER]);
  });

  it('moves a tag back that somebody moved, and loads nothing', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server(), worker()] });
    await lab.import(path);
    await engine.docker('tag', WORKER, SERVER);
    const again = await lab.import(path);
    expect(again).toMatchObject({ action: 'installed', bytesRead: 0 });
    expect(await idOf(engine, SERVER)).toBe(server().platform.config.digest);
  });
});

describe('an update', () => {
  it('reads only the layers that this engine lacks, and keeps the former release', async () => {
    const first = await lab.release({ release: '1.0.0', images: [server('one')] });
    await lab.import(first.path);
    const updated = server('two');
    const second = await lab.release({ release: '2.0.0', images: [updated] });
    const result = await lab.import(second.path);
    expect(result.bytesRead).toBe(updated.platform.layers[1]?.size);
    expect(await idOf(engine, SERVER)).toBe(updated.platform.config.digest);
    expect((await readdir(join(lab.stateDir, 'releases'))).toSorted()).toEqual(['1', '2', 'current']);
    expect(await strayContainers(engine)).toEqual([]);
  });

  it('shows the sequence where two releases have one name', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: [server('one')] })).path);
    const again = await lab.release({ release: '1.0.0', images: [server('two')] });
    expect(await lab.import(again.path)).toMatchObject({ release: '1.0.0+2', sequence: 2 });
  });
});

describe('images as they come', () => {
  it('gives one image all of its tags and reads it once', async () => {
    const names = [SERVER, 'ghcr.io/atrium/server:1.0', 'ghcr.io/atrium/server:latest'];
    const { path } = await lab.release({ release: '1.0.0', images: names.map((name) => server('one', name)) });
    const result = await lab.import(path);
    expect(new Set(result.images.map(({ imageID }) => imageID)).size).toBe(1);
    expect(result.bytesRead).toBe(server().layerBytes);
    expect(await tagsOf(engine)).toEqual(names.toSorted());
  });

  it('only tags an image that is there under another name, and leaves that name', async () => {
    const image = await busyboxImage(engine, { name: 'registry.example/else:9' });
    const { path } = await lab.release({ release: '1.0.0', images: [{ ...image, name: SERVER }] });
    const result = await lab.import(path);
    expect(result).toMatchObject({ bytesRead: 0, images: [{ action: 'present' }] });
    expect(await tagsOf(engine)).toEqual([SERVER, 'registry.example/else:9']);
  });

  it('loads an image all of whose layers are there in another one without reading any', async () => {
    const layers = [base, { files: { 'x.txt': 'x' } }];
    const first = makeImage({ name: SERVER, layers });
    const second = makeImage({ name: WORKER, layers, cmd: ['/other'] });
    const { path } = await lab.release({ release: '1.0.0', images: [first, second] });
    const result = await lab.import(path);
    expect(result.bytesRead).toBe(first.layerBytes);
    expect(await idOf(engine, WORKER)).toBe(second.platform.config.digest);
  });

  it('loads zstd layers, which this engine cannot unpack by itself, and leaves no spool', async () => {
    const image = makeImage({ name: SERVER, layers: [{ ...base, compression: 'zstd' }] });
    const { path } = await lab.release({ release: '1.0.0', images: [image] });
    expect(await lab.import(path)).toMatchObject({ images: [{ action: 'loaded' }], bytesRead: image.layerBytes });
    expect(await idOf(engine, SERVER)).toBe(image.platform.config.digest);
    expect(await readdir(lab.stateDir)).not.toContain('.spool');
  });

  it('loads an empty layer', async () => {
    const image = makeImage({ name: SERVER, layers: [base, { tar: tarOf({}) }] });
    const { path } = await lab.release({ release: '1.0.0', images: [image] });
    await lab.import(path);
    expect(await idOf(engine, SERVER)).toBe(image.platform.config.digest);
  });

  it('gives an image that is named by digest alone a tag that says so', async () => {
    const image = makeImage({ name: SERVER, layers: [base], index: true });
    const name = `ghcr.io/atrium/server:sha256-${image.target.digest.slice('sha256:'.length)}`;
    const { path } = await lab.release({ release: '1.0.0', images: [{ ...image, name }] });
    await lab.import(path);
    expect(await tagsOf(engine)).toEqual([name]);
  });
});

describe('a compose project', () => {
  const compose = { project: 'atrium', file: 'compose.yaml' };

  it('names the command that runs it, and does not run it', async () => {
    const { path } = await lab.release({
      release: '1.0.0',
      images: [server()],
      files: [
        {
          name: 'compose.yaml',
          text: `services:\n  web:\n    image: ${SERVER}\n`,
          install: '/etc/atrium/compose.yaml',
        },
      ],
      fields: { compose },
    });
    const { activate, composeOverride } = await lab.import(path);
    const file = join(lab.prefix, 'etc/atrium/compose.yaml');
    expect(activate).toEqual(['docker', 'compose', '--project-name', 'atrium', '--file', file, 'up', '--detach']);
    expect(composeOverride).toBeUndefined();
    expect(await strayContainers(engine)).toEqual([]);
  });

  it('overrides a service that pins a digest, which the classic store has forgotten', async () => {
    const image = makeImage({ name: SERVER, layers: [base], index: true });
    const pinned = `services:\n  web:\n    image: ${SERVER}@${image.target.digest}\n  db:\n    image: postgres:16\n`;
    const { path } = await lab.release({
      release: '1.0.0',
      images: [image],
      files: [{ name: 'compose.yaml', text: pinned, install: '/etc/atrium/compose.yaml' }],
      fields: { compose },
    });
    const { activate, composeOverride } = await lab.import(path);
    expect(composeOverride).toBe(join(lab.stateDir, 'releases/1/compose.override.yaml'));
    expect(await readFile(composeOverride ?? '', 'utf8')).toBe(
      `services:\n  web:\n    image: ${SERVER}\n    pull_policy: never\n`,
    );
    expect(activate).toContain(composeOverride);
    expect(await lab.import(path)).toMatchObject({ action: 'present', composeOverride });
  });
});

describe('the files of a site', () => {
  const license = { name: 'license.blob', role: 'license', text: 'licence', mode: '0600' };
  const fields = { license: { install: '/etc/atrium/license.blob' } };
  const installed = (): Promise<string> => readFile(join(lab.prefix, 'etc/atrium/license.blob'), 'utf8');

  it('are installed with the release, the licence where the release says', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()], sites: { any: [license] }, fields });
    const { files } = await lab.import(path);
    expect(files).toMatchObject([{ path: join(lab.prefix, 'etc/atrium/license.blob'), action: 'installed' }]);
    expect(await installed()).toBe('licence');
    expect((await stat(join(lab.prefix, 'etc/atrium/license.blob'))).mode & 0o7777).toBe(0o600);
    expect(await lab.import(path)).toMatchObject({ action: 'present', files: [{ action: 'same' }] });
  });

  it('of this site win over those for any, and others’ are ignored', async () => {
    const { site } = await lab.identity();
    const sites = {
      any: [license],
      [site]: [{ ...license, text: 'our own' }],
      '0000000000000000': [{ ...license, text: 'theirs', install: '/etc/passwd' }],
    };
    await lab.import((await lab.release({ release: '1.0.0', images: [server()], sites, fields })).path);
    expect(await installed()).toBe('our own');
  });

  it('come alone in an overlay, and go where the installed release says', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: [server()], fields })).path);
    const path = await lab.overlay('any', [{ ...license, text: 'renewed' }]);
    expect(await lab.import(path)).toMatchObject({
      kind: 'overlay',
      action: 'installed',
      files: [{ action: 'installed' }],
    });
    expect(await installed()).toBe('renewed');
    expect(await lab.import(path)).toMatchObject({ kind: 'overlay', action: 'present', files: [{ action: 'same' }] });
  });

  it('are skipped, and said to be, when newer ones are known', async () => {
    const made = await lab.release({ release: '1.0.0', images: [server()], sites: { any: [license] }, fields });
    await lab.import(await lab.overlay('any', [{ ...license, text: 'renewed', install: '/etc/atrium/license.blob' }]));
    const { files, warnings } = await lab.import(made.path);
    expect(files).toEqual([]);
    expect(warnings.at(-1)).toContain('superseded');
    expect(await installed()).toBe('renewed');
  });
});

describe('an import under way', () => {
  it('keeps what it has loaded when everything unused is pruned meanwhile', async () => {
    const images = ['server', 'worker'].map((name) =>
      makeImage({ name: `ghcr.io/atrium/${name}:1`, layers: [{ files: { name } }] }),
    );
    const { path } = await lab.release({ release: '1.0.0', images });
    const pruning = async () => {
      const real = await lab.connect();
      const loadImage: typeof real.loadImage = async (...args) => {
        await engine.docker('image', 'prune', '-af');
        return real.loadImage(...args);
      };
      return { ...real, loadImage };
    };
    await lab.import(path, { engine: pruning });
    expect(await tagsOf(engine)).toEqual(['ghcr.io/atrium/server:1', 'ghcr.io/atrium/worker:1']);
    expect(await strayContainers(engine)).toEqual([]);
  });
});

describe('a catalogue file', () => {
  it('renews what is trusted and touches nothing else', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await lab.import(path);
    const before = await snapshot(engine, lab);
    lab.publisher.now = new Date('2026-12-24T00:00:00Z');
    await lab.publisher.publish();
    const later = await lab.import(await lab.catalogue());
    expect(later).toMatchObject({ kind: 'catalogue', action: 'installed', images: [] });
    expect(later.importableUntil).toEqual(new Date('2028-01-28T00:00:00Z'));
    expect(await lab.import(await lab.catalogue('again'))).toMatchObject({ action: 'present' });
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('makes a bundle importable again that had expired', async () => {
    const now = new Date('2028-03-01T00:00:00Z');
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await expect(lab.import(path, { now })).rejects.toMatchObject({ code: 'EXPIRED' });
    lab.publisher.now = new Date('2028-02-28T00:00:00Z');
    await lab.publisher.publish();
    await lab.import(await lab.catalogue(), { now });
    expect(await lab.import(path, { now })).toMatchObject({ action: 'installed' });
  });

  it('is taken while the engine is down; a release then says what the engine says', async () => {
    const down = () => connectEngine({ env: { DOCKER_HOST: `unix://${lab.dir}/none.sock` } });
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await lab.publisher.publish();
    const taken = await lab.import(await lab.catalogue(), { engine: down });
    expect(taken).toMatchObject({ kind: 'catalogue', action: 'installed' });
    expect(taken.engine).toBeUndefined();
    await expect(lab.import(path, { engine: down })).rejects.toMatchObject({ code: 'ENGINE_NOT_RUNNING' });
    await expect(lab.import(`${path}.gone`, { engine: down })).rejects.toMatchObject({
      code: 'PREFLIGHT_FAILED',
      errors: [{ code: 'ENGINE_NOT_RUNNING' }, { code: 'MEDIUM_ABSENT' }],
    });
  });
});

/** The import, end to end, into what is not the classic store on this host: podman, a containerd store, an engine far away. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/index.ts';
import { type FakeEngine, fakeContainerdEngine } from '../support/containerd-engine.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { startPodman, type TestPodman } from '../support/podman.ts';
import { freePort } from '../support/port.ts';
import { createLab, type Lab, tagsOf } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const WORKER = 'ghcr.io/atrium/worker:1';
const base = { files: { base: 'b'.repeat(100_000) } };
const server = (text = 'one'): TestImage =>
  makeImage({ name: SERVER, layers: [base, { files: { server: text }, compression: 'zstd' }], index: true });
const worker = (text = 'one'): TestImage =>
  makeImage({ name: WORKER, layers: [base, { files: { worker: text } }, { files: {} }], docker: true });
const config = { name: 'a.conf', text: 'a', install: '/etc/atrium/a.conf' };

let lab: Lab;
afterEach(() => lab.remove());

async function siteOf(engine: Pick<TestEngine, 'host'>): Promise<void> {
  lab = await createLab(engine as TestEngine);
  await lab.trust();
}

/** Bytes that this process has read so far, from files and sockets: proc(5), `rchar`. */
async function bytesThrough(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

/** What this site's pins of a release are labelled with, without the name of the site. */
const withoutSite = (label: string) => label.replace(/ [0-9a-f]{16} /, ' ');
const RELEASE_1 = 'release 1';

/** The engine of the site, whose n-th tag is not moved. */
function failAtTag(at: number) {
  let count = 0;
  return async () => {
    const real = await lab.connect();
    const tag: typeof real.tag = async (...args) => {
      count += 1;
      if (count === at) throw new Error('engine died');
      await real.tag(...args);
    };
    return { ...real, tag };
  };
}

describe('podman', () => {
  let service: TestPodman;
  beforeAll(async () => {
    service = await startPodman();
  });
  afterAll(() => service?.stop());
  beforeEach(() => siteOf(service));

  const pins = async (): Promise<string[]> =>
    (await service.podman('ps', '-a', '--format', '{{index .Labels "ferry.pin"}}')).split('\n').map(withoutSite);

  const images = async (): Promise<string[]> =>
    (await service.podman('images', '-a', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}'))
      .split('\n')
      .filter((line) => line !== '')
      .toSorted();

  it('takes a release, an update, and the same again; an update that fails leaves it as it was', async () => {
    const first = await lab.release({ release: '1.0.0', images: [server(), worker()], files: [config] });
    const installed = await lab.import(first.path);
    expect(installed).toMatchObject({ action: 'installed', engine: { name: 'podman', store: 'podman' }, warnings: [] });
    const now = [server(), worker()].map(({ name, platform }) => `${platform.config.digest} ${name}`).toSorted();
    expect(await images()).toEqual(now);
    expect(await pins()).toEqual([RELEASE_1, RELEASE_1]);
    expect(await lab.import(first.path)).toMatchObject({ action: 'present', bytesRead: 0 });
    const second = await lab.release({ release: '2.0.0', images: [server('two'), worker('two')] });
    await expect(lab.import(second.path, { engine: failAtTag(2) })).rejects.toThrow('engine died');
    expect(await images()).toEqual(now);
    expect(await pins()).toEqual([RELEASE_1, RELEASE_1]);
    expect(await lab.import(second.path)).toMatchObject({ action: 'installed', release: '2.0.0' });
    expect(await images()).toContain(`${server('two').platform.config.digest} ${SERVER}`);
  });
});

describe('a containerd store', () => {
  let engine: FakeEngine;
  beforeEach(async () => {
    engine = await fakeContainerdEngine();
    await siteOf(engine);
  });
  afterEach(() => engine?.stop());

  const pins = () =>
    [...engine.containers.values()].map((body) =>
      withoutSite((body['Labels'] as Record<string, string>)['ferry.pin'] ?? ''),
    );
  const names = () => [...engine.store.records].map(([name, { digest }]) => `${name} ${digest}`).toSorted();
  const targets = (...images: TestImage[]) => images.map(({ name, target }) => `${name} ${target.digest}`).toSorted();

  it('takes a release, and of an update only the blobs that it lacks', async () => {
    const first = await lab.release({ release: '1.0.0', images: [server(), worker()], files: [config] });
    const installed = await lab.import(first.path);
    expect(installed).toMatchObject({ action: 'installed', engine: { store: 'containerd', rootless: true } });
    expect(installed.images.map(({ imageID }) => imageID)).toEqual([server().target.digest, worker().target.digest]);
    expect(names()).toEqual(targets(server(), worker()));
    expect(pins()).toEqual([RELEASE_1, RELEASE_1]);
    const second = await lab.release({ release: '2.0.0', images: [server('two'), worker('two')] });
    const updated = await lab.import(second.path);
    const own = [server('two').platform.layers[1]?.size ?? 0, worker('two').platform.layers[1]?.size ?? 0];
    expect(updated.bytesRead).toBe(own.reduce((total, size) => total + size, 0));
    // the former images stay, without a name: the rollback's
    expect(names()).toEqual(expect.arrayContaining(targets(server('two'), worker('two'))));
  });

  it('is asked once for each image when the same bundle comes again, and for nothing else', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server(), worker()], files: [config] });
    await lab.import(path);
    const before = engine.requests.length;
    expect(await lab.import(path)).toMatchObject({ action: 'present', bytesRead: 0 });
    const asked = engine.requests.slice(before).map((request) => request.replace(/\?.*/, ''));
    expect(asked.toSorted()).toEqual(
      [
        'GET /version',
        'GET /info',
        'GET /images/json',
        ...[server(), worker()].map(({ target }) => `GET /images/${target.digest}/json`),
      ].toSorted(),
    );
  });

  it('costs little more than the documents from the medium when many images come again', async () => {
    const text = 'x'.repeat(1024 * 1024);
    const images = Array.from({ length: 30 }, (_, at) => {
      const name = `ghcr.io/atrium/image${at}:1`;
      return makeImage({ name, layers: [{ files: { own: name, text }, compression: 'none' }] });
    });
    const { path } = await lab.release({ release: '1.0.0', images });
    await lab.import(path);
    const before = await bytesThrough();
    expect(await lab.import(path)).toMatchObject({ action: 'present', bytesRead: 0 });
    // of 30 MiB; what is said to the engine and by it is in this too
    expect((await bytesThrough()) - before).toBeLessThan(2 * 1024 * 1024);
  });

  it('takes 125 layers', async () => {
    const layers = Array.from({ length: 125 }, (_, at) => ({ files: { [`f${at}`]: String(at) } }));
    const image = makeImage({ name: SERVER, layers });
    const { path } = await lab.release({ release: '1.0.0', images: [image] });
    expect(await lab.import(path)).toMatchObject({ action: 'installed', bytesRead: image.layerBytes });
    expect(names()).toEqual(targets(image));
  });

  it.each([1, 2])('has every name where it was after an update that failed at tag %i', async (at) => {
    await lab.import((await lab.release({ release: '1.0.0', images: [server(), worker()] })).path);
    const before = { names: names(), blobs: [...engine.store.blobs.keys()].toSorted() };
    const second = await lab.release({ release: '2.0.0', images: [server('two'), worker('two')], files: [config] });
    await expect(lab.import(second.path, { engine: failAtTag(at) })).rejects.toThrow('engine died');
    expect({ names: names(), blobs: [...engine.store.blobs.keys()].toSorted() }).toEqual(before);
    expect(pins()).toEqual([RELEASE_1, RELEASE_1]);
  });

  it('that says success and could not unpack is not believed', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server(), worker()], files: [config] });
    engine.misbehave({ kind: 'unpack-failure' });
    await expect(lab.import(path)).rejects.toMatchObject({ code: 'LOAD_FAILED' });
    expect(names()).toEqual([]);
    expect(await lab.import(path)).toMatchObject({ action: 'installed' });
  });
});

describe('an engine far away', () => {
  let engine: TestEngine;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    engine = await startEngine({ args: ['-H', `tcp://127.0.0.1:${port}`, '--tls=false'] });
  });
  afterAll(() => engine?.stop());
  beforeEach(() => siteOf({ host: `tcp://127.0.0.1:${port}` }));

  it('takes a release; that its free space cannot be seen is a warning', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server(), worker()], files: [config] });
    const { warnings, ...done } = await lab.import(path);
    expect(done).toMatchObject({ action: 'installed', engine: { socket: `tcp://127.0.0.1:${port}`, local: false } });
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^cannot look at the free space of the engine at tcp://127.0.0.1:${port}: .*${engine.dataRoot}`),
      ),
    ]);
    expect(await tagsOf(engine)).toEqual([SERVER, WORKER]);
    expect(
      JSON.parse(await readFile(join(lab.stateDir, 'releases/1/receipt.json'), 'utf8')).signed.engine,
    ).toMatchObject({ socket: `tcp://127.0.0.1:${port}` });
    expect(await lab.import(path)).toMatchObject({ action: 'present', warnings: [] });
  });

  it('that is gone is told of with its address', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    const gone = await freePort();
    const importing = lab.import(path, {
      engine: () => connectEngine({ env: { DOCKER_HOST: `tcp://127.0.0.1:${gone}` } }),
    });
    await expect(importing).rejects.toMatchObject({
      code: 'ENGINE_NOT_RUNNING',
      message: expect.stringContaining(`tcp://127.0.0.1:${gone}`),
    });
  });
});

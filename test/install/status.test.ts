/** What is here against what was installed, and what wants a person. */

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pinRoot, type SiteStatus, siteStatus } from '../../src/install/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { createLab, emptyEngine, type Lab, NOW, snapshot } from './lab.ts';

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
    expect(await status()).toEqual({ images: [], attention: [expect.stringContaining('no root is pinned')] });
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
      imageID: platform.config.digest,
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
    expect(attention).toHaveLength(2);
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

  it('says that the installed release was revoked', async () => {
    const { published } = await installed();
    await lab.publisher.revoke(published);
    await lab.import(await lab.catalogue());
    expect((await status()).attention).toEqual([expect.stringContaining('revoked')]);
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
});

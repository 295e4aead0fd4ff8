// Exports for sites that are killed: the next run makes the same files, and nothing of a licence was left in the clear.
import { spawn, spawnSync } from 'node:child_process';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { exportSiteFiles } from '../../src/export/index.ts';
import { newOffice, type TestOffice } from '../support/exports.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { newFleet } from '../support/fleet.ts';
import { licenseServer } from '../support/license-server.ts';
import { fat } from '../support/media.ts';
import { NOW } from '../support/proposals.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const IMAGE = buildImage({ layers: [generatedLayer('one', 60_000), generatedLayer('two', 60_000)] });
const LICENSE = 'licence of the demo, number 0815-4711';

interface Desk extends TestOffice {
  readonly fake: FakeRegistry;
  readonly folder: string;
  readonly fleetPath: string;
}

/** An office with four sites and a licence for each of them. */
async function desk(): Promise<Desk> {
  const fake = await fakeRegistry();
  onTestFinished(() => fake.stop());
  fake.add('demo/app', '1', IMAGE);
  const office = await newOffice(fake.host);
  const folder = dirname(office.manifestPath);
  const names = ['a', 'b', 'c', 'd'];
  await newFleet(office.workspace, names);
  await writeFile(join(folder, 'license.blob'), LICENSE);
  await office.write(['demo/app:1'], 'license: {from: ./license.blob, install: /etc/demo/license.blob}\n');
  const fleetPath = join(folder, 'fleet.yaml');
  await writeFile(fleetPath, `sites: [${names.map((name) => `{site: ${name}}`).join(', ')}]\n`);
  return { ...office, fake, folder, fleetPath };
}

/** Exports in a process that strace kills at the n-th call of that name. */
async function killAt(office: Desk, call: string, n: number, outDir = office.out): Promise<void> {
  const options = { workspace: office.workspace.dir, manifestPath: office.manifestPath, outDir };
  const argument = JSON.stringify({ ...options, host: office.fake.host, concurrency: 1, fleetPath: office.fleetPath });
  const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${n}`];
  const child = spawn(
    'strace',
    [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      ...inject,
      process.execPath,
      join(import.meta.dirname, 'export-child.ts'),
      argument,
    ],
    { stdio: 'ignore', env: { ...process.env, UV_THREADPOOL_SIZE: '1' } }, // strace counts by thread
  );
  const killed = await new Promise((resolve) =>
    child.on('close', (code, signal) => resolve(signal === 'SIGKILL' || code === 137)),
  );
  expect(killed, `${call} ${n}`).toBe(true);
}

const LAST_BLOB = IMAGE.platforms[0]?.layers[1]?.descriptor;

/** Begins an export that Ctrl-C stops at its last blob. @returns the options to go on with */
async function stopAtLastBlob(office: Desk) {
  const stop = new AbortController();
  office.fake.rule({
    on: new RegExp(`GET .*/blobs/${LAST_BLOB?.digest}`),
    act: () => stop.abort(new Error('ctrl-c')),
  });
  const options = { fleetPath: office.fleetPath, concurrency: 1 };
  await expect(office.export({ ...options, signal: stop.signal })).rejects.toThrow('ctrl-c');
  return options;
}

/** The link that gives the first overlay its name. */
const FIRST_OVERLAY = 7;

const visible = async (folder: string) => (await readdir(folder)).filter((name) => !name.startsWith('.')).toSorted();

/** What a killed run may not leave in `exports/` for ever: anything but drafts that are a few bytes. */
const leftovers = async ({ workspace }: Desk) =>
  (await readdir(workspace.paths.exports)).filter((name) => !/\.tmp$|\.lock\./.test(name));

describe('an export for sites that was killed', () => {
  // the bundle and then the overlays get their names by link; which is which, `strace` shows
  it.each([0, 1, 2, 3])('after %i of four overlays is run again to the same files', async (n) => {
    const office = await desk();
    await killAt(office, 'link', FIRST_OVERLAY + n);
    expect(await visible(office.out)).toContain('demo-1-1-1.ferry.tar');
    const overlays = (await visible(office.out)).filter((name) => /^demo-[0-9a-f]{16}/.test(name));
    expect(overlays.length).toBe(n);
    const inTheClear = () =>
      spawnSync('grep', ['-rlaF', LICENSE, office.folder, office.workspace.dir]).stdout.toString().trim();
    expect(inTheClear()).toBe(join(office.folder, 'license.blob'));

    office.fake.add('demo/app', '1', buildImage({ layers: [generatedLayer('moved')] }));
    const copy = `${office.workspace.dir}-copy`;
    await cp(office.workspace.dir, copy, { recursive: true });
    const done = await office.export({ fleetPath: office.fleetPath });
    expect(done).toMatchObject({ sequence: 1, action: 'written' });
    expect(done.images[0]?.digest).toBe(IMAGE.target.descriptor.digest); // the tag has moved: it goes on, not anew
    expect(done.overlays).toHaveLength(4);
    expect(await visible(office.out)).toHaveLength(6);
    expect(await leftovers(office)).toEqual([]);
    expect(inTheClear()).toBe(join(office.folder, 'license.blob'));

    const elsewhere = await temporaryFolder();
    await exportSiteFiles({
      ...{ workspace: office.workspace.dir, manifestPath: office.manifestPath, fleetPath: office.fleetPath },
      ...{ outDir: elsewhere, now: NOW },
    });
    for (const name of await visible(elsewhere)) {
      expect((await readFile(join(office.out, name))).equals(await readFile(join(elsewhere, name)))).toBe(true);
    }
  });

  it('among the overlays on FAT is run again to the same files, and nothing half stays, whoever is next', async () => {
    const office = await desk();
    const stick = await fat('64M');
    await killAt(office, 'rename', 21, stick);
    const left = await readdir(stick);
    expect(left).toEqual(expect.arrayContaining([expect.stringMatching(/\.partial$/), 'demo-1-1-1.ferry.tar']));
    const fewer = join(office.folder, 'fewer.yaml');
    await writeFile(fewer, 'sites: [{site: a}]\n');
    await office.export({ fleetPath: fewer, outDir: stick });
    expect((await readdir(stick)).filter((name) => name.endsWith('.partial'))).toEqual([]);
    const done = await office.export({ fleetPath: office.fleetPath, outDir: stick });
    expect(done.overlays).toHaveLength(4);
    expect(await readdir(stick)).toHaveLength(6);
  });

  it('goes on with the blobs that it has when a licence was renewed meanwhile', async () => {
    const office = await desk();
    const options = await stopAtLastBlob(office);
    await writeFile(join(office.folder, 'license.blob'), `${LICENSE} for another year`);
    const done = await office.export(options);
    expect(done.downloaded).toBe(LAST_BLOB?.size);
    expect(done.bundle).toContain('demo-1-1-2.ferry.tar');
    expect(await leftovers(office)).toEqual([]);
  });

  it('is left as it is by an export of site files alone', async () => {
    const office = await desk();
    const options = await stopAtLastBlob(office);
    const before = await leftovers(office);
    await exportSiteFiles({
      ...{ workspace: office.workspace.dir, manifestPath: office.manifestPath, outDir: office.out, now: NOW },
      ...options,
    });
    expect(await leftovers(office)).toEqual(before);
    const done = await office.export(options);
    expect(done.downloaded).toBe(LAST_BLOB?.size);
    expect(done.sites.map(({ action }) => action)).toEqual(['unchanged', 'unchanged', 'unchanged', 'unchanged']);
  });
});

describe('an export for 200 sites', () => {
  it('asks for the licence, for each blob and for a signature once', async () => {
    const office = await desk();
    const server = await licenseServer({ license: LICENSE });
    onTestFinished(() => server.stop());
    const names = Array.from({ length: 196 }, (_, at) => `plant ${at}`);
    await newFleet(office.workspace, names);
    const all = ['a', 'b', 'c', 'd', ...names].map((name) => `  - site: ${name}\n`).join('');
    await writeFile(office.fleetPath, `license: {url: "${server.url}"}\nsites:\n${all}`);
    const done = await office.export({ fleetPath: office.fleetPath });
    expect(done.overlays).toHaveLength(200);
    expect(server.seen).toHaveLength(1);
    const blobs = office.fake.seen.map(({ line }) => line).filter((line) => line.includes('/blobs/'));
    expect(blobs).toHaveLength(new Set(blobs).size);
    expect(done.overlays.every((path) => path.endsWith('-1.ferry.tar'))).toBe(true); // one catalogue
    const again = await office.export({ fleetPath: office.fleetPath });
    expect(again).toMatchObject({ action: 'unchanged', overlays: done.overlays });
  });
});

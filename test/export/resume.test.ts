import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBundle, proveContents, verifyBundle } from '../../src/bundle/index.ts';
import type { ExportResult } from '../../src/export/index.ts';
import { parseReleaseDocument } from '../../src/manifest/index.ts';
import { openWorkspace, revokeRelease } from '../../src/workspace/index.ts';
import { newOffice, type TestOffice } from '../support/exports.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { fat } from '../support/media.ts';
import { NOW } from '../support/proposals.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';

const LAYERS = [1, 2, 3, 4, 5, 6].map((seed) => generatedLayer(`layer-${seed}`, 60_000));
const IMAGE = buildImage({ layers: LAYERS });
const OTHER = buildImage({ layers: [generatedLayer('other')] });
const SIZES = IMAGE.platforms[0]?.layers.map(({ descriptor }) => descriptor.size) ?? [];

interface Desk extends TestOffice {
  readonly fake: FakeRegistry;
}

async function desk(): Promise<Desk> {
  const fake = await fakeRegistry();
  onTestFinished(() => fake.stop());
  fake.add('demo/app', '1', IMAGE);
  const office = await newOffice(fake.host);
  await office.write(['demo/app:1']);
  return { ...office, fake };
}

/** Runs an export in a process of its own; `killed` when a signal ended it. */
function start(
  office: Desk,
  {
    wrapper = [],
    concurrency = 2,
    outDir = office.out,
  }: { wrapper?: readonly string[]; concurrency?: number; outDir?: string } = {},
) {
  const options = { workspace: office.workspace.dir, manifestPath: office.manifestPath, outDir };
  const argument = JSON.stringify({ ...options, host: office.fake.host, concurrency });
  const [program = '', ...rest] = [
    ...wrapper,
    process.execPath,
    join(import.meta.dirname, 'export-child.ts'),
    argument,
  ];
  const child = spawn(program, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, // strace counts by thread
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (errors += chunk));
  const ended = new Promise<{ result?: ExportResult; killed: boolean; errors: string }>((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ killed: signal === 'SIGKILL' || code === 137, errors, ...(code === 0 && { result: JSON.parse(out) }) }),
    );
  });
  return { child, ended };
}

/** Starts an export and kills it when it asks for its n-th layer, which never comes. */
async function killAtLayer(office: Desk, n: number, outDir = office.out): Promise<void> {
  const digest = IMAGE.platforms[0]?.layers[n - 1]?.descriptor.digest as string;
  const { child, ended } = start(office, { concurrency: 1, outDir });
  office.fake.rule({
    on: new RegExp(`/blobs/${digest}`),
    act: ({ response }) => {
      response.writeHead(200, { 'content-length': SIZES[n - 1] });
      response.write(Buffer.alloc(1000));
      setImmediate(() => child.kill('SIGKILL'));
    },
  });
  expect((await ended).killed).toBe(true);
}

async function verify(path: string): Promise<void> {
  const bundle = await openBundle(path);
  try {
    const release = parseReleaseDocument(bundle.releaseBytes as Uint8Array);
    await verifyBundle(bundle, await proveContents(bundle, release));
  } finally {
    await bundle.close();
  }
}

const tarsOf = async (office: TestOffice) => (await readdir(office.out)).filter((name) => name.endsWith('.tar'));

describe('an export that was killed', () => {
  it.each([1, 3, 6])('at layer %i goes on to the same file and fetches the rest alone', async (n) => {
    const office = await desk();
    const copy = `${office.workspace.dir}-copy`;
    await cp(office.workspace.dir, copy, { recursive: true });
    await killAtLayer(office, n);
    expect(await tarsOf(office)).toEqual([]);

    const seen = office.fake.seen.length;
    const done = await office.export();
    const rest = SIZES.slice(n - 1).reduce((sum, size) => sum + size, 0);
    expect(done).toMatchObject({ action: 'written', downloaded: rest, sequence: 1 });
    expect(office.fake.seen.slice(seen).filter(({ line }) => line.includes('/manifests/'))).toEqual([]);

    const whole = await office.export({ workspace: copy, outDir: join(office.out, 'whole') });
    expect(await readFile(done.bundle)).toEqual(await readFile(whole.bundle));
    expect(await readdir(office.workspace.paths.exports)).toEqual([]);
  });

  it('keeps to the digests that it resolved although the tag moved; fresh takes the tag as it is', async () => {
    const office = await desk();
    await killAtLayer(office, 4);
    office.fake.add('demo/app', '1', OTHER);
    const going = await office.export();
    expect(going.images[0]?.digest).toBe(IMAGE.target.descriptor.digest);
    await killAtLayerFree(office);
    const fresh = await office.export({ fresh: true });
    expect(fresh.images[0]?.digest).toBe(OTHER.target.descriptor.digest);
  });

  it('checks what it keeps: a changed byte in the partial is fetched again', async () => {
    const office = await desk();
    await killAtLayer(office, 4);
    const { exports } = office.workspace.paths;
    const name = (await readdir(exports)).find((each) => each.endsWith('.partial')) as string;
    const { open } = await import('node:fs/promises');
    const file = await open(join(exports, name), 'r+');
    const index = (await file.readFile()).indexOf(layerBytes(1).subarray(0, 64));
    expect(index).toBeGreaterThan(0);
    await file.write(Buffer.from([1, 2, 3]), 0, 3, index + 1000);
    await file.close();
    const done = await office.export();
    await verify(done.bundle);
    expect(done.downloaded).toBe((SIZES[1] as number) + SIZES.slice(3).reduce((sum, size) => sum + size, 0));
  });

  it('starts over when the manifest says something else now', async () => {
    const office = await desk();
    office.fake.add('demo/other', '1', OTHER);
    await killAtLayer(office, 4);
    await office.write(['demo/other:1']);
    const done = await office.export();
    expect(done.images.map(({ name }) => name)).toEqual(['registry.example/demo/other:1']);
    expect(await readdir(office.workspace.paths.exports)).toEqual([]);
  });

  it('is not finished once its release was revoked', async () => {
    const office = await desk();
    await killAtLayer(office, 4);
    await revokeRelease(await openWorkspace(office.workspace.dir, { now: NOW }), '1');
    await expect(office.export()).rejects.toMatchObject({ code: 'RELEASE_REVOKED' });
  });

  it('goes on in another folder when the medium was changed', async () => {
    const office = await desk();
    await killAtLayer(office, 4);
    const outDir = join(office.out, 'second');
    await mkdir(outDir);
    const done = await office.export({ outDir });
    expect(done.downloaded).toBe(SIZES.slice(3).reduce((sum, size) => sum + size, 0));
  });

  // steps that change the disk, in the order in which one run has them; which is which, `strace` shows
  it.each([
    ['link', [3, 4, 6]], // the ledger's lock, targets.json, the bundle's name
    ['rename', [3, 4, 5, 7]], // release.json, the ledger, the timestamp, the journal
    ['fsync', [5, 12, 14]], // between ledger and targets.json, the journal, the tar
    ['unlink', [8, 9]], // the partial, the journal
    ['ftruncate', [1]],
  ] as const)('at a %s leaves nothing that the next run does not put right', async (call, occurrences) => {
    let killed = 0;
    for (const at of occurrences) {
      const office = await desk();
      const inject = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${at}`];
      const ended = await start(office, { wrapper: ['strace', '-f', '-qq', '-o', '/dev/null', ...inject] }).ended;
      killed += ended.killed ? 1 : 0;
      if (!ended.killed) expect(ended.result, ended.errors).toBeDefined();
      const done = await office.export();
      await verify(done.bundle);
      expect(done.sequence).toBe(1);
      expect(await tarsOf(office)).toHaveLength(1);
      expect(await readdir(office.out)).toHaveLength(2);
      expect(await leftovers(office)).toEqual([]);
    }
    expect(killed).toBe(occurrences.length);
  });
});

describe('an export onto FAT that was killed', () => {
  // not at 6: the test's FAT driver can't append to a file that ends with a cluster
  it.each([1, 3, 5])('at layer %i goes on to the same file and fetches the rest alone', async (n) => {
    const office = await desk();
    const copy = `${office.workspace.dir}-copy`;
    await cp(office.workspace.dir, copy, { recursive: true });
    const stick = await fat('64M');
    await killAtLayer(office, n, stick);
    expect(await readdir(stick)).toEqual(['.demo-1-1-1.ferry.tar.partial']);

    const done = await office.export({ outDir: stick });
    const rest = SIZES.slice(n - 1).reduce((sum, size) => sum + size, 0);
    expect(done).toMatchObject({ action: 'written', downloaded: rest });
    const whole = await office.export({ workspace: copy });
    expect(await readFile(done.bundle)).toEqual(await readFile(whole.bundle));
    const list = 'demo-1-1-1.ferry.chunks.json';
    expect(await readFile(join(stick, list), 'utf8')).toBe(await readFile(join(office.out, list), 'utf8'));
    expect((await readdir(stick)).toSorted()).toEqual([list, 'demo-1-1-1.ferry.tar']);
  });

  it.each([8, 9])('at rename %i, of the tar or its chunk list, is put right by the next run', async (at) => {
    const office = await desk();
    const stick = await fat('64M');
    const inject = ['-e', 'trace=rename', '-e', `inject=rename:signal=SIGKILL:when=${at}`];
    const wrapper = ['strace', '-f', '-qq', '-o', '/dev/null', ...inject];
    expect((await start(office, { wrapper, outDir: stick }).ended).killed).toBe(true);
    await verify((await office.export({ outDir: stick })).bundle);
    expect((await readdir(stick)).filter((name) => !name.endsWith('.tmp'))).toHaveLength(2);
  });
});

/** What a killed run may not leave in `exports/` for ever: anything but drafts that are a few bytes. */
async function leftovers(office: TestOffice): Promise<readonly string[]> {
  return (await readdir(office.workspace.paths.exports)).filter((name) => !/\.tmp$|\.lock\./.test(name));
}

function layerBytes(at: number): Buffer {
  return IMAGE.platforms[0]?.layers[at]?.bytes as Buffer;
}

/** An interrupted run of what the tag says now, to be forgotten by `fresh`. */
async function killAtLayerFree(office: Desk): Promise<void> {
  await rm(join(office.out, 'demo-1-1-1.ferry.tar'));
  office.fake.add('demo/app', '1', IMAGE);
  await killAtLayer(office, 2);
  office.fake.add('demo/app', '1', OTHER);
}

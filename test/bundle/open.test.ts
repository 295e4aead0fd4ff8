import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BundlePlan, openBundle, type PlannedEntry, planBundle, writeBundle } from '../../src/bundle/index.ts';
import { MAX_SITE_DOCUMENT_BYTES } from '../../src/bundle/small.ts';
import { layOut, tarHeader } from '../../src/layout/index.ts';
import {
  type RawEntry,
  rawTar,
  standInChain,
  type TestBundle,
  temporaryFolder,
  testBundle,
  writeTestBundle,
} from '../support/bundles.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';
import { vectorsFolder } from '../support/vectors.ts';

const VECTORS = vectorsFolder('tar');
const folder = temporaryFolder();
afterAll(folder.remove);
const path = (name: string) => join(folder.path, name);

let bundle: TestBundle;
let whole: string;
beforeAll(async () => {
  bundle = await testBundle({
    images: { 'ghcr.io/a/x:1': buildImage({ layers: [generatedLayer('a', 10), generatedLayer('b', 600)] }) },
    files: { 'compose.yaml': Buffer.from('services: {}\n') },
    sites: { any: { 'license.blob': Buffer.from('licence') } },
  });
  whole = await writeTestBundle(folder.path, bundle);
});

describe('openBundle', () => {
  it('has trust metadata, release.json and the documents of sites at hand', async () => {
    const opened = await openBundle(whole);
    try {
      expect(opened).toMatchObject({ kind: 'release', size: bundle.plan.size });
      expect(opened.chain).toEqual(standInChain());
      expect(opened.releaseBytes).toEqual(bundle.parts.release);
      expect(opened.siteDocuments).toEqual([{ site: 'any', bytes: bundle.parts.sites?.[0]?.document }]);
      expect(opened.entries.map(({ name }) => name)).toEqual(bundle.plan.entries.map(({ name }) => name));
    } finally {
      await opened.close();
    }
  });

  it('gives the bytes of an entry by name and of a blob by digest, several at once', async () => {
    const opened = await openBundle(whole);
    try {
      const layers = bundle.plan.entries.flatMap(({ source }) => (source.kind === 'blob' ? [source.descriptor] : []));
      const read = await Promise.all(layers.map(({ digest, size }) => opened.read(digest, size)));
      expect(read).toEqual(layers.map(({ digest }) => bundle.content(digest)));
      expect((await opened.read('files/compose.yaml', 100)).toString()).toBe('services: {}\n');
      expect((await opened.readRange('files/compose.yaml', { offset: 10, length: 100 })).toString()).toBe('{}\n');
    } finally {
      await opened.close();
    }
  });

  it('refuses to read more of an entry than was allowed, and an entry that is not there', async () => {
    const opened = await openBundle(whole);
    try {
      await expect(opened.read('files/compose.yaml', 12)).rejects.toMatchObject({ code: 'DAMAGED' });
      await expect(opened.read('files/other', 12)).rejects.toMatchObject({ damages: [{ entry: 'files/other' }] });
    } finally {
      await opened.close();
    }
  });

  it('opens overlays and catalogues', async () => {
    const { chain, sites = [] } = bundle.parts;
    for (const parts of [{ chain, sites }, { chain }]) {
      const plan = planBundle(parts);
      await writeBundle(plan, { path: path('other'), ...bundle.sources });
      const opened = await openBundle(path('other'));
      expect(opened).toMatchObject({ kind: plan.kind, releaseBytes: undefined });
      await opened.close();
    }
  });

  it('refuses a bundle cut off at any byte, and writes nothing', async () => {
    const catalogue = planBundle({ chain: standInChain({ roots: 1 }) });
    const release = (await testBundle({ images: { 'localhost/x:1': buildImage({ layers: [] }) } })).plan;
    for (const plan of [catalogue, release]) {
      await writeBundle(plan, { path: path('cut.ferry.tar'), ...bundle.sources });
      const before = readdirSync(folder.path);
      for (let size = plan.size - 1; size >= 0; size--) {
        truncateSync(path('cut.ferry.tar'), size);
        const opening = openBundle(path('cut.ferry.tar')).then(
          () => 'opened',
          ({ code }) => code,
        );
        expect(await opening).toMatch(/^(BUNDLE_CUT_OFF|NOT_A_BUNDLE)$/);
      }
      expect(readdirSync(folder.path)).toEqual(before);
    }
  });

  it('names image, layer and offset of a bundle that is cut off in a layer', async () => {
    const layer = blobs(bundle.plan)[1] as PlannedEntry;
    const cut = path('cut.ferry.tar');
    copyFileSync(whole, cut);
    truncateSync(cut, layer.dataOffset + 100);
    await expect(openBundle(cut)).rejects.toMatchObject({
      code: 'BUNDLE_CUT_OFF',
      damages: [{ entry: layer.name, image: 'ghcr.io/a/x:1', part: 'layer 2 of 2', offset: layer.dataOffset + 100 }],
    });
  });

  it('names image, layer and offset of a header that was altered', async () => {
    const layer = blobs(bundle.plan)[0] as PlannedEntry;
    const altered = await alter((bytes) => bytes.fill('7', layer.headerOffset + 104, layer.headerOffset + 107));
    await expect(openBundle(altered)).rejects.toMatchObject({
      code: 'DAMAGED',
      damages: [{ entry: layer.name, image: 'ghcr.io/a/x:1', part: 'layer 1 of 2', offset: layer.headerOffset }],
    });
  });

  it('says behind which entry a header is lost altogether', async () => {
    const [first, second] = blobs(bundle.plan) as [PlannedEntry, PlannedEntry];
    const altered = await alter((bytes) => bytes.fill(0xff, second.headerOffset, second.dataOffset));
    await expect(openBundle(altered)).rejects.toMatchObject({
      code: 'DAMAGED',
      damages: [{ offset: second.headerOffset, why: expect.stringContaining(first.name) }],
    });
  });

  const names = () =>
    bundle.plan.entries.map(
      ({ name, source }) => [name, source.kind === 'bytes' ? source.bytes : Buffer.of()] as const,
    );
  const deviations: [string, (list: readonly RawEntry[]) => readonly RawEntry[]][] = [
    ['a missing timestamp', (list) => list.filter(([name]) => name !== 'tuf/timestamp.json')],
    ['a missing first root', (list) => list.slice(1)],
    ['a missing root between', (list) => list.map(([name, bytes]) => [name.replace('2.root', '3.root'), bytes])],
    ['a missing index.json', (list) => list.filter(([name]) => name !== 'index.json')],
    [
      'layers without a release',
      (list) => list.filter(([name]) => !/^(release|index|manifest|oci|files|sites)/.test(name)),
    ],
    ['a release.json alone', (list) => list.slice(0, 6)],
    ['a second timestamp under another name', (list) => list.toSpliced(3, 0, ['tuf/2.timestamp.json', Buffer.of()])],
    ['snapshot and targets in the other order', (list) => swapped(list, 3, 4)],
    ['a file behind the blobs', (list) => [...list, ['files/late', Buffer.of()]]],
    ['index.json before oci-layout', (list) => swapped(list, 6, 7)],
    ['an unknown entry at the end', (list) => [...list, ['README', Buffer.of()]]],
    ['an unknown folder', (list) => list.toSpliced(9, 0, ['bin/sh', Buffer.of()])],
    ['a name of 74 characters', (list) => list.toSpliced(9, 0, [`files/${'n'.repeat(74)}`, Buffer.of()])],
    ['a folder below files', (list) => list.toSpliced(9, 0, ['files/a/b', Buffer.of()])],
    ['a blob of another algorithm', (list) => [...list, [`blobs/sha512/${'0'.repeat(128 - 50)}`, Buffer.of()]]],
    ['a blob with upper-case digits', (list) => [...list, [`blobs/sha256/${'A'.repeat(64)}`, Buffer.of()]]],
    ["a site's file before its document", (list) => swapped(list, 10, 11)],
    [
      "another site's file",
      (list) => list.map(([name, bytes]) => [name.replace('any/lic', '0123456789abcdef/lic'), bytes]),
    ],
    ['a version with a zero before', (list) => list.map(([name, bytes]) => [name.replace('8.snap', '08.snap'), bytes])],
    ['nothing behind the roots', (list) => list.slice(0, 2)],
  ];
  it.each(deviations)('refuses %s', async (_what, change) => {
    writeFileSync(path('deviant'), rawTar(change(names())));
    await expect(openBundle(path('deviant'))).rejects.toMatchObject({
      code: expect.stringMatching(/^(DAMAGED|NOT_A_BUNDLE)$/),
    });
  });

  it('takes the same entries when nothing is changed', async () => {
    writeFileSync(path('same'), rawTar(names()));
    await (await openBundle(path('same'))).close();
  });

  it('refuses an overlay that carries images or a second site', async () => {
    const list = names().filter(([name]) => /^(tuf|sites)/.test(name));
    const second: RawEntry = ['sites/0123456789abcdef/site-files.json', Buffer.of()];
    const blob: RawEntry = [`blobs/sha256/${'a'.repeat(64)}`, Buffer.of()];
    for (const surplus of [second, blob]) {
      writeFileSync(path('overlay'), rawTar([...list, surplus]));
      await expect(openBundle(path('overlay'))).rejects.toMatchObject({ damages: [{ entry: surplus[0] }] });
    }
  });

  it.each([
    ['tuf/timestamp.json', 1e6],
    ['tuf/1.root.json', 1e7],
    ['release.json', 1e9],
    ['sites/any/site-files.json', MAX_SITE_DOCUMENT_BYTES + 1],
  ])('refuses a %s of %d bytes before it reads one', async (name, size) => {
    const sized = names().map((entry) => ({ name: entry[0], size: entry[0] === name ? size : entry[1].length }));
    await writeSparse(path('endless'), sized);
    await expect(openBundle(path('endless'))).rejects.toMatchObject({ code: 'DAMAGED', damages: [{ entry: name }] });
  });

  const vectors = existsSync(VECTORS) ? readdirSync(VECTORS, { recursive: true, encoding: 'utf8' }) : [];
  it.each(vectors.filter((name) => name.endsWith('.tar')))('refuses %s', async (name) => {
    await expect(openBundle(join(VECTORS, name))).rejects.toMatchObject({ code: 'NOT_A_BUNDLE' });
  });

  it('says when there is no such file, and when it is a folder or a device', async () => {
    await expect(openBundle(path('nowhere'))).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
    await expect(openBundle(folder.path)).rejects.toMatchObject({ code: 'NOT_A_BUNDLE' });
    await expect(openBundle('/dev/zero')).rejects.toMatchObject({ code: 'NOT_A_BUNDLE' });
  });

  it('refuses a pipe at once, though nobody ever writes into it', async () => {
    execFileSync('mkfifo', [path('pipe.ferry.tar')]);
    await expect(openBundle(path('pipe.ferry.tar'))).rejects.toMatchObject({ code: 'NOT_A_BUNDLE' });
  });

  it('opens 100 GB by reading less than 100 KB, and no byte of a layer', async () => {
    const GIB = 2 ** 30;
    const small = names().map(([name, bytes]) => ({ name, size: bytes.length }));
    const layer = (at: number) => ({ name: `blobs/sha256/${String(at).padStart(64, '0')}`, size: 9 * GIB + at });
    const size = await writeSparse(
      path('sparse'),
      [...small, ...Array.from({ length: 11 }, (_, at) => layer(at))],
      names(),
    );
    expect(size).toBeGreaterThan(99 * GIB);
    const read = () => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
    const before = read();
    const opened = await openBundle(path('sparse'));
    const bytes = read() - before;
    expect(opened.entries.at(-1)?.size).toBe(9 * GIB + 10);
    await opened.close();
    expect(bytes).toBeLessThan(100_000);
  });
});

function blobs(plan: BundlePlan): PlannedEntry[] {
  return plan.entries.filter(({ source }) => source.kind === 'blob');
}

function swapped<T>(list: readonly T[], a: number, b: number): T[] {
  return list.with(a, list[b] as T).with(b, list[a] as T);
}

async function alter(change: (bytes: Buffer) => void): Promise<string> {
  const bytes = readFileSync(whole);
  change(bytes);
  writeFileSync(path('altered.ferry.tar'), bytes);
  return path('altered.ferry.tar');
}

/** A tar of which only headers, and the bodies given, take room on the disk. */
async function writeSparse(
  to: string,
  list: readonly { name: string; size: number }[],
  bodies: readonly RawEntry[] = [],
): Promise<number> {
  const { entries, size } = layOut(list);
  const contents = new Map(bodies);
  const file = await open(to, 'w');
  try {
    await file.truncate(size);
    for (const { name, size, headerOffset, dataOffset } of entries) {
      await file.write(tarHeader(name, size), 0, 512, headerOffset);
      const body = contents.get(name);
      if (body !== undefined && body.length > 0) await file.write(body, 0, body.length, dataOffset);
    }
  } finally {
    await file.close();
  }
  return size;
}

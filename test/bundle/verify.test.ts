import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CHUNK_SIZE,
  type ChunkHashes,
  chunkList,
  chunkListPath,
  openBundle,
  type PlannedEntry,
  proveContents,
  type VerifyBundleOptions,
  verifyBundle,
  writeBundle,
} from '../../src/bundle/index.ts';
import { type TestBundle, temporaryFolder, testBundle } from '../support/bundles.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const good = join(folder.path, 'good-1-1-7.ferry.tar');
const bad = join(folder.path, 'bad-1-1-7.ferry.tar');

const MIB = 2 ** 20;
const none = 'none' as const;
let spoiled: readonly number[] = [];
let bundle: TestBundle;
let chunks: Buffer;
let layers: readonly PlannedEntry[];

beforeAll(async () => {
  const layer = (name: string, size: number) => ({ bytes: generatedLayer(name, size), compression: none });
  bundle = await testBundle({
    images: {
      'ghcr.io/a/x:1': buildImage({ layers: [layer('base', 6 * MIB), layer('x', 40 * MIB)], attestations: true }),
      'ghcr.io/a/y:1': buildImage({ layers: [layer('base', 6 * MIB), layer('y', 4 * MIB)] }),
    },
    files: { 'compose.yaml': Buffer.from('services: {}\n'), empty: Buffer.alloc(0) },
    sites: { any: { 'license.blob': Buffer.from('licence') } },
  });
  const hashes = await writeBundle(bundle.plan, { path: good, ...bundle.sources });
  copyFileSync(good, bad);
  chunks = chunkList('bad-1-1-7.ferry.tar', bundle.plan.size, hashes);
  layers = bundle.plan.entries.filter(({ source }) => source.kind === 'blob' && source.part !== 'attestation');
});

describe('verifyBundle', () => {
  it.each([1, 2, 4])('passes a good bundle with %d threads at most', async (threads) => {
    await expect(verify(good, { threads })).resolves.toBeUndefined();
  });

  it.each([1, 2, 4])('tells of every byte of layers and files once, with %d threads', async (threads) => {
    let told = 0;
    let total: number | undefined;
    const phase = (_name: string, bytes?: number) => {
      total = bytes;
    };
    const advance = (bytes: number) => {
      told += bytes;
    };
    await verify(good, { threads, progress: { phase, advance, note: () => {} } });
    const expected = bundle.plan.entries.reduce(
      (sum, { source, size }) => sum + (source.kind === 'bytes' ? 0 : size),
      0,
    );
    expect([told, total]).toEqual([expected, expected]);
  });

  it.each([1, 3])(
    'names every part with a bad byte: layers, attestation and files, with %d threads',
    async (threads) => {
      const parts = bundle.plan.entries.filter(({ source, size }) => source.kind !== 'bytes' && size > 0);
      await spoil(parts.map(({ dataOffset, size }) => dataOffset + size - 1));
      await expect(verify(bad, { threads })).rejects.toMatchObject({
        code: 'DAMAGED',
        damages: parts.map(({ name, dataOffset, size }) => ({ entry: name, offset: dataOffset, length: size })),
      });
    },
  );

  it('finds a single bit at the beginning, inside and at the end of a layer', async () => {
    const { dataOffset, size, name } = layers[1] as PlannedEntry;
    for (const at of [dataOffset, dataOffset + 5 * MIB, dataOffset + size - 1]) {
      await spoil([at]);
      await expect(verify(bad)).rejects.toMatchObject({
        damages: [{ entry: name, image: 'ghcr.io/a/x:1', part: 'layer 2 of 2' }],
      });
    }
  });

  it('says in its line which layer of which image it is, and counts the others', async () => {
    await spoil(layers.map(({ dataOffset }) => dataOffset));
    const [first] = layers as [PlannedEntry];
    const where = `offset ${first.dataOffset} to ${first.dataOffset + first.size}`;
    await expect(verify(bad)).rejects.toThrow(
      new RegExp(
        `^verify bundle: ${first.name}: layer 1 of 2 of ghcr.io/a/x:1: ${where}: expected sha256:.*; and 2 more bad parts$`,
      ),
    );
  });

  describe('with a chunk list beside the tar', () => {
    it('narrows the damage down to its chunks', async () => {
      const { dataOffset, size } = layers[1] as PlannedEntry;
      const at = dataOffset + 20 * MIB;
      await spoil([at, at + 4 * MIB]);
      writeFileSync(chunkListPath(bad) ?? '', chunks);
      const chunk = Math.floor(at / (4 * MIB)) * 4 * MIB;
      await expect(verify(bad)).rejects.toMatchObject({ damages: [{ offset: chunk, length: 8 * MIB }] });
      const last = dataOffset + size - 1;
      await spoil([last]);
      writeFileSync(chunkListPath(bad) ?? '', chunks);
      const length = (last % CHUNK_SIZE) + 1;
      await expect(verify(bad)).rejects.toMatchObject({ damages: [{ offset: last + 1 - length, length }] });
    });

    it.each([
      ['another file', () => Buffer.from(chunks.toString().replace(/"size":\d+/, '"size":5'))],
      ['nothing that is JSON', () => Buffer.from('{')],
      ['no list', () => Buffer.from('null')],
    ])('names the whole layer when it speaks of %s', async (_what, list) => {
      const { dataOffset, size } = layers[0] as PlannedEntry;
      await spoil([dataOffset]);
      writeFileSync(chunkListPath(bad) ?? '', list());
      await expect(verify(bad)).rejects.toMatchObject({ damages: [{ offset: dataOffset, length: size }] });
    });

    it('does not let it excuse anything: damage that it does not know is named all the same', async () => {
      const { dataOffset, size } = layers[0] as PlannedEntry;
      await spoil([dataOffset]);
      writeFileSync(
        chunkListPath(bad) ?? '',
        chunkList('bad-1-1-7.ferry.tar', bundle.plan.size, chunksOf(readFileSync(bad))),
      );
      await expect(verify(bad)).rejects.toMatchObject({ damages: [{ offset: dataOffset, length: size }] });
    });
  });

  it('says what is gone when the file becomes shorter meanwhile', async () => {
    const short = join(folder.path, 'short.ferry.tar');
    copyFileSync(good, short);
    const opened = await openBundle(short);
    const contents = await proveContents(opened, bundle.release);
    const last = layers.at(-1) as PlannedEntry;
    const file = await open(short, 'r+');
    await file.truncate(last.dataOffset + 5);
    await file.close();
    await expect(verifyBundle(opened, contents)).rejects.toMatchObject({
      damages: [{ entry: last.name, why: expect.stringContaining(`end of the file at offset ${last.dataOffset + 5}`) }],
    });
    await opened.close();
  });

  it.each([1, 4])('ends with the reason of the signal, with %d threads', async (threads) => {
    const abort = new AbortController();
    const advance = () => abort.abort(new Error('interrupted'));
    const progress = { phase: () => {}, note: () => {}, advance };
    await expect(verify(good, { threads, signal: abort.signal, progress })).rejects.toThrow('interrupted');
  });

  it('leaves no thread behind that reads when it was interrupted', async () => {
    const threads = () => readdirSync('/proc/self/task').length;
    const abort = new AbortController();
    const advance = () => abort.abort(new Error('interrupted'));
    const progress = { phase: () => {}, note: () => {}, advance };
    await verify(good, { threads: 1 });
    const opened = await openBundle(good);
    try {
      const contents = await proveContents(opened, bundle.release);
      const before = threads();
      const verifying = verifyBundle(opened, contents, { threads: 2, signal: abort.signal, progress });
      expect(threads()).toBeGreaterThan(before);
      await expect(verifying).rejects.toThrow('interrupted');
      expect(threads()).toBe(before);
    } finally {
      await opened.close();
    }
  });
});

async function verify(path: string, options: VerifyBundleOptions = {}): Promise<void> {
  const opened = await openBundle(path);
  try {
    await verifyBundle(opened, await proveContents(opened, bundle.release), options);
  } finally {
    await opened.close();
  }
}

/** The chunk list that somebody would make of a damaged file. */
function chunksOf(bytes: Buffer): ChunkHashes {
  const hex = (part: Buffer) => createHash('sha256').update(part).digest('hex');
  const count = Math.ceil(bytes.length / CHUNK_SIZE);
  const chunk = (at: number) => bytes.subarray(at * CHUNK_SIZE, (at + 1) * CHUNK_SIZE);
  return { sha256: hex(bytes), chunks: Array.from({ length: count }, (_, at) => hex(chunk(at))) };
}

/** Turns one bit of the copy at each offset, those of the last time back, and leaves no chunk list. */
async function spoil(offsets: readonly number[]): Promise<void> {
  rmSync(chunkListPath(bad) ?? '', { force: true });
  const file = await open(bad, 'r+');
  const byte = Buffer.alloc(1);
  for (const offset of [...spoiled, ...offsets]) {
    await file.read(byte, 0, 1, offset);
    byte.writeUInt8(byte.readUInt8() ^ 1);
    await file.write(byte, 0, 1, offset);
  }
  spoiled = offsets;
  await file.close();
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_SIZE, chunkList, planBundle, type WriteBundleOptions, writeBundle } from '../../src/bundle/index.ts';
import type { Digest } from '../../src/oci/index.ts';
import { inChunks, standInChain, type TestBundle, temporaryFolder, testBundle } from '../support/bundles.ts';
import { buildImage, generatedLayer } from '../support/registry-images.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const path = (name: string) => join(folder.path, name);

const images = {
  'ghcr.io/a/x:1': buildImage({
    layers: [generatedLayer('base', 3_000_000), generatedLayer('x', 700)],
    attestations: true,
  }),
  'ghcr.io/a/y:1': buildImage({ layers: [generatedLayer('base', 3_000_000), generatedLayer('y', 6_000_000)] }),
};
const files = { 'compose.yaml': Buffer.from('services: {}\n'), empty: Buffer.alloc(0) };
let bundle: TestBundle;
let whole: Buffer;

beforeAll(async () => {
  bundle = await testBundle({ images, files, sites: { any: { 'license.blob': Buffer.from('licence') } } });
  await write('whole');
  whole = readFileSync(path('whole'));
});

describe('writeBundle', () => {
  it('writes a file of the planned size in which each entry has its bytes', () => {
    expect(whole.length).toBe(bundle.plan.size);
    for (const { source, dataOffset, size } of bundle.plan.entries) {
      const body = whole.subarray(dataOffset, dataOffset + size);
      if (source.kind === 'bytes') expect(body.equals(source.bytes)).toBe(true);
      else
        expect(
          body.equals(bundle.content(source.kind === 'blob' ? source.descriptor.digest : source.file.digest)),
        ).toBe(true);
    }
  });

  it('writes the same bytes whatever the order and the size in which they come', async () => {
    await write('slow', {
      concurrency: 2,
      async *fetchBlob({ digest, size }) {
        // odd chunks, and larger than a write
        yield* inChunks(bundle.content(digest), size > 1_000_000 ? 1_234_567 : 7);
      },
    });
    expect(readFileSync(path('slow')).equals(whole)).toBe(true);
  });

  it('has a golden digest', async () => {
    // plain layers: compressed ones would depend on the version of zlib
    const layers = [{ bytes: generatedLayer('golden', 1000), compression: 'none' as const }];
    const golden = await testBundle({ images: { 'ghcr.io/a/golden:1': buildImage({ layers }) }, files });
    const { sha256 } = await writeBundle(golden.plan, { path: path('golden'), ...golden.sources });
    expect(sha256).toBe('cb45c075e30c1e63ad5310e723d5fc0867b6564df0fdcca9b727bb7622308f21');
  });

  it('gives the hashes of the file and of each 4 MiB of it', async () => {
    const { sha256, chunks } = await write('hashed');
    expect(sha256).toBe(hex(whole));
    expect(chunks).toEqual([0, 1, 2].map((n) => hex(whole.subarray(n * CHUNK_SIZE, (n + 1) * CHUNK_SIZE))));
    const list = JSON.parse(chunkList('a.ferry.tar', whole.length, { sha256, chunks }).toString());
    expect(list).toMatchObject({
      format: 1,
      name: 'a.ferry.tar',
      size: whole.length,
      chunkSize: 4194304,
      sha256,
      chunks,
    });
  });

  it('writes a catalogue, which is trust metadata alone', async () => {
    const plan = planBundle({ chain: standInChain() });
    const { sha256 } = await writeBundle(plan, { path: path('catalogue'), ...bundle.sources });
    expect(sha256).toBe(hex(readFileSync(path('catalogue'))));
  });

  it('replaces all of a partial when nothing of it is to be kept', async () => {
    writeFileSync(path('stale'), Buffer.alloc(bundle.plan.size + 5000, 'x'));
    await write('stale');
    expect(readFileSync(path('stale')).equals(whole)).toBe(true);
  });

  it('has everything but the trust metadata in place before that is written', async () => {
    const seen: Buffer[] = [];
    await write('order', {
      progress: {
        phase: () => {},
        note: () => {},
        advance: () => {
          seen.push(readFileSync(path('order')).subarray(0, bundle.plan.tufSize));
        },
      },
    });
    expect(seen.slice(0, -1).every((head) => head.every((byte) => byte === 0))).toBe(true);
    expect(seen.at(-1)).toEqual(whole.subarray(0, bundle.plan.tufSize));
  });

  it('tells of every byte once', async () => {
    let told = 0;
    let total: number | undefined;
    const phase = (_name: string, bytes?: number) => {
      total = bytes;
    };
    await write('progress', {
      progress: {
        phase,
        note: () => {},
        advance: (bytes) => {
          told += bytes;
        },
      },
    });
    expect([told, total]).toEqual([bundle.plan.size, bundle.plan.size]);
  });

  describe('after a run that ended early', () => {
    it('fetches only what was not done, and gives the same file', async () => {
      const done = new Set<Digest>();
      const failing = write('resumed', {
        concurrency: 1,
        onDone: (digest) => void done.add(digest),
        async *fetchBlob({ digest, size }) {
          if (size > 5_000_000) throw new Error('the network is gone');
          yield* inChunks(bundle.content(digest));
        },
      });
      await expect(failing).rejects.toThrow('the network is gone');
      expect(statSync(path('resumed')).size).toBe(bundle.plan.size);
      const fetched: Digest[] = [];
      await write('resumed', { keep: done, fetchBlob: (descriptor) => noting(fetched, descriptor.digest) });
      expect(readFileSync(path('resumed')).equals(whole)).toBe(true);
      expect(fetched).toHaveLength(1);
      expect([...done]).not.toContain(fetched[0]);
    });

    it('fetches again what was kept and is not right any more', async () => {
      await write('rotten');
      const entry = bundle.plan.entries.find(({ source }) => source.kind === 'blob' && source.part === 'layer 2 of 2');
      if (entry?.source.kind !== 'blob') throw new Error('expected a layer');
      const rotten = Buffer.from(whole);
      rotten.fill('x', entry.dataOffset + 10, entry.dataOffset + 20);
      rotten.fill('x', entry.headerOffset, entry.headerOffset + 20); // and its header
      writeFileSync(path('rotten'), rotten);
      const keep = new Set(
        bundle.plan.entries.flatMap(({ source }) => (source.kind === 'blob' ? [source.descriptor.digest] : [])),
      );
      const fetched: Digest[] = [];
      const { sha256 } = await write('rotten', { keep, fetchBlob: (descriptor) => noting(fetched, descriptor.digest) });
      expect(fetched).toEqual([entry.source.descriptor.digest]);
      expect(readFileSync(path('rotten')).equals(whole)).toBe(true);
      expect(sha256).toBe(hex(whole));
    });

    it('writes header and padding of a kept blob again', async () => {
      const torn = Buffer.from(whole);
      const blobs = bundle.plan.entries.filter(({ source }) => source.kind === 'blob');
      for (const { headerOffset, dataOffset, size } of blobs) {
        torn.fill(0xff, headerOffset, dataOffset);
        torn.fill(0xff, dataOffset + size, Math.ceil((dataOffset + size) / 512) * 512);
      }
      writeFileSync(path('torn'), torn);
      const keep = new Set(blobs.flatMap(({ source }) => (source.kind === 'blob' ? [source.descriptor.digest] : [])));
      await write('torn', { keep });
      expect(readFileSync(path('torn')).equals(whole)).toBe(true);
    });
  });

  it('writes nothing outside the place of a blob that is too long, and says which', async () => {
    const [entry] = bundle.plan.entries.filter(({ source }) => source.kind === 'blob');
    const writing = write('long', {
      concurrency: 1,
      async *fetchBlob({ digest }) {
        yield* inChunks(bundle.content(digest));
        yield Buffer.from('more');
      },
    });
    await expect(writing).rejects.toMatchObject({ code: 'SOURCE_SIZE', facts: { entry: entry?.name } });
  });

  it('refuses a blob that is too short', async () => {
    const writing = write('short', { fetchBlob: ({ digest }) => inChunks(bundle.content(digest).subarray(1)) });
    await expect(writing).rejects.toMatchObject({ code: 'SOURCE_SIZE' });
  });

  it('refuses a file that is not what the release says', async () => {
    const openFile = ({ size }: { size: number }) => inChunks(Buffer.alloc(size));
    await expect(write('file', { openFile })).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('stops every other blob when one fails, and keeps the partial', async () => {
    let stopped = 0;
    const begun = Promise.withResolvers<void>();
    const writing = write('stopped', {
      async *fetchBlob({ size }, _image, signal) {
        if (size < 5000) {
          await begun.promise;
          throw new Error('not found');
        }
        const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        begun.resolve();
        await ended;
        stopped++;
        signal.throwIfAborted();
        yield Buffer.alloc(0);
      },
    });
    await expect(writing).rejects.toThrow('not found');
    expect(stopped).toBeGreaterThan(0);
    expect(existsSync(path('stopped'))).toBe(true);
  });

  it('ends with the reason of the signal', async () => {
    const abort = new AbortController();
    const writing = write('aborted', {
      signal: abort.signal,
      async *fetchBlob({ digest }, _image, signal) {
        for await (const chunk of inChunks(bundle.content(digest), 1000)) {
          yield chunk;
          abort.abort(new Error('interrupted'));
          signal.throwIfAborted();
        }
      },
    });
    await expect(writing).rejects.toThrow('interrupted');
  });

  it('frees a chunk that it has written only when it is told to, and never a part of something larger', async () => {
    const given: Uint8Array[] = [];
    const fetchBlob = async function* ({ digest }: { digest: Digest }) {
      const whole = bundle.content(digest);
      const [first, rest] = [Uint8Array.from(whole.subarray(0, 10)), whole.subarray(10)];
      given.push(first);
      yield first;
      if (rest.length > 0) yield rest;
    };
    await write('kept chunks', { fetchBlob });
    expect(given.every(({ length }) => length === 10)).toBe(true);
    await write('freed chunks', { fetchBlob, releaseChunks: true });
    expect(given.slice(given.length / 2).every(({ length }) => length === 0)).toBe(true);
    expect(readFileSync(path('freed chunks')).equals(whole)).toBe(true);
    await write('once more');
    expect(readFileSync(path('once more')).equals(whole)).toBe(true);
  });

  it('leaves the error of a file that cannot be opened as it is', async () => {
    const denied = Object.assign(new Error('EACCES'), { code: 'EACCES', path: '/somewhere/compose.yaml' });
    // biome-ignore lint/correctness/useYield: it fails before it has a byte
    const openFile = async function* (): AsyncGenerator<Uint8Array> {
      throw denied;
    };
    await expect(write('denied', { openFile })).rejects.toBe(denied);
  });

  describe('on FAT, where a file can only grow', () => {
    const stick = () => path('stick');
    let served: ChildProcess;
    beforeAll(async () => {
      writeFileSync(path('fat.img'), '');
      truncateSync(path('fat.img'), 48 * 2 ** 20);
      execFileSync('mkfs.vfat', [path('fat.img')], { stdio: 'ignore' });
      mkdirSync(stick());
      served = spawn('fusefat', ['-f', '-o', 'rw+', path('fat.img'), stick()], { stdio: 'ignore' });
      const device = statSync(folder.path).dev;
      for (let tries = 0; statSync(stick()).dev === device && tries < 200; tries++) await setTimeout(25);
    });
    afterAll(async () => {
      const ended = new Promise((resolve) => served.once('exit', resolve));
      execFileSync('umount', [stick()]);
      await ended;
    });

    it('writes the same file', async () => {
      const { sha256 } = await write('stick/whole');
      expect(sha256).toBe(hex(whole));
      expect(readFileSync(path('stick/whole')).equals(whole)).toBe(true);
    });

    it('goes on after a run that ended early', async () => {
      const done = new Set<Digest>();
      const failing = write('stick/resumed', {
        onDone: (digest) => void done.add(digest),
        async *fetchBlob({ digest, size }) {
          if (size > 5_000_000) throw new Error('the network is gone');
          yield* inChunks(bundle.content(digest));
        },
      });
      await expect(failing).rejects.toThrow('the network is gone');
      const fetched: Digest[] = [];
      await write('stick/resumed', { keep: done, fetchBlob: (descriptor) => noting(fetched, descriptor.digest) });
      expect(readFileSync(path('stick/resumed')).equals(whole)).toBe(true);
      expect(fetched).toHaveLength(1);
    });
  });

  it('says in words that the disk is full', async () => {
    const disk = path('small');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      await expect(write('small/partial')).rejects.toMatchObject({ code: 'NO_SPACE' });
    } finally {
      execFileSync('umount', [disk]);
    }
  });
});

function write(name: string, options: Partial<WriteBundleOptions> = {}) {
  return writeBundle(bundle.plan, { path: path(name), ...bundle.sources, ...options });
}

async function* noting(fetched: Digest[], digest: Digest): AsyncGenerator<Uint8Array> {
  fetched.push(digest);
  yield* inChunks(bundle.content(digest));
}

function hex(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newOffice, type TestOffice } from '../support/exports.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { fat, tmpfs } from '../support/media.ts';
import { type BuiltImage, buildImage, content, generatedLayer } from '../support/registry-images.ts';

const LAYERS = [1, 2, 3, 4].map((seed) => generatedLayer(`layer-${seed}`, 1_500_000));

async function desk(image: BuiltImage): Promise<TestOffice & { readonly fake: FakeRegistry }> {
  const fake = await fakeRegistry();
  onTestFinished(() => fake.stop());
  fake.add('demo/app', '1', image);
  const office = await newOffice(fake.host);
  await office.write(['demo/app:1']);
  return { ...office, fake };
}

/** The image with a first layer that says it has so many bytes. */
function withLayerSize(image: BuiltImage, size: number): BuiltImage {
  const manifest = JSON.parse(image.target.bytes.toString());
  manifest.layers[0].size = size;
  const target = content(manifest.mediaType, Buffer.from(JSON.stringify(manifest)));
  return { ...image, target, manifests: [target] };
}

describe('a file of the release', () => {
  it('that changes between signing and writing is named', async () => {
    const office = await desk(buildImage());
    const path = join(dirname(office.manifestPath), 'compose.yaml');
    writeFileSync(path, 'services: {}');
    await office.write(['demo/app:1'], 'files: [{name: compose.yaml, from: ./compose.yaml}]\n');
    const phase = (name: string) => name === 'write' && writeFileSync(path, 'services: []');
    const progress = { phase, advance: () => {}, note: () => {} };
    await expect(office.export({ progress })).rejects.toMatchObject({ code: 'SOURCE_FILE', facts: { path } });
    expect(await readdir(office.out)).toEqual([]);
  });
});

describe('a medium', () => {
  it('on another file system gets the bundle whole', async () => {
    const office = await desk(buildImage());
    const outDir = await tmpfs('8m');
    await office.export({ outDir });
    expect((await readdir(outDir)).toSorted()).toEqual(['demo-1-1-1.ferry.chunks.json', 'demo-1-1-1.ferry.tar']);
  });

  it('with FAT32 is refused a bundle of 4 GiB before the first byte', async () => {
    const office = await desk(withLayerSize(buildImage({ layers: LAYERS.slice(0, 1) }), 4 * 1024 ** 3));
    const outDir = await fat('6G');
    await expect(office.export({ outDir })).rejects.toMatchObject({ code: 'FAT_LIMIT' });
    expect(await readdir(join(office.workspace.dir, 'exports'))).toEqual([]);
    expect(await readdir(outDir)).toEqual([]);
    expect(office.fake.seen.filter(({ line }) => line.startsWith('GET') && line.includes('/blobs/')).length).toBe(1); // the config
  });

  it('that is too small is refused before the first byte, with both numbers', async () => {
    const office = await desk(buildImage({ layers: LAYERS }));
    const outDir = await tmpfs('64k');
    await expect(office.export({ outDir })).rejects.toMatchObject({
      code: 'NO_SPACE',
      facts: { size: expect.any(Number), free: expect.any(Number) },
    });
    expect(await readdir(outDir)).toEqual([]);
  });

  it('that fills up on the way keeps the partial, with which the next run goes on', async () => {
    const office = await desk(buildImage({ layers: LAYERS }));
    const outDir = await tmpfs('8m');
    const other = join(outDir, 'other');
    let isFilled = false;
    const phase = (name: string) => {
      if (name !== 'write' || isFilled) return;
      isFilled = true; // another program takes the room between the check and the first byte
      execFileSync('dd', ['if=/dev/zero', `of=${other}`, 'bs=1M', 'count=4'], { stdio: 'ignore' });
    };
    const progress = { phase, advance: () => {}, note: () => {} };
    await expect(office.export({ outDir, progress, concurrency: 1 })).rejects.toMatchObject({ code: 'NO_SPACE' });
    expect((await readdir(outDir)).toSorted()).toEqual(['.demo-1-1-1.ferry.tar.partial', 'other']);
    await rm(other);
    const done = await office.export({ outDir });
    expect(done.downloaded).toBeLessThan(5_500_000);
    expect(await readdir(outDir)).toHaveLength(2);
  });

  it('that is read-only is named, and one that is not there', async () => {
    const office = await desk(buildImage());
    const outDir = await tmpfs('8m');
    execFileSync('mount', ['-o', 'remount,ro', outDir]);
    await expect(office.export({ outDir })).rejects.toMatchObject({ code: 'READ_ONLY' });
    const absent = join(office.out, 'not/mounted');
    await expect(office.export({ outDir: absent })).rejects.toMatchObject({ code: 'OUT_MISSING' });
    await mkdir(join(office.out, 'not'));
    await office.export({ outDir: absent });
  });
});

describe('an interruption', () => {
  it('stops with the reason of the signal and keeps what was fetched', async () => {
    const office = await desk(buildImage({ layers: LAYERS }));
    const stop = new AbortController();
    let blobs = 0;
    office.fake.rule({
      on: /GET .*\/blobs\//,
      times: 100,
      act: ({ serve }) => {
        blobs += 1;
        if (blobs === 4) stop.abort(new Error('ctrl-c'));
        else serve();
      },
    });
    await expect(office.export({ signal: stop.signal, concurrency: 1 })).rejects.toThrow('ctrl-c');
    const done = await office.export();
    expect(done.downloaded).toBeLessThan(3_200_000);
  });
});

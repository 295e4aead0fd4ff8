/** What an import needs on which disk. docker-and-registries.md §1.4, FORMAT §3. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { checkSpace, unpackedSize } from '../../src/install/space.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, tarOf } from '../support/images.ts';
import { createLab, type Lab } from './lab.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-space-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const free = (bytes: number) => async () => ({ free: bytes, kind: 'other' as const });

describe('checkSpace', () => {
  it('adds up what goes onto one disk', async () => {
    const needs = [
      { path: join(dir, 'not', 'there'), bytes: 60, what: 'images' },
      { path: dir, bytes: 50, what: 'files' },
    ];
    expect(await checkSpace(needs, free(110))).toEqual([]);
    await expect(checkSpace(needs, free(109))).rejects.toMatchObject({
      code: 'SPACE_SHORT',
      facts: { bytes: 110, free: 109 },
      message: expect.stringContaining('images and files'),
    });
  });

  it('keeps disks apart', async () => {
    const needs = [
      { path: dir, bytes: 60, what: 'images' },
      { path: '/proc', bytes: 60, what: 'files' },
    ];
    expect(await checkSpace(needs, free(60))).toEqual([]);
  });
});

describe('unpackedSize', () => {
  let lab: Lab;

  beforeEach(async () => {
    lab = await createLab({ host: 'unix:///nowhere' } as TestEngine);
  });
  afterEach(() => lab.remove());

  const tar = tarOf({ zeros: Buffer.alloc(1024 * 1024) });
  const noise = tarOf({ small: 'x' });

  it.each([
    ['a plain layer is what it is', 'none', tar, tar.length],
    ['a gzip layer is what its trailer says, when that is more', 'gzip', tar, tar.length],
    ['a zstd layer is what its header says, when that is more', 'zstd', tar, tar.length],
  ] as const)('%s', async (_what, compression, body, expected) => {
    const image = makeImage({ name: 'ghcr.io/a/b:1', layers: [{ tar: body, compression }] });
    const bundle = await openBundle((await lab.release({ release: '1', images: [image] })).path);
    const [layer] = image.platform.layers;
    if (!layer) throw new Error('expected a layer');
    expect(await unpackedSize(bundle, layer)).toBe(expected);
    await bundle.close();
  });

  it('is at least three times what is stored', async () => {
    const image = makeImage({ name: 'ghcr.io/a/b:1', layers: [{ tar: Buffer.from(noise) }] });
    const bundle = await openBundle((await lab.release({ release: '1', images: [image] })).path);
    const [layer] = image.platform.layers;
    if (!layer) throw new Error('expected a layer');
    expect(await unpackedSize(bundle, layer)).toBeGreaterThanOrEqual(3 * layer.size);
    await bundle.close();
  });
});

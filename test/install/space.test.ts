/** What an import needs on which disk. docker-and-registries.md §1.4, FORMAT §3. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { lookAtSpace, type SpaceNeed, spaceFindings, unpackedSize } from '../../src/install/import/space.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, tarOf } from '../support/images.ts';
import { createLab, type Lab } from './lab.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-space-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const free = (bytes: number) => async () => ({ free: bytes, kind: 'other' as const });

const shortOf = async (needs: readonly SpaceNeed[], bytes: number) =>
  spaceFindings((await lookAtSpace(needs, free(bytes))).places);

describe('lookAtSpace', () => {
  it('adds up what goes onto one disk', async () => {
    const needs = [
      { path: join(dir, 'not', 'there'), bytes: 60, what: 'images' },
      { path: dir, bytes: 50, what: 'files' },
    ];
    expect(await lookAtSpace(needs, free(110))).toEqual({
      places: [{ path: join(dir, 'not', 'there'), needed: 110, free: 110, what: 'images and files' }],
      warnings: [],
    });
    expect(await shortOf(needs, 110)).toEqual([]);
    expect(await shortOf(needs, 109)).toMatchObject([
      {
        code: 'SPACE_SHORT',
        facts: { bytes: 110, free: 109 },
        message: expect.stringContaining('images and files'),
      },
    ]);
  });

  it('keeps disks apart, and names every one that is short', async () => {
    const needs = [
      { path: dir, bytes: 60, what: 'images' },
      { path: '/proc', bytes: 61, what: 'files' },
    ];
    expect(await shortOf(needs, 61)).toEqual([]);
    expect(await shortOf(needs, 60)).toMatchObject([{ facts: { path: '/proc' } }]);
    expect(await shortOf(needs, 10)).toMatchObject([{ facts: { path: dir } }, { facts: { path: '/proc' } }]);
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

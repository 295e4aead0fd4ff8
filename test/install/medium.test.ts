/** A stick that fails while it is read: in words, with the path or the layer, as damage. FORMAT §8. */

import { open } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { fromMedium, glance, readable } from '../../src/install/look/medium.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { createLab, type Lab } from './lab.ts';

let lab: Lab;
beforeEach(async () => {
  lab = await createLab({ host: 'unix:///nowhere' } as TestEngine);
});
afterEach(() => lab.remove());

/** The kernel answers EIO to a read of memory that is not there: a true failing file. */
const failing = () => open('/proc/self/mem', 'r');

describe('a medium that fails', () => {
  it('is named where the system names no file', async () => {
    const file = await failing();
    const reading = fromMedium('/media/stick', async () => file.read(Buffer.alloc(16), 0, 16, 4096));
    await expect(reading).rejects.toMatchObject({
      code: 'DAMAGED',
      message: 'read bundle: /media/stick: expected readable bytes, got EIO: i/o error, read',
    });
    await file.close();
  });

  it('tells which layer of which image it was', async () => {
    const image = makeImage({ name: 'ghcr.io/a/b:1', layers: [{ files: { a: 'a' } }] });
    const bundle = await openBundle((await lab.release({ release: '1', images: [image] })).path);
    const whole = bundle.file;
    Object.assign(bundle, { file: await failing() });
    const read = async () => {
      for await (const _ of readable(bundle, image.platform.layers[0]?.digest ?? '')) expect.unreachable();
    };
    const glancing = () => glance(bundle, image.platform.layers[0]?.digest ?? '', { offset: 0, length: 4 });
    for (const reading of [read, glancing]) {
      await expect(reading()).rejects.toMatchObject({
        code: 'DAMAGED',
        message: expect.stringMatching(/layer 1 of 1 of ghcr\.io\/a\/b:1: .*expected readable bytes, got EIO/),
      });
    }
    await bundle.close();
    await whole.close();
  });

  it('leaves other errors as they are', async () => {
    const mistake = new TypeError('ours');
    await expect(fromMedium('/media/stick', () => Promise.reject(mistake))).rejects.toBe(mistake);
  });
});

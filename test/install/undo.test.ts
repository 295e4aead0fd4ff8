/** An import that fails, wherever it fails, leaves the engine, the files and the state as they were. DESIGN decision 4. */

import { beforeEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/docker/index.ts';
import { findState } from '../../src/state/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { flip, type Lab, snapshot, tagsOf, useSite } from './lab.ts';

const NAMES = ['ghcr.io/atrium/server:1', 'ghcr.io/atrium/worker:1', 'ghcr.io/atrium/proxy:1'] as const;

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const base = { files: { 'base.txt': 'base' } };
const stack = (text: string): TestImage[] =>
  NAMES.map((name) => makeImage({ name, layers: [base, { files: { 'own.txt': `${name} ${text}` } }] }));
const files = (text: string) => [
  { name: 'a.conf', text: `a ${text}`, install: '/etc/atrium/a.conf' },
  { name: 'b.conf', text: `b ${text}`, install: '/opt/atrium/deep/b.conf', mode: '0600' },
];

/** The engine of the site, with calls that fail as told. */
function failing(overrides: (engine: Engine) => Partial<Engine>): () => Promise<Engine> {
  return async () => {
    const real = await lab.connect();
    return { ...real, ...overrides(real) };
  };
}

/** Fails at the n-th call of a kind, before or after the engine has done it. */
function failAt(call: 'loadImage' | 'tag' | 'findTag', at: number, when: 'before' | 'after' = 'before') {
  let count = 0;
  return failing((real) => ({
    [call]: async (...args: never[]) => {
      count += 1;
      if (count === at && when === 'before') throw new Error('engine died');
      const answer = await (real[call] as (...args: never[]) => Promise<unknown>)(...args);
      if (count === at && when === 'after') throw new Error('engine died');
      return answer;
    },
  }));
}

describe('a first import that fails', () => {
  it.each([
    ['at the second load', () => failAt('loadImage', 2)],
    ['when the second image is in but nobody heard of it', () => failAt('loadImage', 2, 'after')],
    ['at the first tag', () => failAt('tag', 1)],
    ['at the second tag', () => failAt('tag', 2)],
    ['after the last tag', () => failAt('tag', 3, 'after')],
    ['at the proof of the tags', () => failAt('findTag', 4)],
  ])('leaves nothing: %s', async (_where, make) => {
    const { path } = await lab.release({ release: '1.0.0', images: stack('one'), files: files('one') });
    const before = await snapshot(engine, lab);
    await expect(lab.import(path, { engine: make() })).rejects.toThrow('engine died');
    expect(await snapshot(engine, lab)).toEqual(before);
    expect((await (await findState(lab.stateDir))?.findTrust())?.floors).toEqual({});
    expect(await lab.import(path)).toMatchObject({ action: 'installed' });
  });
});

describe('an update that fails', () => {
  beforeEach(async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: stack('one'), files: files('one') })).path);
  });

  it.each([
    ['at the second load', () => failAt('loadImage', 2)],
    ['at the second tag', () => failAt('tag', 2)],
    ['after the last tag', () => failAt('tag', 3, 'after')],
  ])('puts every tag and file back, and leaves no image and no pin: %s', async (_where, make) => {
    const { path } = await lab.release({ release: '2.0.0', images: stack('two'), files: files('two') });
    const before = await snapshot(engine, lab);
    await expect(lab.import(path, { engine: make() })).rejects.toThrow('engine died');
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toMatchObject({ sequence: 1 });
  });

  it('removes the first image again when a layer of the second is damaged, and names that', async () => {
    const images = stack('two');
    const { path } = await lab.release({ release: '2.0.0', images, files: files('two') });
    await flip(path, images[1]?.platform.layers[1]?.digest ?? '');
    const before = await snapshot(engine, lab);
    await expect(lab.import(path)).rejects.toThrow(`layer 2 of 2 of ${NAMES[1]}`);
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('never removes an image that was there before, though it was dangling', async () => {
    const [first] = stack('two');
    const extra = await lab.release({ release: '2.0.0', images: first ? [first] : [] });
    await lab.import(extra.path);
    await engine.docker('tag', NAMES[1], NAMES[0]); // what was loaded has no name now
    const { path } = await lab.release({ release: '3.0.0', images: stack('two') });
    const before = await snapshot(engine, lab);
    await expect(lab.import(path, { engine: failAt('tag', 3) })).rejects.toThrow('engine died');
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await engine.docker('inspect', '--format', '{{.Id}}', first?.platform.config.digest ?? '')).toBe(
      first?.platform.config.digest,
    );
  });

  it('puts the files back when the release cannot be recorded', async () => {
    const { path } = await lab.release({ release: '2.0.0', images: stack('two'), files: files('two') });
    const before = await snapshot(engine, lab);
    // the engine's facts are read for the receipt, after tags and files were switched
    const make = async () => {
      const real = await lab.connect();
      const facts = { ...real.facts };
      Object.defineProperty(facts, 'rootless', {
        get: () => {
          throw new Error('receipt failed');
        },
      });
      return { ...real, facts };
    };
    await expect(lab.import(path, { engine: make })).rejects.toThrow('receipt failed');
    expect(await snapshot(engine, lab)).toEqual(before);
  });
});

describe('Ctrl-C', () => {
  it('stops a load and puts everything back', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: stack('one'), files: files('one') })).path);
    const images = stack('two');
    const { path } = await lab.release({ release: '2.0.0', images, files: files('two') });
    const before = await snapshot(engine, lab);
    const stop = new AbortController();
    let bytes = 0;
    const progress = {
      phase: () => {},
      note: () => {},
      advance: (size: number) => {
        bytes += size;
        if (bytes > (images[0]?.platform.layers[1]?.size ?? 0)) stop.abort();
      },
    };
    const importing = lab.import(path, { signal: stop.signal, progress });
    await expect(importing).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(await snapshot(engine, lab)).toEqual(before);
  });

  it('stops between two steps', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: stack('one') });
    const before = await snapshot(engine, lab);
    const stop = new AbortController();
    const make = failing((real) => ({
      loadImage: async (...args) => {
        const loaded = await real.loadImage(...args);
        stop.abort();
        return loaded;
      },
    }));
    await expect(lab.import(path, { signal: stop.signal, engine: make })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await tagsOf(engine)).toEqual([]);
  });
});

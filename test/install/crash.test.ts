/** The engine dies in the middle of an import: told in words, and the next import finds its way. DESIGN decisions 4 and 6. */

import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentProgress } from '../../src/content/index.ts';
import { connectEngine } from '../../src/docker/index.ts';
import { findState } from '../../src/state/index.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { idOf, type Lab, strayContainers, tagsOf, useSite } from './lab.ts';

const NAMES = ['ghcr.io/atrium/server:1', 'ghcr.io/atrium/worker:1'];
const MIB = 1024 * 1024;

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const base = { files: { base: 'base' } };
const stack = (text: string): TestImage[] =>
  NAMES.map((name) =>
    makeImage({ name, layers: [base, { files: { own: `${name} ${text}`.repeat(200_000) }, compression: 'none' }] }),
  );
const config = (text: string) => ({ name: 'a.conf', text, install: '/etc/atrium/a.conf' });

/** Who waits for an engine that went away, but not for long. */
const impatient = () => connectEngine({ env: { DOCKER_HOST: engine.host }, patience: { returnMs: 200 } });

/** Kills the engine when so many bytes were read; it comes back at once, or not. */
function killAfter(bytes: number, { isBack = false } = {}) {
  let seen = 0;
  let killed: Promise<void> | undefined;
  const advance = (size: number) => {
    seen += size;
    if (seen > bytes) killed ??= engine.kill().then(() => (isBack ? engine.restart() : undefined));
  };
  return { progress: { ...silentProgress, advance }, killed: () => killed };
}

/** In words: what ended the import, and where the way back got stuck. */
const STUCK = {
  code: 'UNDO_INCOMPLETE',
  message: expect.stringMatching(/^wait for engine at unix:.*; undo: .* got stuck at load images: wait for engine at/),
};

describe('an engine that is killed in the middle of a load and stays away', () => {
  it.each([
    ['the first image', 1 * MIB],
    ['the second image', 7 * MIB],
  ])(
    'of %s leaves nothing with a name on a new site, and the next import undoes it and completes',
    async (_which, bytes) => {
      const { path } = await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] });
      const { progress, killed } = killAfter(bytes);
      await expect(lab.import(path, { progress, engine: impatient })).rejects.toMatchObject(STUCK);
      await killed();
      expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toBeUndefined();
      await engine.restart();
      expect((await tagsOf(engine)).filter((name) => name !== '<none>:<none>')).toEqual([]);
      expect(await lab.import(path)).toMatchObject({ action: 'installed', recovered: 'undone' });
      expect(await tagsOf(engine)).toEqual(NAMES);
    },
  );

  it('leaves an update where it was, names and files', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] })).path);
    const { path } = await lab.release({ release: '2.0.0', images: stack('two'), files: [config('two')] });
    const { progress, killed } = killAfter(7 * MIB);
    await expect(lab.import(path, { progress, engine: impatient })).rejects.toMatchObject(STUCK);
    await killed();
    await engine.restart();
    for (const { name, platform } of stack('one')) expect(await idOf(engine, name)).toBe(platform.config.digest);
    expect(await readFile(join(lab.prefix, 'etc/atrium/a.conf'), 'utf8')).toBe('one');
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toMatchObject({ sequence: 1 });
    expect(await lab.import(path)).toMatchObject({ action: 'installed', release: '2.0.0', recovered: 'undone' });
    for (const { name, platform } of stack('two')) expect(await idOf(engine, name)).toBe(platform.config.digest);
    expect(await strayContainers(engine)).toEqual([]);
  });
});

describe('an engine that is killed in the middle of an update and is gone for good', () => {
  it('stops every command until the journal is moved away; then another engine takes the release', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] })).path);
    const { path } = await lab.release({ release: '2.0.0', images: stack('two'), files: [config('two')] });
    const { progress, killed } = killAfter(7 * MIB);
    await expect(lab.import(path, { progress, engine: impatient })).rejects.toMatchObject(STUCK);
    await killed();
    const fresh = await startEngine();
    try {
      const other = async () => {
        const real = await connectEngine({ env: { DOCKER_HOST: fresh.host } });
        // all engines of a host share one ID in 20.10: /etc/docker/key.json
        return { ...real, facts: { ...real.facts, id: 'OTHER' } };
      };
      const options = { engine: other };
      await expect(lab.import(path, options)).rejects.toMatchObject({ code: 'ENGINE_OTHER' });
      expect(await tagsOf(fresh)).toEqual([]);
      await rename(join(lab.stateDir, 'journal.json'), join(lab.dir, 'journal.json'));
      expect(await lab.import(path, options)).toMatchObject({ action: 'installed', release: '2.0.0', recovered: null });
      for (const { name, platform } of stack('two')) expect(await idOf(fresh, name)).toBe(platform.config.digest);
      expect(await readFile(join(lab.prefix, 'etc/atrium/a.conf'), 'utf8')).toBe('two');
    } finally {
      await fresh.stop();
      await engine.restart();
    }
  });
});

describe('an engine that is killed in the middle of a load and comes back', () => {
  it('costs the import nothing but time', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] });
    const { progress, killed } = killAfter(7 * MIB, { isBack: true });
    expect(await lab.import(path, { progress })).toMatchObject({ action: 'installed', recovered: null, warnings: [] });
    await killed();
    for (const { name, platform } of stack('one')) expect(await idOf(engine, name)).toBe(platform.config.digest);
  });
});

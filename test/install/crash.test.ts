/** The engine dies in the middle of an import: told in words, and the next import finds its way. DESIGN decisions 4 and 6. */

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentProgress } from '../../src/content/index.ts';
import { findState } from '../../src/state/index.ts';
import type { TestEngine } from '../support/engine.ts';
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

/** Kills the engine when so many bytes were read; whoever waits for more waits until it is dead. */
function killAfter(bytes: number) {
  let seen = 0;
  let killed: Promise<void> | undefined;
  const advance = (size: number) => {
    seen += size;
    if (seen > bytes) killed ??= engine.kill();
  };
  return { progress: { ...silentProgress, advance }, killed: () => killed };
}

describe('an engine that is killed in the middle of a load', () => {
  it.each([
    ['the first image', 1 * MIB],
    ['the second image', 7 * MIB],
  ])('of %s leaves nothing with a name on a new site, and the next import completes', async (_which, bytes) => {
    const { path } = await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] });
    const { progress, killed } = killAfter(bytes);
    const importing = lab.import(path, { progress });
    await expect(importing).rejects.toMatchObject({
      code: 'UNDO_INCOMPLETE',
      message: expect.stringMatching(
        /^load image ghcr\.io\/atrium\/(server|worker):1: .*; undo import: .* got stuck at load ghcr\.io/,
      ),
    });
    await killed();
    expect(await readdir(lab.prefix)).toEqual([]);
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toBeUndefined();
    await engine.restart();
    expect((await tagsOf(engine)).filter((name) => name !== '<none>:<none>')).toEqual([]);
    expect(await lab.import(path)).toMatchObject({ action: 'installed' });
    expect(await tagsOf(engine)).toEqual(NAMES);
    expect(await strayContainers(engine)).toEqual([]);
  });

  it('leaves an update where it was, names and files', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: stack('one'), files: [config('one')] })).path);
    const { path } = await lab.release({ release: '2.0.0', images: stack('two'), files: [config('two')] });
    const { progress, killed } = killAfter(7 * MIB);
    await expect(lab.import(path, { progress })).rejects.toMatchObject({ code: 'UNDO_INCOMPLETE' });
    await killed();
    await engine.restart();
    for (const { name, platform } of stack('one')) expect(await idOf(engine, name)).toBe(platform.config.digest);
    expect(await readdir(join(lab.prefix, 'etc/atrium'))).toEqual(['a.conf']);
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toMatchObject({ sequence: 1 });
    expect(await lab.import(path)).toMatchObject({ action: 'installed', release: '2.0.0' });
    for (const { name, platform } of stack('two')) expect(await idOf(engine, name)).toBe(platform.config.digest);
    expect(await strayContainers(engine)).toEqual([]);
  });
});

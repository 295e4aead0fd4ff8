/** inspect and verify: what they tell, whom they believe, and that they change nothing. */

import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inspectBundle, verifyBundleAt } from '../../src/install/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { CUT_OFF, createLab, flip, type Lab, type LabBundle, NOW } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';
const image = makeImage({ name: SERVER, layers: [{ files: { a: 'a' } }, { files: { b: 'b' } }], index: true });
const files = [{ name: 'a.conf', text: 'plain', install: '/etc/atrium/a.conf' }];

let lab: Lab;
let made: LabBundle;

beforeEach(async () => {
  lab = await createLab({ host: 'unix:///nowhere' } as TestEngine);
  made = await lab.release({ release: '1.0.0', images: [image], files });
});
afterEach(() => lab.remove());

describe('inspectBundle', () => {
  it('tells what is in it and says that nobody vouches for it', async () => {
    expect(await inspectBundle(made.path, { now: NOW })).toMatchObject({
      kind: 'release',
      authenticated: false,
      product: 'atrium',
      release: '1.0.0',
      sequence: 1,
      platforms: ['linux/amd64'],
      images: [{ name: SERVER, digest: image.target.digest, platforms: ['linux/amd64'], size: image.layerBytes }],
      files: [{ name: 'a.conf', size: 5, install: '/etc/atrium/a.conf' }],
      catalogue: { root: 1, version: 2 },
      importableUntil: new Date('2027-12-28T12:00:00Z'),
      warnings: [expect.stringContaining('not authenticated')],
    });
  });

  it('is authenticated by a root that is given, or the one that is pinned', async () => {
    const { root } = lab.publisher;
    const given = await inspectBundle(made.path, { root, fingerprint: fingerprint(root).hex, now: NOW });
    expect(given).toMatchObject({ authenticated: 'given', warnings: [] });
    await lab.trust();
    expect(await inspectBundle(made.path, { stateDir: lab.stateDir, now: NOW })).toMatchObject({
      authenticated: 'pinned',
    });
  });

  it('still tells what is in a bundle that the pinned root refuses, and why', async () => {
    await lab.trust();
    const other = await createLab({ host: 'unix:///nowhere' } as TestEngine);
    const { path } = await other.release({ release: '9.0.0', images: [image] });
    const told = await inspectBundle(path, { stateDir: lab.stateDir, now: NOW });
    expect(told).toMatchObject({ authenticated: false, release: '9.0.0', refusal: { code: 'ROOT_MISMATCH' } });
    await other.remove();
  });

  it('reads no layer, so a damaged one is not seen', async () => {
    await flip(made.path, image.platform.layers[0]?.digest ?? '');
    await expect(inspectBundle(made.path, { now: NOW })).resolves.toMatchObject({ release: '1.0.0' });
  });

  it.each(['tuf/timestamp.json', 'tuf/1.root.json', 'release.json', 'index.json', 'manifest.json'])(
    'refuses a changed %s',
    async (entry) => {
      await flip(made.path, entry);
      await expect(inspectBundle(made.path, { now: NOW })).rejects.toThrow();
    },
  );
});

describe('verifyBundleAt', () => {
  const at = (options: Partial<Parameters<typeof verifyBundleAt>[0]> = {}) =>
    verifyBundleAt({ path: made.path, now: NOW, ...options });

  it('passes a bundle by the root that is given', async () => {
    expect(await at({ root: lab.publisher.root })).toMatchObject({ authenticated: 'given', release: '1.0.0' });
  });

  it('passes a bundle by the pinned root, and leaves the state as it is', async () => {
    await lab.trust();
    const before = await readdir(lab.stateDir);
    expect(await at({ stateDir: lab.stateDir })).toMatchObject({ authenticated: 'pinned' });
    expect(await readdir(lab.stateDir)).toEqual(before);
  });

  it('refuses without a root, and asks nobody with integrityOnly', async () => {
    await expect(at({ stateDir: lab.stateDir })).rejects.toMatchObject({ code: 'NOT_PINNED' });
    expect(await at({ integrityOnly: true })).toMatchObject({ authenticated: false });
    expect(await readdir(lab.dir)).toEqual(['medium', 'prefix']);
  });

  it('refuses a root that does not have the fingerprint, and another publisher’s bundle', async () => {
    const { root } = lab.publisher;
    await expect(at({ root, fingerprint: '0'.repeat(64) })).rejects.toMatchObject({ code: 'FINGERPRINT_MISMATCH' });
    const other = await createLab({ host: 'unix:///nowhere' } as TestEngine);
    await expect(at({ root: other.publisher.root })).rejects.toMatchObject({ code: 'ROOT_MISMATCH' });
    await other.remove();
  });

  it('refuses what has expired', async () => {
    const now = new Date('2035-01-01T00:00:00Z');
    await expect(at({ root: lab.publisher.root, now })).rejects.toMatchObject({ code: 'EXPIRED' });
  });

  it('names every bad part', async () => {
    for (const { digest } of image.platform.layers) await flip(made.path, digest);
    await flip(made.path, 'files/a.conf');
    const verifying = at({ root: lab.publisher.root });
    await expect(verifying).rejects.toMatchObject({
      code: 'DAMAGED',
      damages: [
        { entry: 'files/a.conf' },
        { image: SERVER, part: 'layer 1 of 2' },
        { image: SERVER, part: 'layer 2 of 2' },
      ],
    });
    await expect(at({ integrityOnly: true })).rejects.toMatchObject({ code: 'DAMAGED' });
  });

  it('passes a release that is older than the installed one, and says so', async () => {
    await lab.trust();
    const { openState } = await import('../../src/state/index.ts');
    const state = await openState(lab.stateDir);
    await state.writeTrust({ root: lab.publisher.root, confirmed: true, floors: { release: 5 } });
    const told = await at({ stateDir: lab.stateDir });
    expect(told.warnings).toEqual([expect.stringContaining('--allow-downgrade')]);
  });

  it('tells what is pending at the site, and leaves it so', async () => {
    await lab.trust();
    const { openState } = await import('../../src/state/index.ts');
    const state = await openState(lab.stateDir);
    await state.writeJournal(CUT_OFF);
    const journal = await state.findJournal();
    const line = expect.stringMatching(/^import atrium 2\.0\.0 .* was cut off at "move names": run ferry recover$/);
    expect((await at({ stateDir: lab.stateDir })).warnings).toEqual([line]);
    expect((await inspectBundle(made.path, { stateDir: lab.stateDir, now: NOW })).warnings).toEqual([line]);
    expect(await state.findJournal()).toEqual(journal);
    const lock = await state.lock(); // a process that is at it
    expect((await at({ stateDir: lab.stateDir })).warnings).toEqual([]);
    await lock.release();
  });
});

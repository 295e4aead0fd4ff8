/** What a site does not take, by name, and that nothing is left of it. FORMAT §2 "On the site", §8. */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { wordsFor } from '../../src/cli/words.ts';
import { FerryError } from '../../src/errors.ts';
import { importBundle } from '../../src/install/index.ts';
import { openState } from '../../src/state/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { createLab, flip, type Lab, NOW, snapshot, useSite } from './lab.ts';

const SERVER = 'ghcr.io/atrium/server:1';

let engine: TestEngine;
let lab: Lab;

useSite((made) => {
  ({ engine, lab } = made);
});

const server = (text = 'one'): TestImage => makeImage({ name: SERVER, layers: [{ files: { 'server.txt': text } }] });
const audit = async (): Promise<string> => readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');

/** FORMAT §8 */
const STATUS: Readonly<Record<string, number>> = {
  REASON_MISSING: 2,
  BUNDLE_AMBIGUOUS: 2,
  DAMAGED: 4,
  BUNDLE_CUT_OFF: 4,
  FORMAT_TOO_NEW: 5,
  WRONG_ARCHITECTURE: 5,
  MEDIUM_ABSENT: 75,
  NO_BUNDLE_HERE: 75,
};

/** Refused with this code and its status (3, if no other is listed), with one line, and nothing is changed. */
async function expectRefused(path: string, code: string, options: Parameters<Lab['import']>[1] = {}): Promise<void> {
  const before = await snapshot(engine, lab);
  const error = await lab.import(path, options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FerryError);
  expect(error).toMatchObject({ code, message: expect.not.stringContaining('\n') });
  expect(wordsFor(error as FerryError).exit).toBe(STATUS[code] ?? 3);
  expect(await snapshot(engine, lab)).toEqual(before);
}

describe('trust', () => {
  it('refuses a bundle on a site that trusts nobody yet, and pins nothing', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    await expect(other.import(path)).rejects.toMatchObject({ code: 'NOT_PINNED' });
    expect(await (await openState(other.stateDir)).findTrust()).toBeUndefined();
    await other.remove();
  });

  it.each([
    ['given', { fingerprint: 'ab'.repeat(32) }],
    ['typed', { ask: async () => 'abandon '.repeat(12) }],
  ])('refuses a fingerprint that is not the root’s, %s', async (_how, options) => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    await expect(other.import(path, options)).rejects.toMatchObject({ code: 'FINGERPRINT_MISMATCH' });
    expect(await (await openState(other.stateDir)).findTrust()).toBeUndefined();
    await other.remove();
  });

  it('refuses the bundle of another publisher', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    await expectRefused(path, 'ROOT_MISMATCH');
    await expectRefused(path, 'FINGERPRINT_MISMATCH', { fingerprint: fingerprint(Buffer.from('else')).hex });
    await other.remove();
  });

  it('refuses what has expired, with the clock that is at least the newest proven one', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await expectRefused(path, 'EXPIRED', { now: new Date('2035-01-01T00:00:00Z') });
    expect(await lab.import(path, { now: new Date('1970-01-02T00:00:00Z') })).toMatchObject({
      action: 'installed',
      warnings: [expect.stringContaining('1970')],
    });
  });

  it('refuses a step back unless it is allowed for a reason, and writes the reason down', async () => {
    const old = await lab.release({ release: '1.0.0', images: [server('one')] });
    const young = await lab.release({ release: '2.0.0', images: [server('two')] });
    await lab.import(young.path);
    await expectRefused(old.path, 'DOWNGRADE');
    await expectRefused(old.path, 'REASON_MISSING', { allowDowngrade: true });
    const { receipt } = await lab.import(old.path, { allowDowngrade: true, reason: '2.0.0 crashes here' });
    const { signed } = JSON.parse(await readFile(receipt ?? '', 'utf8'));
    expect(signed).toMatchObject({
      previous: 2,
      overrides: [{ flag: '--allow-downgrade', reason: '2.0.0 crashes here' }],
      floors: { release: 2 },
    });
    expect(await audit()).toContain('"event":"override"');
  });

  it('refuses a revoked release, also when its own old catalogue still lists it', async () => {
    const made = await lab.release({ release: '1.0.0', images: [server()] });
    await lab.publisher.revoke(made.published);
    await lab.import(await lab.catalogue());
    await expectRefused(made.path, 'RELEASE_NOT_LISTED');
  });

  it('keeps a revocation that came with a bundle which then failed', async () => {
    const bad = await lab.release({ release: '1.0.0', images: [server('one')] });
    await lab.publisher.revoke(bad.published);
    const next = await lab.release({ release: '2.0.0', images: [server('two')] });
    const failing = async () => ({
      ...(await lab.connect()),
      loadImage: () => Promise.reject(new Error('engine died')),
    });
    await expect(lab.import(next.path, { engine: failing })).rejects.toThrow('engine died');
    await expectRefused(bad.path, 'RELEASE_NOT_LISTED');
  });

  it('refuses a second catalogue with the number of the first', async () => {
    await lab.release({ release: '1.0.0', images: [server()] });
    await lab.import(await lab.catalogue());
    const { timestamp } = lab.publisher.versions;
    await lab.publisher.publish({ version: { timestamp } });
    await expectRefused(await lab.catalogue('other'), 'EQUIVOCATION');
  });

  it.each(['timestamp', 'snapshot', 'targets'] as const)(
    'refuses a catalogue with the %s of another day',
    async (role) => {
      const former = lab.publisher.chain[role];
      await lab.publisher.publish();
      const { chain } = lab.publisher;
      await expectRefused(await lab.catalogue('mixed', { ...chain, [role]: former }), 'MIX_AND_MATCH');
    },
  );

  it('refuses a newer catalogue that counts its targets down', async () => {
    await lab.publisher.publish();
    await lab.import(await lab.catalogue());
    await lab.publisher.publish({ version: { targets: 1 } });
    await expectRefused(await lab.catalogue(), 'ROLLBACK');
  });

  it('takes the release of an old stick that the newer catalogue still lists', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await lab.publisher.rotate(['timestamp', 'snapshot']);
    await lab.import(await lab.catalogue());
    expect(await lab.import(path)).toMatchObject({ action: 'installed', release: '1.0.0' });
  });

  it('refuses another product of the same publisher once it runs one', async () => {
    await lab.import((await lab.release({ release: '1.0.0', images: [server()] })).path);
    Object.assign(lab.publisher, { product: 'other' });
    const { path } = await lab.release({ release: '2.0.0', images: [server('two')] });
    await expectRefused(path, 'WRONG_PRODUCT');
  });

  it('writes every refusal into the log', async () => {
    const other = await createLab(engine);
    const { path } = await other.release({ release: '1.0.0', images: [server()] });
    await expectRefused(path, 'ROOT_MISMATCH');
    expect(await audit()).toMatch(/"event":"refusal".*"code":"ROOT_MISMATCH"/);
    await other.remove();
  });
});

describe('the tar', () => {
  it('names the image of a layer that was tampered with', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await flip(path, server().platform.layers[0]?.digest ?? '');
    const importing = lab.import(path);
    await expect(importing).rejects.toMatchObject({ code: 'DAMAGED' });
    await expect(importing).rejects.toThrow(`layer 1 of 1 of ${SERVER}`);
    await expectRefused(path, 'DAMAGED');
  });

  it('refuses a tampered document before anything is sent', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    await flip(path, server().platform.config.digest);
    await expectRefused(path, 'DAMAGED');
  });

  it('names a file that was tampered with', async () => {
    const files = [{ name: 'a.conf', text: 'plain text', install: '/etc/atrium/a.conf' }];
    const { path } = await lab.release({ release: '1.0.0', images: [server()], files });
    await flip(path, 'files/a.conf');
    await expectRefused(path, 'DAMAGED');
    await expect(lab.import(path)).rejects.toThrow('files/a.conf');
  });

  it('refuses a tar that is cut off', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 2048));
    await expectRefused(path, 'BUNDLE_CUT_OFF');
  });

  it('refuses a release of a later format, in words', async () => {
    const { path } = await lab.release({
      release: '1.0.0',
      images: [server()],
      fields: { format: 2, minFerry: '9.0.0' },
    });
    await expectRefused(path, 'FORMAT_TOO_NEW');
  });

  it('refuses a release with nothing for this architecture before a layer is looked at', async () => {
    const image = makeImage({ name: SERVER, layers: [{ files: { a: 'a' } }], architecture: 's390x' });
    const { path } = await lab.release({ release: '1.0.0', images: [image], platforms: ['linux/s390x'] });
    await flip(path, image.platform.layers[0]?.digest ?? '');
    await expectRefused(path, 'WRONG_ARCHITECTURE');
  });
});

describe('the place', () => {
  it('asks for privilege before it reads the medium', async () => {
    const denied = Object.assign(new Error('no'), { code: 'ENGINE_DENIED' });
    const importing = lab.import(join(lab.medium, 'not-there.ferry.tar'), { engine: () => Promise.reject(denied) });
    await expect(importing).rejects.toBe(denied);
  });

  it('says that another import is under way, and who', async () => {
    const { path } = await lab.release({ release: '1.0.0', images: [server()] });
    const lock = await (await openState(lab.stateDir)).lock();
    await expect(lab.import(path)).rejects.toMatchObject({ code: 'LOCKED', facts: { pid: process.pid } });
    await lock.release();
  });

  it('takes the one bundle of a folder, lists several and guesses none', async () => {
    const first = await lab.release({ release: '1.0.0', images: [server('one')] });
    await lab.catalogue();
    expect(await lab.import(lab.medium)).toMatchObject({ release: '1.0.0' });
    const second = await lab.release({ release: '2.0.0', images: [server('two')] });
    await expectRefused(lab.medium, 'BUNDLE_AMBIGUOUS');
    await expect(lab.import(lab.medium)).rejects.toThrow(/1\.0\.0-1-.*2\.0\.0-2-/);
    await rm(first.path);
    await rm(second.path);
    expect(await lab.import(lab.medium)).toMatchObject({ kind: 'catalogue' });
  });

  it('says that there is nothing at a path, or no bundle in a folder', async () => {
    await expectRefused(join(lab.medium, 'not-there'), 'MEDIUM_ABSENT');
    await mkdir(join(lab.medium, 'empty'));
    await expectRefused(join(lab.medium, 'empty'), 'NO_BUNDLE_HERE');
  });

  it('needs no terminal to be told the reason', async () => {
    const wanting = importBundle({
      path: 'x',
      stateDir: lab.stateDir,
      engine: lab.connect,
      now: NOW,
      allowDowngrade: true,
    });
    await expect(wanting).rejects.toMatchObject({ code: 'REASON_MISSING' });
  });
});

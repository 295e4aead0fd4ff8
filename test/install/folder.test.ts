/** Import of a folder: what is taken of it, what is in force then, and that it may be pulled. DESIGN "Command line". */

import { execFileSync } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, readlink, rename, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DockerError } from '../../src/docker/index.ts';
import { FerryError } from '../../src/errors.ts';
import { rollBack, siteStatus } from '../../src/install/index.ts';
import { findBundle } from '../../src/install/look/find-bundle.ts';
import { findParts } from '../../src/install/look/find-parts.ts';
import { syncMedium } from '../../src/install/look/sync-medium.ts';
import { sealFor } from '../../src/seal/index.ts';
import { findState } from '../../src/state/index.ts';
import { fingerprint } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { createLab, flip, type Lab, NOW, useSite } from './lab.ts';

const DAY = 86_400_000;
const OTHER = '0123456789abcdef';
const PLACE = '/etc/atrium/license.blob';
const image = makeImage({ name: 'ghcr.io/atrium/server:1', layers: [{ files: { a: 'a' } }] });

let engine: TestEngine;
let lab: Lab;
let site: string;
let recipient: string;

useSite((made) => {
  ({ engine, lab } = made);
});

beforeEach(async () => {
  const identity = await lab.identity();
  ({ site } = identity);
  ({ recipient } = identity.age);
});

const release = (name: string) =>
  lab.release({ release: name, images: [image], fields: { license: { install: PLACE } } });
const overlay = async (text: string, of = site) => {
  const bytes = await sealFor(Buffer.from(text), recipient);
  return lab.overlay(of, [{ name: 'license.blob.age', role: 'license', text: '', bytes, sealed: true }]);
};
const standing = (): Promise<string> => readFile(join(lab.prefix, PLACE), 'utf8');
const back = () => rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });

async function lastImport(): Promise<unknown> {
  const lines = (await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line)).findLast(({ event }) => event === 'import')?.facts;
}

describe('what is taken of a folder', () => {
  const SITE = 'fedcba9876543210';
  const named = async (names: readonly string[], options = {}) => {
    for (const name of names) await writeFile(join(lab.medium, name), '');
    const parts = await findParts(lab.medium, { site: SITE, ...options });
    const shown = ({ bundle, overlay, catalogue }: typeof parts) => [bundle, overlay, catalogue];
    return shown(parts).map((path) => path && basename(path));
  };

  it('is the release, this site’s overlay and the catalogue with the highest numbers', async () => {
    const names = [
      'atrium-2.1.0-7-12.ferry.tar',
      `atrium-${SITE}-9.ferry.tar`,
      `atrium-${SITE}-12.ferry.tar`,
      `atrium-${OTHER}-13.ferry.tar`,
      'atrium-catalogue-9.ferry.tar',
      'atrium-catalogue-10.ferry.tar',
    ];
    expect(await named(names)).toEqual([names[0], names[2], names[5]]);
  });

  it('is nothing that is hidden, half written, a volume, a folder, or in one', async () => {
    await mkdir(join(lab.medium, 'older'));
    await mkdir(join(lab.medium, 'atrium-1.0.0-1-1.ferry.tar'));
    const names = [
      'atrium-2.1.0-7-12.ferry.tar',
      '.atrium-2.0.0-6-11.ferry.tar',
      'atrium-2.2.0-8-13.ferry.tar.partial',
      'atrium-2.2.0-8-13.ferry.tar.001',
      'atrium-2.1.0-7-12.ferry.chunks.json',
      'older/atrium-2.0.0-6-11.ferry.tar',
      `older/atrium-${SITE}-99.ferry.tar`,
    ];
    expect(await named(names)).toEqual([names[0], undefined, undefined]);
  });

  it('is no pipe, device or folder by the name of a bundle, nor a link to one', async () => {
    const at = (name: string) => join(lab.medium, name);
    execFileSync('mkfifo', [at(`atrium-${SITE}-99.ferry.tar`)]);
    await symlink('/dev/null', at('atrium-9.0.0-9-99.ferry.tar'));
    await symlink('.', at('atrium-catalogue-99.ferry.tar'));
    const names = ['atrium-2.1.0-7-12.ferry.tar', `atrium-${SITE}-9.ferry.tar`];
    expect(await named(names)).toEqual([...names, undefined]);
    expect(await findBundle(lab.medium)).toBe(at('atrium-2.1.0-7-12.ferry.tar'));
  });

  it('is told in a few words, however many there are', async () => {
    const names = Array.from({ length: 2000 }, (_, at) => `atrium-1.${at}.0-1-1.ferry.tar`);
    const refusal = await named(names).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'BUNDLE_AMBIGUOUS' });
    expect((refusal as Error).message).toMatch(/^.{1,700}$/);
  });

  it('is of the product of the release, else of the one that is installed', async () => {
    const names = [`nimbus-${SITE}-9.ferry.tar`, `atrium-${SITE}-3.ferry.tar`, 'nimbus-catalogue-9.ferry.tar'];
    expect(await named(names, { product: 'atrium' })).toEqual([names[1], undefined, undefined]);
    const release = 'atrium-2.1.0-7-12.ferry.tar';
    expect(await named([release], { product: 'nimbus' })).toEqual([release, names[1], undefined]);
  });

  it('is not guessed where overlays of two products are there and none is installed', async () => {
    const names = [`nimbus-${SITE}-9.ferry.tar`, `atrium-${SITE}-3.ferry.tar`];
    await expect(named(names)).rejects.toMatchObject({ code: 'BUNDLE_AMBIGUOUS' });
  });

  it('is the overlay without a release, the one for any where there is none, else the catalogue', async () => {
    expect(await named(['atrium-catalogue-3.ferry.tar'])).toEqual([
      'atrium-catalogue-3.ferry.tar',
      undefined,
      undefined,
    ]);
    const any = 'atrium-any-2.ferry.tar';
    expect(await named([any])).toEqual([any, undefined, 'atrium-catalogue-3.ferry.tar']);
    const own = `atrium-${SITE}-1.ferry.tar`;
    expect(await named([own])).toEqual([own, undefined, 'atrium-catalogue-3.ferry.tar']);
  });

  it('is none of several releases: they are listed', async () => {
    const names = ['atrium-2.1.0-7-12.ferry.tar', 'atrium-2.10.0-9-12.ferry.tar'];
    await expect(named(names)).rejects.toMatchObject({ code: 'BUNDLE_AMBIGUOUS', facts: { names: names.toSorted() } });
  });

  it('is nothing where there are only others’ overlays, or nothing at all', async () => {
    await expect(named([])).rejects.toMatchObject({ code: 'NO_BUNDLE_HERE' });
    await expect(named([`atrium-${OTHER}-3.ferry.tar`])).rejects.toMatchObject({ code: 'OVERLAY_FOREIGN' });
  });
});

describe('a release and an overlay', () => {
  it('are installed together, and the result, the log and the receipt name both', async () => {
    const { path } = await release('1.0.0');
    const beside = await overlay('licence of the kiosk');
    await overlay('somebody else’s', OTHER);
    const done = await lab.import(lab.medium);
    expect(done).toMatchObject({ kind: 'release', action: 'installed', overlay: beside, safeToUnmount: true });
    expect(await standing()).toBe('licence of the kiosk');
    expect(await lastImport()).toMatchObject({ bundle: basename(path), overlay: basename(beside) });
    const { signed } = JSON.parse(await readFile(done.receipt ?? '', 'utf8'));
    expect(signed).toMatchObject({ overlay: basename(beside), files: [{ action: 'installed' }] });
    expect(await lab.import(lab.medium)).toMatchObject({ action: 'present', safeToUnmount: true });
  });

  it('go back together where something fails, the licence too', async () => {
    await release('1.0.0');
    await overlay('licence of the kiosk');
    const loadImage = () => Promise.reject(new Error('the engine is in a bad mood'));
    const failing = async () => ({ ...(await lab.connect()), loadImage });
    await expect(lab.import(lab.medium, { engine: failing })).rejects.toThrow('bad mood');
    await expect(standing()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('that came later is installed with the release that is there, and the former licence is kept', async () => {
    await release('1.0.0');
    await overlay('first');
    await lab.import(lab.medium);
    await overlay('second');
    expect(await lab.import(lab.medium)).toMatchObject({ action: 'installed', files: [{ action: 'installed' }] });
    expect(await standing()).toBe('second');
    const kept = await readdir(join(lab.stateDir, 'releases/1/kept'));
    expect(
      await Promise.all(kept.map((name) => readFile(join(lab.stateDir, 'releases/1/kept', name), 'utf8'))),
    ).toEqual(['first']);
  });

  it('stays when the release beside it is rolled back', async () => {
    const first = await release('1.0.0');
    await overlay('first');
    await lab.import(lab.medium);
    await mkdir(join(lab.medium, 'older'));
    await rename(first.path, join(lab.medium, 'older', basename(first.path)));
    await lab.release({ release: '2.0.0', images: [], fields: { license: { install: PLACE } } });
    await overlay('second');
    await lab.import(lab.medium);
    await back();
    expect(await standing()).toBe('second');
  });

  it('whose overlay is superseded: the release goes in, and that is said', async () => {
    await release('1.0.0');
    await overlay('old');
    const newer = await overlay('new');
    await lab.import(newer);
    await rename(newer, join(lab.dir, 'elsewhere'));
    const done = await lab.import(lab.medium);
    expect(done).toMatchObject({ action: 'installed' });
    expect(done).not.toHaveProperty('overlay');
    expect(done.warnings).toContain('the files for this site are superseded by newer ones: skipped');
  });

  it('whose overlay is another site’s under our name: passed over, and said', async () => {
    await release('1.0.0');
    const theirs = await overlay('theirs', OTHER);
    const name = `atrium-${site}-${lab.publisher.versions.timestamp}.ferry.tar`;
    await rename(theirs, join(lab.medium, name));
    const { action, warnings } = await lab.import(lab.medium);
    expect(action).toBe('installed');
    expect(warnings).toContain(`${name} is for another site, whatever its name says: skipped`);
  });

  it('whose overlay is damaged: nothing is installed', async () => {
    await release('1.0.0');
    await flip(await overlay('licence'), `sites/${site}/license.blob.age`);
    await expect(lab.import(lab.medium)).rejects.toMatchObject({ code: 'DAMAGED' });
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toBeUndefined();
  });

  it('whose overlay is no overlay: nothing is guessed', async () => {
    const { path } = await release('1.0.0');
    await copyFile(path, join(lab.medium, `atrium-${site}-3.ferry.tar`));
    await expect(lab.import(lab.medium)).rejects.toMatchObject({ code: 'BUNDLE_AMBIGUOUS' });
  });

  it('is taken alone when the file is named', async () => {
    const { path } = await release('1.0.0');
    await overlay('licence');
    const done = await lab.import(path);
    expect(done).toMatchObject({ files: [] });
    expect(done).not.toHaveProperty('safeToUnmount');
  });

  it('is only looked at in a dry run', async () => {
    await release('1.0.0');
    const beside = await overlay('licence');
    const done = await lab.import(lab.medium, { dryRun: true });
    expect(done).toMatchObject({
      action: 'planned',
      overlay: beside,
      plan: { files: [{ action: 'new', why: 'site' }] },
    });
    expect(done).not.toHaveProperty('safeToUnmount');
    await expect(standing()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('a catalogue beside a release', () => {
  it('renews it when the release’s own has ended', async () => {
    await release('1.0.0');
    await overlay('licence');
    const later = new Date(NOW.getTime() + 500 * DAY);
    await expect(lab.import(lab.medium, { now: later })).rejects.toMatchObject({ code: 'EXPIRED' });
    lab.publisher.now = new Date(NOW.getTime() + 450 * DAY);
    await lab.publisher.publish();
    const catalogue = await lab.catalogue();
    const done = await lab.import(lab.medium, { now: later });
    expect(done).toMatchObject({ action: 'installed', catalogue });
    expect(await standing()).toBe('licence');
    expect(await lastImport()).toMatchObject({ catalogue: basename(catalogue) });
  });

  it('revokes it', async () => {
    const { published } = await release('1.0.0');
    await lab.publisher.revoke(published);
    await lab.catalogue();
    await expect(lab.import(lab.medium)).rejects.toMatchObject({ code: 'RELEASE_NOT_LISTED' });
  });

  it('that is older changes nothing, though it has ended', async () => {
    await lab.catalogue();
    lab.publisher.now = new Date(NOW.getTime() + 450 * DAY);
    await release('1.0.0');
    expect(await lab.import(lab.medium, { now: lab.publisher.now })).toMatchObject({ action: 'installed' });
  });

  it('of another publisher is refused', async () => {
    await release('1.0.0');
    const other = await createLab(engine);
    const foreign = await other.catalogue();
    await copyFile(foreign, join(lab.medium, 'atrium-catalogue-99.ferry.tar'));
    await expect(lab.import(lab.medium)).rejects.toMatchObject({ code: 'ROOT_MISMATCH' });
    await other.remove();
  });

  it('with a newer root: a site that trusts nobody yet pins the newest, by one fingerprint', async () => {
    const fresh = await createLab(engine);
    await fresh.release({ release: '1.0.0', images: [] });
    const former = fingerprint(fresh.publisher.root);
    await fresh.publisher.rotate(['root', 'timestamp']);
    await fresh.catalogue();
    const { hex } = fingerprint(fresh.publisher.root);
    expect(hex).not.toBe(former.hex);
    expect(await fresh.import(fresh.medium, { fingerprint: hex })).toMatchObject({ action: 'installed' });
    const { root } = await siteStatus({ stateDir: fresh.stateDir, engine: fresh.connect, now: NOW });
    expect(root).toMatchObject({ version: 2, confirmed: true });
    await fresh.remove();
  });

  it('is asked about once: the question for the fingerprint', async () => {
    const fresh = await createLab(engine);
    await fresh.release({ release: '1.0.0', images: [] });
    await fresh.catalogue();
    let asked = 0;
    const ask = async () => {
      asked++;
      return fingerprint(fresh.publisher.root).hex;
    };
    await fresh.import(fresh.medium, { ask });
    expect(asked).toBe(1);
    await fresh.remove();
  });
});

/** What this process has open below the lab. */
async function openFiles(): Promise<string[]> {
  const fds = await readdir('/proc/self/fd');
  const paths = await Promise.all(fds.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
  return paths.filter((path) => path.startsWith(lab.dir));
}

describe('nothing is open any more', () => {
  it('after an import, a refused one, and one that stopped at an edit or for want of an engine', async () => {
    const conf = { name: 'a.conf', text: 'a', install: '/etc/atrium/a.conf' };
    const { path } = await lab.release({ release: '1.0.0', images: [image], files: [conf] });
    await overlay('licence');
    await lab.import(lab.medium);
    expect(await openFiles()).toEqual([]);
    await rename(path, join(lab.dir, basename(path)));
    await lab.release({ release: '2.0.0', images: [image], files: [{ ...conf, text: 'b' }] });
    await writeFile(join(lab.prefix, 'etc/atrium/a.conf'), 'edited');
    const down = () => Promise.reject(new DockerError('connect: got none', { code: 'ENGINE_NOT_RUNNING' }));
    for (const options of [
      {},
      { engine: down },
      { dryRun: true },
      { dryRun: true, engine: down },
      { keepLocal: ['x'], reason: 'r' },
    ]) {
      await expect(lab.import(lab.medium, options)).rejects.toBeInstanceOf(FerryError);
      expect(await openFiles()).toEqual([]);
    }
    await lab.import(lab.medium, { dryRun: true, replace: ['a.conf'], reason: 'r' });
    expect(await openFiles()).toEqual([]);
    await lab.import(lab.medium, { replace: ['a.conf'], reason: 'r' });
    expect(await openFiles()).toEqual([]);
  });
});

describe('a medium that cannot be synced', () => {
  it('is not said to be safe, and why is', async () => {
    const why = await syncMedium(join(lab.dir, 'pulled'));
    expect(why).toMatch(/^unmount \S+pulled and wait until that is done before you pull it: sync says ".*No such file/);
    expect(await syncMedium(lab.medium)).toBeUndefined();
  });
});

describe('the question before the first change', () => {
  it('shows what would be done, and a no leaves everything as it was', async () => {
    await release('1.0.0');
    await overlay('licence');
    const seen: unknown[] = [];
    const confirm = async (planned: unknown) => {
      seen.push(planned);
      return seen.length > 1;
    };
    await expect(lab.import(lab.medium, { confirm })).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(await (await findState(lab.stateDir))?.findCurrentRelease()).toBeUndefined();
    await expect(standing()).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await lab.import(lab.medium, { confirm })).toMatchObject({ action: 'installed' });
    expect(seen[0]).toMatchObject({
      action: 'planned',
      plan: { images: [{ action: 'load' }], files: [{ action: 'new' }] },
    });
    await lab.import(lab.medium, { confirm }); // there is nothing to ask about any more
    expect(seen).toHaveLength(2);
  });

  it('is asked about an overlay too', async () => {
    const confirm = async () => false;
    await lab.import((await release('1.0.0')).path);
    await expect(lab.import(await overlay('licence'), { confirm })).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    await expect(standing()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** What the office learns of a site by every import: the card on the medium, whatever was imported. */

import { execFileSync } from 'node:child_process';
import { copyFile, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { connectEngine } from '../../src/docker/index.ts';
import { type ImportResult, rollBack } from '../../src/install/index.ts';
import { parseSiteCard, type SiteCard } from '../../src/manifest/index.ts';
import { findSiteIdentity, type SiteIdentity } from '../../src/site/index.ts';
import { findState } from '../../src/state/index.ts';
import { openEnvelope } from '../../src/trust/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage } from '../support/images.ts';
import { tmpfs } from '../support/media.ts';
import { leakIn, plant } from '../support/secrets.ts';
import { idOf, type Lab, type LabBundle, NOW, useSite } from './lab.ts';

let engine: TestEngine;
let lab: Lab;
let identity: SiteIdentity;
useSite((made: { readonly engine: TestEngine; readonly lab: Lab }) => {
  ({ engine, lab } = made);
});
beforeEach(async () => {
  identity = (await findSiteIdentity((await findState(lab.stateDir)) as never)) as SiteIdentity;
});

const image = (version: string) =>
  makeImage({ name: `ghcr.io/atrium/server:${version}`, layers: [{ files: { version } }, { files: { base: 'b' } }] });
const release = (version: string, more: object = {}): Promise<LabBundle> =>
  lab.release({ release: `${version}.0.0`, images: [image(version)], ...more });
const cardIn = async (medium = lab.medium): Promise<SiteCard> =>
  parseSiteCard(openEnvelope(await readFile(join(medium, name())), identity.key, 'site-card'));
const name = (): string => `atrium-${identity.site}.site.json`;
const LICENSE = plant(
  JSON.stringify({ product: 'atrium', seat: 'hunter2-of-a-licence', expires: '2027-06-01T00:00:00Z' }),
);
const license = { name: 'license.json', text: LICENSE, role: 'license', install: '/etc/atrium/license.json' };

describe('the card of a site', () => {
  it('lies beside the release that was imported, and tells what the engine has of it', async () => {
    const { path } = await release('1');
    const shown: string[] = [];
    const done = await lab.import(path, { onCard: ({ site }, to) => shown.push(site, to) });
    const at = join(lab.medium, name());
    expect(done).toMatchObject({ cardCopy: { action: 'written', path: at }, warnings: [] });
    expect(shown).toEqual([identity.site, at]);
    const imageID = await idOf(engine, image('1').name);
    expect(await cardIn()).toMatchObject({
      ...{ site: identity.site, name: identity.name, product: 'atrium', platform: 'linux/amd64' },
      keys: { sign: identity.key.value, age: identity.age?.recipient },
      engine: { name: 'docker', store: 'classic', version: expect.any(String), apiVersion: expect.any(String) },
      holds: [{ name: image('1').name, imageID, config: imageID, diffIDs: expect.any(Array) }],
      trust: { root: 1, catalogue: lab.publisher.versions.timestamp, sequence: 1 },
      issued: NOW.toISOString(),
    });
    const [held] = (await cardIn()).holds;
    const inEngine = await engine.docker('inspect', '--format', '{{json .RootFS.Layers}}', image('1').name);
    expect(held?.diffIDs).toEqual(JSON.parse(inEngine));
  });

  it('is written again when there was nothing to do, and after the next release', async () => {
    const first = await release('1');
    await lab.import(first.path);
    const later = new Date(NOW.getTime() + 1000);
    expect(await lab.import(first.path, { now: later })).toMatchObject({
      ...{ action: 'present', cardCopy: { action: 'written' } },
    });
    expect((await cardIn()).issued).toBe(later.toISOString());
    expect(await lab.import(first.path, { now: later })).toMatchObject({ cardCopy: { action: 'same' } });
    await lab.import((await release('2')).path, { now: later });
    expect(await cardIn()).toMatchObject({ trust: { sequence: 2 }, holds: [{ name: image('2').name }] });
    expect((await readdir(lab.medium)).filter((each) => each.endsWith('.site.json'))).toEqual([name()]);
  });

  it('is never older than what the site knows of the time, so that the office takes it', async () => {
    const first = await release('1');
    await lab.import(first.path);
    await lab.import(first.path, { now: new Date('1970-01-02T00:00:00Z') });
    expect(Date.parse((await cardIn()).issued)).toBeGreaterThanOrEqual(lab.publisher.now.getTime());
  });

  it('comes with an overlay too, says until when the licence holds, and nothing else of it', async () => {
    await lab.import((await release('1')).path);
    expect(await cardIn()).not.toHaveProperty('license');
    await lab.import(await lab.overlay(identity.site, [license]));
    expect((await cardIn()).license).toEqual({ validUntil: '2027-06-01T00:00:00.000Z' });
    expect(leakIn(await readFile(join(lab.medium, name()), 'utf8'))).toBeUndefined();
  });

  it('tells of no image that somebody took away since the import', async () => {
    await lab.import((await release('1')).path);
    const pins = (await engine.docker('ps', '--all', '--quiet')).split('\n');
    await engine.docker('rm', '--force', ...pins);
    await engine.docker('rmi', '--force', image('1').name);
    await lab.import(await lab.overlay(identity.site, [license]));
    expect(await cardIn()).toMatchObject({ trust: { sequence: 1 }, holds: [] });
  });

  it('comes with a catalogue too, also where nothing was ever installed and no engine runs', async () => {
    const nowhere = { engine: () => connectEngine({ env: { DOCKER_HOST: `unix://${lab.dir}/none.sock` } }) };
    await release('1');
    const done = await lab.import(await lab.catalogue(), nowhere);
    expect(done).toMatchObject({ kind: 'catalogue', cardCopy: { action: 'written', path: join(lab.medium, name()) } });
    const card = await cardIn();
    expect(card).toMatchObject({ product: 'atrium', holds: [], trust: { root: 1, sequence: 0 } });
    expect(card).not.toHaveProperty('engine');
  });

  it('waits for no pipe of its name, and takes the place of a link without following it', async () => {
    const { path } = await release('1');
    execFileSync('mkfifo', [join(lab.medium, name())]);
    expect(await lab.import(path)).toMatchObject({
      cardCopy: { action: 'failed' },
      warnings: [expect.stringContaining('got a pipe')],
    });
    await rm(join(lab.medium, name()));
    const aim = join(lab.prefix, 'aim');
    await writeFile(aim, 'secret');
    await symlink(aim, join(lab.medium, name()));
    expect(await lab.import(path)).toMatchObject({ cardCopy: { action: 'written' } });
    expect(await readFile(aim, 'utf8')).toBe('secret');
    expect((await cardIn()).site).toBe(identity.site);
  });

  it('is that of the same site where ferry 0.1.0 made it, which had a signing key alone', async () => {
    for (const file of ['age.txt', 'site.json']) await rm(join(lab.stateDir, 'identity', file));
    await lab.import((await release('1')).path);
    const { site, keys } = await cardIn();
    expect({ site, sign: keys.sign }).toEqual({ site: identity.site, sign: identity.key.value });
    expect(keys.age).not.toBe(identity.age?.recipient);
  });

  it('tells nothing of a release that was rolled back', async () => {
    const first = await release('1');
    await lab.import(first.path);
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    await lab.import(await lab.catalogue());
    expect(await cardIn()).toMatchObject({ holds: [], trust: { sequence: 0 } });
  });

  it.each<[string, object, Partial<ImportResult>]>([
    ['nobody wants it there', { cardOnMedium: false }, { cardCopy: { action: 'declined' } }],
    ['it is a dry run', { dryRun: true }, {}],
  ])('is not written when %s', async (_why, options, expected) => {
    const done = await lab.import((await release('1')).path, options);
    expect(done.cardCopy).toEqual(expected.cardCopy);
    expect((await readdir(lab.medium)).filter((each) => each.endsWith('.site.json'))).toEqual([]);
  });

  it('has nothing to do with the receipt: one may stay away without the other', async () => {
    const done = await lab.import((await release('1')).path, { receiptOnMedium: false });
    expect(done).toMatchObject({ receiptCopy: { action: 'declined' }, cardCopy: { action: 'written' } });
  });

  it('is not missed on a medium that can only be read, and is a warning on a full one', async () => {
    const { path } = await release('1');
    const stick = await tmpfs('8m');
    await copyFile(path, join(stick, basename(path)));
    execFileSync('mount', ['-o', 'remount,ro', stick]);
    expect(await lab.import(stick)).toMatchObject({ cardCopy: { action: 'read-only' }, warnings: [] });
    execFileSync('mount', ['-o', 'remount,rw', stick]);
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${stick}/full bs=4k 2>/dev/null || true`]);
    const done = await lab.import(stick, { receiptOnMedium: false });
    expect(done).toMatchObject({ action: 'present', cardCopy: { action: 'failed' } });
    expect(done.warnings).toEqual([expect.stringMatching(/^no card of this site on the medium: .*full disk/)]);
  });

  it('is not written by an import that was refused', async () => {
    const { path } = await release('1');
    await writeFile(path, (await readFile(path)).subarray(0, -512));
    await expect(lab.import(path)).rejects.toThrow();
    expect((await readdir(lab.medium)).filter((each) => each.endsWith('.site.json'))).toEqual([]);
  });
});

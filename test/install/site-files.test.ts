/** Files that are sealed for one site: opened after their proof, installed, and readable nowhere else. FORMAT §4. */

import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { DockerError } from '../../src/docker/index.ts';
import { recoverSite, rollBack, writeSupport } from '../../src/install/index.ts';
import { findSecrets } from '../../src/install/support/secrets.ts';
import { generateIdentity, sealFor } from '../../src/seal/index.ts';
import { findState } from '../../src/state/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { plant } from '../support/secrets.ts';
import { countChanges, dieAt } from './dying.ts';
import { flip, type Lab, type LabSiteFile, NOW, snapshot, useSite } from './lab.ts';

const OTHER_SITE = '0123456789abcdef';
const PLACE = '/etc/atrium/license.blob';
const LICENCE = plant('ATRIUM LICENCE 4711, for the kiosk in hall 3, not for your eyes');
const RENEWED = plant('ATRIUM LICENCE 4712, for the kiosk in hall 3, one more year');

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

async function sealed(text: string, to = recipient): Promise<LabSiteFile> {
  const bytes = await sealFor(Buffer.from(text), to);
  return { name: 'license.blob.age', role: 'license', text: '', bytes, sealed: true, mode: '0640' };
}

const down = () =>
  Promise.reject(new DockerError('connect to engine: expected an answer, got none', { code: 'ENGINE_NOT_RUNNING' }));
const standing = (): Promise<string> => readFile(join(lab.prefix, PLACE), 'utf8');
const release = (name: string, more = {}) =>
  lab.release({ release: name, fields: { license: { install: PLACE } }, ...more });

/** Paths below the lab of files that hold a text, or what base64 or hex make of it. */
async function placesOf(text: string): Promise<string[]> {
  const bytes = Buffer.from(text);
  const forms = [bytes, Buffer.from(bytes.toString('base64').slice(0, -4)), Buffer.from(bytes.toString('hex'))];
  const entries = await readdir(lab.dir, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found: string[] = [];
  for (const path of paths) {
    const content = await readFile(path);
    if (forms.some((form) => content.includes(form))) found.push(path.slice(lab.dir.length + 1));
  }
  return found.map((path) => path.replace(/\.\.[0-9a-f]{12}|\.\.ferry-[^/]+/, '..version')).toSorted();
}

describe('a sealed licence', () => {
  it('is opened and installed where the release says, with its own mode', async () => {
    await lab.import((await release('1')).path);
    const done = await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    expect(done).toMatchObject({ kind: 'overlay', action: 'installed', files: [{ action: 'installed' }] });
    expect(await standing()).toBe(LICENCE);
    expect((await stat(join(lab.prefix, PLACE))).mode & 0o777).toBe(0o640);
  });

  it('is the same when another ciphertext has the same content', async () => {
    await lab.import((await release('1')).path);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    const again = await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    expect(again).toMatchObject({ action: 'present', files: [{ action: 'same' }] });
  });

  it('comes with a release too, whose receipt has the digest of what is installed', async () => {
    const { path } = await release('1', { sites: { [site]: [await sealed(LICENCE)] } });
    const { receipt, files } = await lab.import(path);
    expect(await standing()).toBe(LICENCE);
    expect(JSON.parse(await readFile(receipt ?? '', 'utf8')).signed.files).toEqual(files);
    expect(await lab.import(path)).toMatchObject({ action: 'present' });
  });

  it('wins over one in the clear for any site at the same place', async () => {
    const any = { name: 'license.blob', role: 'license', text: 'for any' };
    await lab.import((await release('1', { sites: { any: [any], [site]: [await sealed(LICENCE)] } })).path);
    expect(await standing()).toBe(LICENCE);
  });

  it('is in the clear at its place and nowhere else, and once it was replaced among the kept files', async () => {
    await lab.import((await release('1')).path);
    const first = await lab.overlay(site, [await sealed(LICENCE)]);
    const planned = await lab.import(first, { dryRun: true });
    expect(await placesOf(LICENCE)).toEqual([]);
    const done = await lab.import(first);
    const installed = await placesOf(LICENCE);
    expect(installed.map((path) => path.replace(/\.\.[^/]+/, '..'))).toEqual(['prefix/etc/atrium/../license.blob']);
    const renewed = await lab.import(await lab.overlay(site, [await sealed(RENEWED)]));
    const [kept, ...others] = (await placesOf(LICENCE)).filter((path) => !path.startsWith('prefix/'));
    expect(kept).toMatch(/^state\/releases\/1\/kept\/[0-9a-f]{64}$/);
    expect(others).toEqual([]);
    expect((await placesOf(RENEWED)).filter((path) => !path.startsWith('prefix/'))).toEqual([]);
    expect((await stat(join(lab.dir, kept ?? ''))).mode & 0o077).toBe(0);
    for (const told of [planned, done, renewed]) expect(JSON.stringify(told)).not.toContain('ATRIUM LICENCE');
  });

  it('stays through an update and a rollback', async () => {
    const [one, two] = [await release('1'), await release('2')];
    await lab.import(one.path);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    await lab.import(two.path);
    await lab.import(await lab.overlay(site, [await sealed(RENEWED)]));
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(await standing()).toBe(RENEWED);
  });

  it('is shown by a dry run as a file of the site, and not compared', async () => {
    await lab.import((await release('1')).path);
    const { plan } = await lab.import(await lab.overlay(site, [await sealed(LICENCE)]), { dryRun: true });
    expect(plan?.files).toEqual([{ name: 'license.blob', path: join(lab.prefix, PLACE), action: 'new', why: 'site' }]);
    await expect(standing()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('can be kept out by its name without .age', async () => {
    await lab.import((await release('1')).path);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    const overlay = await lab.overlay(site, [await sealed(RENEWED)]);
    const done = await lab.import(overlay, { keepLocal: ['license.blob'], reason: 'ticket 1' });
    expect(done).toMatchObject({ files: [{ action: 'kept' }] });
    expect(await standing()).toBe(LICENCE);
  });
});

describe('the folder for whoever helps', () => {
  it('has neither the licence nor the one that it replaced, wherever they got to', async () => {
    await lab.import((await release('1')).path);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    await lab.import(await lab.overlay(site, [await sealed(RENEWED)]));
    const secrets = await findSecrets((await findState(lab.stateDir)) as never, lab.prefix);
    expect(secrets).toEqual(expect.arrayContaining([LICENCE, RENEWED]));
    const outDir = join(lab.dir, 'out');
    await writeSupport({
      stateDir: lab.stateDir,
      outDir,
      engine: lab.connect,
      version: '0.1.0',
      secrets: [],
      now: NOW,
    });
    for (const text of [LICENCE, RENEWED]) {
      expect((await placesOf(text)).filter((path) => path.startsWith('out'))).toEqual([]);
    }
  });
});

describe('what is refused', () => {
  const refused = async (path: string, expected: object) => {
    const before = await snapshot(engine, lab);
    await expect(lab.import(path)).rejects.toMatchObject(expected);
    expect(await snapshot(engine, lab)).toEqual(before);
  };

  it('is a file that is sealed for another key than this site’s', async () => {
    const other = await generateIdentity();
    await refused(await lab.overlay(site, [await sealed(LICENCE, other.recipient)]), {
      code: 'SITE_FILES_UNOPENED',
      message: 'open license.blob.age: expected a file that is sealed for this site, got one sealed for another',
    });
  });

  it('is a file that is no age file though it was signed so', async () => {
    const text = { name: 'license.blob.age', role: 'license', text: 'in the clear', sealed: true };
    await refused(await lab.overlay(site, [text]), { code: 'SITE_FILES_UNOPENED' });
  });

  it('is a ciphertext that was altered, before it is opened', async () => {
    const path = await lab.overlay(site, [await sealed(LICENCE)]);
    await flip(path, `sites/${site}/license.blob.age`);
    await refused(path, { code: 'DAMAGED', message: expect.stringContaining(`sites/${site}/license.blob.age`) });
  });

  it('is a ciphertext that was put into the place of another', async () => {
    const own = await sealed(LICENCE);
    const swapped = Buffer.from(
      await sealFor(Buffer.from(RENEWED.padEnd(LICENCE.length).slice(0, LICENCE.length)), recipient),
    );
    const path = await lab.overlay(site, [own]);
    const bytes = await readFile(path);
    const at = bytes.indexOf(Buffer.from(own.bytes ?? []));
    expect(swapped).toHaveLength(own.bytes?.length ?? 0);
    swapped.copy(bytes, at);
    await writeFile(path, bytes);
    await refused(path, { code: 'DAMAGED' });
  });

  it('is an overlay for another site, alone', async () => {
    const other = await generateIdentity();
    await refused(await lab.overlay(OTHER_SITE, [await sealed(LICENCE, other.recipient)]), {
      code: 'OVERLAY_FOREIGN',
      message: `import overlay: expected one for site ${site}, got one for site ${OTHER_SITE}`,
    });
  });

  it('is no release in which others have sealed files too: they are passed over', async () => {
    const other = await generateIdentity();
    const sites = { [OTHER_SITE]: [await sealed(RENEWED, other.recipient)], [site]: [await sealed(LICENCE)] };
    await lab.import((await release('1', { sites })).path);
    expect(await standing()).toBe(LICENCE);
  });

  it('is nothing that is superseded: it is skipped and said, sealed for whomever', async () => {
    await lab.import((await release('1')).path);
    const other = await generateIdentity();
    const old = await lab.overlay(site, [await sealed(RENEWED, other.recipient)]);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    const { action, warnings } = await lab.import(old);
    expect(action).toBe('present');
    expect(warnings).toContain('the files for this site are superseded by newer ones: skipped');
    expect(await standing()).toBe(LICENCE);
  });

  it('is a file of a site that is too large to be held in memory', async () => {
    const large = { ...(await sealed('x'.repeat(1024 * 1024 + 80_000))), role: 'file', install: '/etc/atrium/large' };
    await refused(await lab.overlay(site, [large]), { code: 'TOO_LARGE' });
  });
});

describe('an import of a sealed licence that is killed', () => {
  it('anywhere is finished or undone without the medium, and leaves no plaintext behind', async () => {
    await mkdir(join(lab.prefix, 'etc/atrium'), { recursive: true });
    await lab.import((await release('1')).path);
    await lab.import(await lab.overlay(site, [await sealed(LICENCE)]));
    const options = { engine: down };
    const renew = async (number: number) => lab.overlay(site, [await sealed(`${RENEWED} ${number}`)]);
    const first = await renew(0);
    const changes = await countChanges(() => lab.import(first, options));
    expect(changes).toBeGreaterThan(20);
    let before = await standing();
    const seen = new Set<unknown>();
    for (let at = 0; at < changes; at += 2) {
      const path = await renew(at + 1);
      const next = `${RENEWED} ${at + 1}`;
      await dieAt(at, () => lab.import(path, options));
      await rm(join(lab.stateDir, 'lock'), { force: true }); // its process is gone, and not this one
      const { recovered } = await recoverSite({ stateDir: lab.stateDir, engine: down, now: NOW });
      seen.add(recovered);
      const now = await standing();
      expect([before, next], `killed at change ${at}`).toContain(now);
      const left = (await placesOf(next)).filter((found) => !found.startsWith('prefix/etc/atrium/'));
      expect(left, `killed at change ${at}`).toEqual([]);
      if (now !== next) expect(await placesOf(next), `killed at change ${at}`).toEqual([]);
      before = now;
    }
    expect(seen).toEqual(new Set([null, 'undone', 'finished']));
  });
});

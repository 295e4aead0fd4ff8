/** A rollback brings the former certificate back and has it served; what was renewed since, or has ended, is left alone. */

import { lstat, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type RollbackOptions, rollBack } from '../../src/install/index.ts';
import { keepWaiting } from '../../src/install/tls/pending.ts';
import { openState } from '../../src/state/index.ts';
import { spkiOf } from '../../src/tls/index.ts';
import type { Issued } from '../support/pki.ts';
import { leakIn } from '../support/secrets.ts';
import { startTLSService, type TLSService } from '../support/tls-service.ts';
import { DIR, fingerprintOf, inDays, leakInState, makeOffice, NAME, type Office } from './carried-lab.ts';
import { type Lab, NOW, useSite } from './lab.ts';

let lab: Lab;
let office: Office;
let site: string;
let recipient: string;
let service: TLSService;

useSite((made) => {
  ({ lab } = made);
});
beforeAll(async () => {
  office = await makeOffice();
});
beforeEach(async () => {
  const identity = await lab.identity();
  site = identity.site;
  recipient = identity.age.recipient;
  service = await startTLSService(join(lab.prefix, DIR));
});
afterEach(() => service.stop());

const serving = () => ({ reload: service.reload, probe: { host: '127.0.0.1', port: service.port } });
const inPlace = (name: string) => readFile(join(lab.prefix, DIR, name), 'utf8');

/** A release that brings a certificate. */
async function release(version: string, issued: Issued) {
  const fields = { tls: { dir: DIR, names: [NAME] } };
  return lab.release({ release: version, fields, sites: { [site]: [await office.sealed(issued, recipient)] } });
}

const overlay = async (issued: Issued) => lab.overlay(site, [await office.sealed(issued, recipient)]);

function back(options: Partial<RollbackOptions> = {}) {
  const { stateDir, prefix, connect: engine } = lab;
  return rollBack({ stateDir, prefix, engine, now: NOW, ...serving(), ...options });
}

/** Releases 1 and 2, each with a certificate of its own. */
async function updated(): Promise<{ readonly first: Issued; readonly second: Issued }> {
  const [first, second] = [await office.issue(), await office.issue({ notAfter: inDays(200) })];
  await lab.import((await release('1', first)).path);
  await service.start();
  await lab.import((await release('2', second)).path, serving());
  return { first, second };
}

it('brings certificate and key back, reloads and looks; and forth again', async () => {
  const { first, second } = await updated();
  const done = await back();
  const fingerprint = await fingerprintOf(first);
  const tls = { names: [NAME], fingerprint, reloaded: 'command cp', served: `127.0.0.1:${service.port}` };
  expect(done).toMatchObject({ release: '1', tls });
  expect(await service.served()).toBe(fingerprint);
  expect(await inPlace('privkey.pem')).toBe(first.keyPEM);
  const receipt = await readFile(done.receipt, 'utf8');
  expect(JSON.parse(receipt).signed.tls).toMatchObject({ fingerprint });
  expect(leakIn(JSON.stringify(done)) ?? leakIn(receipt) ?? (await leakInState(lab.stateDir))).toBeUndefined();
  await back();
  expect(await service.served()).toBe(await fingerprintOf(second));
});

it('is undone whole where the former one is not served', async () => {
  const { second } = await updated();
  const refused = back({ reload: 'true', probeTimeoutMs: 300 });
  await expect(refused).rejects.toMatchObject({ code: 'TLS_NOT_SERVED' });
  expect(await inPlace('privkey.pem')).toBe(second.keyPEM);
  expect(await service.served()).toBe(await fingerprintOf(second));
  expect((await (await openState(lab.stateDir)).findCurrentSequence()) ?? 0).toBe(2);
});

it('does not bring back one that has ended by the clock of the site, and says so', async () => {
  const { second } = await updated();
  const done = await back({ now: inDays(100) });
  expect(done).toMatchObject({ release: '1' });
  expect(done).not.toHaveProperty('tls');
  expect(done.warnings).toContainEqual(
    expect.stringMatching(/fullchain\.pem stays as it is: the certificate from before has ended on 2027-02-21/),
  );
  expect(await inPlace('privkey.pem')).toBe(second.keyPEM);
  expect(await service.served()).toBe(await fingerprintOf(second));
});

it('leaves one that was renewed since, with its key, also where only the certificate was', async () => {
  const { second } = await updated();
  const renewed = await office.issue({ keys: second.keys, notAfter: inDays(300) });
  await lab.import(await lab.overlay(site, [office.chainFile(renewed)]), serving());
  const done = await back();
  expect(done).toMatchObject({ release: '1' });
  expect(done.warnings).toContainEqual(expect.stringMatching(/fullchain\.pem was renewed since and stays as it is/));
  expect(await inPlace('privkey.pem')).toBe(second.keyPEM);
  expect(await service.served()).toBe(await fingerprintOf(renewed));
});

it('brings back the one that an overlay beside the release has replaced', async () => {
  const [first, second] = [await office.issue(), await office.issue({ notAfter: inDays(200) })];
  await lab.import((await release('1', first)).path);
  await service.start();
  const { path } = await lab.release({ release: '2', fields: { tls: { dir: DIR, names: [NAME] } } });
  // of a folder the one release is taken, and the overlay beside it
  const stick = await lonely(path, await overlay(second));
  await lab.import(stick, serving());
  expect(await service.served()).toBe(await fingerprintOf(second));
  expect(await back()).toMatchObject({ tls: { fingerprint: await fingerprintOf(first) } });
  expect(await service.served()).toBe(await fingerprintOf(first));
});

it('brings back what was here before ferry, as it was', async () => {
  const found = await office.issue();
  const folder = join(lab.prefix, DIR);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'fullchain.pem'), `${found.pem}${office.intermediate.pem}`);
  await writeFile(join(folder, 'privkey.pem'), found.keyPEM, { mode: 0o640 });
  await service.start();
  const next = await office.issue({ notAfter: inDays(200) });
  await lab.import((await release('1', next)).path, serving());
  expect(await service.served()).toBe(await fingerprintOf(next));
  expect(await back()).toMatchObject({ sequence: 0, tls: { fingerprint: await fingerprintOf(found) } });
  expect(await service.served()).toBe(await fingerprintOf(found));
  expect((await lstat(join(folder, 'privkey.pem'))).mode).toBe(0o100640);
});

it('lets the same bundle come again, with a certificate for a key that waits no more', async () => {
  const first = await office.issue();
  const requested = await office.issue({ notAfter: inDays(200) });
  await lab.import((await release('1', first)).path);
  await service.start();
  const spki = spkiOf(requested.keyPEM);
  const waiting = { spki, names: [NAME], ips: [], made: NOW, csrDER: Buffer.of(0) };
  await keepWaiting(await openState(lab.stateDir), requested.keyPEM, waiting);
  const fields = { tls: { dir: DIR, names: [NAME] } };
  const { path } = await lab.release({ release: '2', fields, sites: { [site]: [office.chainFile(requested)] } });
  await lab.import(path, serving());
  await back();
  expect(await service.served()).toBe(await fingerprintOf(first));
  await lab.import(path, { ...serving(), allowDowngrade: true, reason: 'again' });
  expect(await service.served()).toBe(await fingerprintOf(requested));
  expect(await inPlace('privkey.pem')).toBe(requested.keyPEM);
});

/** A folder with these two alone. */
async function lonely(...paths: readonly string[]): Promise<string> {
  const dir = join(dirname(paths[0] ?? ''), 'stick');
  await mkdir(dir);
  for (const path of paths) await rename(path, join(dir, path.split('/').at(-1) ?? ''));
  return dir;
}

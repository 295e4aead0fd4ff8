/** A certificate that a bundle brings is proven before anything is changed, and served, or the whole import is undone. */

import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { wordsFor } from '../../src/cli/words.ts';
import type { FerryError } from '../../src/errors.ts';
import { writeSupport } from '../../src/install/index.ts';
import { keepWaiting, listWaiting } from '../../src/install/tls/pending.ts';
import { generateIdentity } from '../../src/seal/index.ts';
import { findState, openState } from '../../src/state/index.ts';
import { makeKey, makeRequest } from '../../src/tls/index.ts';
import type { TestEngine } from '../support/engine.ts';
import { makeImage, type TestImage } from '../support/images.ts';
import { CLIENT_AUTH, type Issued, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';
import { startTLSService, type TLSService } from '../support/tls-service.ts';
import { DIR, fingerprintOf, inDays, leakInState, makeOffice, NAME, type Office } from './carried-lab.ts';
import { type Lab, type LabSiteFile, NOW, snapshot, tagsOf, useSite } from './lab.ts';

const REASON = 'the authority gives no longer ones, ticket 4711';
const image = makeImage({ name: 'ghcr.io/atrium/proxy:1', layers: [{ files: { a: 'a' } }] });
const other = makeImage({ name: 'ghcr.io/atrium/proxy:2', layers: [{ files: { a: 'b' } }] });

let engine: TestEngine;
let lab: Lab;
let office: Office;
let site: string;
let recipient: string;
let service: TLSService;

useSite((made) => {
  ({ engine, lab } = made);
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

const fields = { tls: { dir: DIR, names: [NAME] } };
const release = (version: string, more = {}) => lab.release({ release: version, fields, ...more });
const chainPath = () => join(lab.prefix, DIR, 'fullchain.pem');
const keyPath = () => join(lab.prefix, DIR, 'privkey.pem');
const sealed = (issued: Issued) => office.sealed(issued, recipient);
const overlay = (...files: readonly LabSiteFile[]) => lab.overlay(site, files);
const serving = () => ({ reload: service.reload, probe: { host: '127.0.0.1', port: service.port } });

/** A site with release 1 and a certificate that is served. */
async function servedSite(options = {}, images: readonly TestImage[] = []): Promise<Issued> {
  const first = await office.issue(options);
  await lab.import((await release('1', { images })).path);
  await lab.import(await overlay(await sealed(first)));
  await service.start();
  return first;
}

/** Of what an import leaves; the folder of kept bytes stays, empty. */
async function look(): Promise<unknown> {
  const found = (await snapshot(engine, lab)) as { readonly releases: readonly string[] };
  return { ...found, releases: found.releases.filter((line) => !line.includes('/kept 4')) };
}

/** The status that the command line ends with. */
const exitOf = (error: FerryError) => wordsFor(error.errors[0] ?? error).exit;

/** The error of an import that changes nothing. */
async function refusal(path: string, options: Parameters<Lab['import']>[1] = {}): Promise<FerryError> {
  const before = await look();
  const error: unknown = await lab.import(path, options).then(
    () => new Error('expected a refusal'),
    (thrown: unknown) => thrown,
  );
  expect(await look()).toEqual(before);
  expect(leakIn(String(error))).toBeUndefined();
  return error as FerryError;
}

const auditText = () => readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');

describe('a sealed certificate in an overlay', () => {
  it('is installed with its key, reloaded and seen at the live port', async () => {
    const first = await servedSite();
    const next = await office.issue({ notAfter: inDays(200) });
    const done = await lab.import(await overlay(await sealed(next)), serving());
    const fingerprint = await fingerprintOf(next);
    expect(done).toMatchObject({
      action: 'installed',
      tls: { action: 'installed', names: [NAME], notAfter: inDays(200), issuer: 'Test Intermediate', fingerprint },
      warnings: [],
    });
    expect(done.tls).toMatchObject({ reloaded: 'command cp', served: `127.0.0.1:${service.port}` });
    expect(await service.served()).toBe(fingerprint);
    // as servers read them: no root, and no key that others may read
    expect(await readFile(chainPath(), 'utf8')).toBe(`${next.pem}${office.intermediate.pem}`);
    expect(await readFile(keyPath(), 'utf8')).toBe(next.keyPEM);
    expect([(await stat(chainPath())).mode & 0o777, (await stat(keyPath())).mode & 0o777]).toEqual([0o644, 0o600]);
    expect(await auditText()).toContain(`"certificate":"${fingerprint}"`);
    expect(leakIn(JSON.stringify(done))).toBeUndefined();
    expect(await leakInState(lab.stateDir)).toBeUndefined();
    const { dir } = await writeSupport({
      ...{ stateDir: lab.stateDir, outDir: join(lab.dir, 'out'), engine: lab.connect, prefix: lab.prefix },
      ...{ version: '0', secrets: [], now: NOW },
    });
    expect(await leakInState(dir)).toBeUndefined();
    expect(await readFile(keyPath(), 'utf8')).not.toBe(first.keyPEM);
    // once, and it is not judged again, also when it has ended meanwhile
    const again = await lab.import(await overlay(await sealed(next)), { ...serving(), now: inDays(300) });
    expect(again).toMatchObject({ action: 'present', tls: { action: 'same' } });
    expect(again.tls).not.toHaveProperty('reloaded');
  });

  it('that is not served leaves the former one in its place, and served', async () => {
    const first = await servedSite();
    const next = await overlay(await sealed(await office.issue({ notAfter: inDays(200) })));
    const error = await refusal(next, { ...serving(), reload: 'true', probeTimeoutMs: 300 });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(error.hint).toContain(`the former certificate is back, and served at 127.0.0.1:${service.port}`);
    expect(await service.served()).toBe(await fingerprintOf(first));
    // so does one whose reload fails
    expect(await refusal(next, { ...serving(), reload: 'exit 3' })).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(await service.served()).toBe(await fingerprintOf(first));
  });

  it('is refused where its key travels in the clear, or is sealed for another', async () => {
    await servedSite();
    const next = await office.issue({ notAfter: inDays(200) });
    const text = `${office.chain(next)}${next.keyPEM}`;
    for (const role of ['certificate', 'chain']) {
      const error = await refusal(await overlay({ name: 'tls.pem', role, text }));
      expect(error).toMatchObject({ code: 'TLS_KEY_UNSEALED' });
      expect(exitOf(error)).toBe(3);
    }
    const { recipient: theirs } = await generateIdentity();
    const foreign = await refusal(await overlay(await office.sealed(next, theirs)));
    expect(foreign).toMatchObject({ code: 'SITE_FILES_UNOPENED' });
  });

  it('that ends sooner, or is for fewer names, is shown by a dry run, and taken for a reason', async () => {
    await servedSite({ names: [NAME, 'old.test'] });
    const path = await overlay(await sealed(await office.issue({ notAfter: inDays(30) })));
    const error = await refusal(path);
    expect(error.errors.map(({ code }) => code)).toEqual(['TLS_NAME_DROPPED', 'TLS_SHORTER']);
    expect(exitOf(error)).toBe(1);
    const allowed = { allowShorter: true, allowFewerNames: true };
    expect(await refusal(path, allowed)).toMatchObject({ code: 'REASON_MISSING' });
    const before = await look();
    const planned = await lab.import(path, { ...allowed, reason: REASON, dryRun: true, ...serving() });
    expect(planned).toMatchObject({
      action: 'planned',
      tls: { names: [NAME], notAfter: inDays(30), reload: 'command cp', probe: `127.0.0.1:${service.port}` },
      plan: {
        files: [
          { name: 'fullchain.pem', why: 'site' },
          { name: 'privkey.pem', why: 'site' },
        ],
      },
    });
    expect(leakIn(JSON.stringify(planned))).toBeUndefined();
    expect(await look()).toEqual(before);
    expect(await lab.import(path, { ...allowed, reason: REASON })).toMatchObject({ action: 'installed' });
    for (const flag of ['--allow-shorter', '--allow-fewer-names']) {
      expect(await auditText()).toContain(`"facts":{"flag":"${flag}","reason":"${REASON}"}`);
    }
  });

  it('stays away where the operator keeps what is here: certificate and key together', async () => {
    await servedSite();
    const own = await office.issue({ notAfter: inDays(300) });
    await writeFile(chainPath(), `${own.pem}${office.intermediate.pem}`);
    await writeFile(keyPath(), own.keyPEM);
    const path = await overlay(await sealed(await office.issue({ notAfter: inDays(310) })));
    expect((await refusal(path)).errors.map(({ code }) => code)).toEqual(['LOCAL_EDIT', 'LOCAL_EDIT']);
    const kept = await lab.import(path, { keepLocal: ['fullchain.pem'], reason: REASON, ...serving() });
    expect(kept).toMatchObject({ action: 'present', tls: { action: 'kept', fingerprint: await fingerprintOf(own) } });
    expect(await readFile(keyPath(), 'utf8')).toBe(own.keyPEM);
    await lab.import(path, { replace: ['privkey.pem'], reason: REASON });
    expect(await readFile(chainPath(), 'utf8')).not.toContain(own.pem);
  });
});

describe('a certificate that is not good', () => {
  const cases: [string, (first: Issued) => Promise<Issued | string>, string][] = [
    ['has ended', () => office.issue({ notAfter: inDays(-1) }), 'TLS_EXPIRED'],
    ['is not valid yet', () => office.issue({ notBefore: inDays(2), notAfter: inDays(200) }), 'TLS_NOT_YET_VALID'],
    ['is for another name', () => office.issue({ names: ['other.test'] }), 'TLS_NAME_MISSING'],
    ['is not for servers', () => office.issue({ usages: [CLIENT_AUTH] }), 'TLS_NOT_FOR_SERVERS'],
    ['is of an authority that nobody here knows', strangers, 'TLS_CHAIN_INCOMPLETE'],
    ['lacks its intermediate', async () => withKey((one) => `${one.pem}${office.root.pem}`), 'TLS_CHAIN_INCOMPLETE'],
    [
      'has the key of another',
      async (first) => `${office.chain(await office.issue())}${first.keyPEM}`,
      'TLS_KEY_MISMATCH',
    ],
    ['is no certificate', async () => '<html>log in</html>', 'TLS_UNREADABLE'],
  ];

  async function withKey(chain: (issued: Issued) => string): Promise<string> {
    const one = await office.issue({ notAfter: inDays(200) });
    return `${chain(one)}${one.keyPEM}`;
  }

  async function strangers(): Promise<string> {
    const one = await (await makeRoot('Theirs')).issue({ names: [NAME], notAfter: inDays(200) });
    plant(one.keyPEM);
    return `${one.pem}${one.keyPEM}`;
  }

  it('leaves every file as it was, and says what is wrong', async () => {
    const first = await servedSite();
    for (const [what, make, code] of cases) {
      const made = await make(first);
      const file = typeof made === 'string' ? office.sealed(first, recipient, made) : sealed(made);
      const error = await refusal(await overlay(await file), serving());
      const found = error.errors.length > 0 ? error.errors.map((one) => one.code) : [error.code];
      expect(found, what).toContain(code);
      expect(exitOf(error), what).toBe(1);
    }
    const alone = office.chainFile(await office.issue({ notAfter: inDays(300) }));
    expect(await refusal(await overlay(alone))).toMatchObject({ code: 'TLS_NO_KEY' });
    const outside = { ...(await sealed(await office.issue({ notAfter: inDays(200) }))), install: '/etc/ssl/private' };
    expect(await refusal(await overlay(outside))).toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    expect(await refusal(await overlay(await sealed(first), alone))).toMatchObject({ code: 'DESTINATION_FORBIDDEN' });
    expect(await service.served()).toBe(await fingerprintOf(first));
    expect(await auditText()).toContain('"event":"refusal"');
  });

  it('is told beside all else that is in the way', async () => {
    const files = [
      { name: 'a.conf', text: 'a', install: '/etc/other/a.conf' },
      await sealed(await office.issue({ names: ['other.test'], notAfter: inDays(-1) })),
    ];
    const error = await refusal((await release('2', { sites: { [site]: files } })).path);
    expect(error.errors.map(({ code }) => code)).toEqual(['DESTINATION_FORBIDDEN', 'TLS_EXPIRED', 'TLS_NAME_MISSING']);
    expect(exitOf(error)).toBe(3);
    // so is a release that would reload what is none of its own
    const reload = { service: 'proxy', signal: 'SIGHUP' };
    const sites = { [site]: [await sealed(await office.issue())] };
    const forbidden = await release('3', { sites, fields: { tls: { ...fields.tls, reload } } });
    expect(await refusal(forbidden.path)).toMatchObject({ code: 'RELOAD_FORBIDDEN' });
  });
});

describe('a chain for a key that is here', () => {
  it('takes the key that waits for it, which then waits no more', async () => {
    await servedSite();
    const state = await openState(lab.stateDir);
    const { keyPEM, spki } = await makeKey();
    plant(keyPEM);
    const { csrDER } = await makeRequest({ keyPEM, names: [NAME], ips: [] });
    await keepWaiting(state, keyPEM, { spki, names: [NAME], ips: [], made: NOW, csrDER });
    const issued = await issueFor(keyPEM);
    const done = await lab.import(await overlay(office.chainFile(issued)), serving());
    expect(done).toMatchObject({ action: 'installed', tls: { fingerprint: await fingerprintOf(issued) } });
    expect(await service.served()).toBe(await fingerprintOf(issued));
    expect(await readFile(keyPath(), 'utf8')).toBe(keyPEM);
    expect(await listWaiting((await findState(lab.stateDir)) ?? state)).toEqual([]);
    expect(await leakInState(lab.stateDir)).toBeUndefined();
    // and the installed one, where it is renewed for that
    const renewed = await issueFor(keyPEM, 300);
    const again = await lab.import(await overlay(office.chainFile(renewed)), serving());
    expect(again).toMatchObject({ files: [{ action: 'installed' }, { action: 'same' }] });
    expect(await service.served()).toBe(await fingerprintOf(renewed));
  });

  async function issueFor(keyPEM: string, days = 200): Promise<Issued> {
    const { createPrivateKey, createPublicKey, webcrypto } = await import('node:crypto');
    const der = createPublicKey(createPrivateKey(keyPEM)).export({ type: 'spki', format: 'der' });
    const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
    const publicKey = await webcrypto.subtle.importKey('spki', der, algorithm, true, ['verify']);
    return office.issue({ publicKey, notAfter: inDays(days) });
  }
});

describe('a certificate with a release', () => {
  it('that is not served undoes the whole import: names, files and what is served', async () => {
    const first = await servedSite({}, [image]);
    const files = [{ name: 'a.conf', text: 'two', install: '/etc/atrium/a.conf' }];
    const next = await office.issue({ notAfter: inDays(200) });
    const sites = { [site]: [await sealed(next)] };
    const { path } = await release('2', { images: [other], files, sites });
    const error = await refusal(path, { ...serving(), reload: 'true', probeTimeoutMs: 300 });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(await tagsOf(engine)).toEqual(expect.arrayContaining([image.name]));
    expect(await tagsOf(engine)).not.toContain(other.name);
    expect(await service.served()).toBe(await fingerprintOf(first));
    expect(await (await findState(lab.stateDir))?.findJournal()).toBeUndefined();
    // and one that is served stands in the receipt
    const done = await lab.import(path, serving());
    expect(await service.served()).toBe(await fingerprintOf(next));
    const { signed } = JSON.parse(await readFile(done.receipt ?? '', 'utf8'));
    expect(signed.tls).toEqual({
      ...{ names: [NAME], issuer: 'Test Intermediate', notAfter: inDays(200).toISOString() },
      fingerprint: await fingerprintOf(next),
    });
    expect(leakIn(JSON.stringify(signed))).toBeUndefined();
  });

  it('of a first import is looked for by nobody where nothing runs yet, and this site’s wins over the one for any', async () => {
    const own = await office.issue();
    const any = await office.issue();
    const sites = { any: [await sealed(any)], [site]: [await sealed(own)] };
    const done = await lab.import((await release('1', { sites })).path);
    expect(done).toMatchObject({ tls: { action: 'installed', fingerprint: await fingerprintOf(own) } });
    expect(done.tls).not.toHaveProperty('served');
    expect(done.warnings).toContainEqual(expect.stringMatching(/^nothing was reloaded: /));
  });
});

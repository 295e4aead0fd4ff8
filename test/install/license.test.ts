/** A licence without a bundle: installed whole or not at all, the old one kept, and what the product does with it told. */

import { chmod, chown, cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { wordsFor } from '../../src/cli/words.ts';
import { DockerError } from '../../src/docker/index.ts';
import type { FerryError } from '../../src/errors.ts';
import {
  type InstallLicenseOptions,
  installLicense,
  recoverSite,
  rollBack,
  showLicense,
  siteStatus,
} from '../../src/install/index.ts';
import { digestOf } from '../../src/oci/index.ts';
import { generateIdentity, sealFor } from '../../src/seal/index.ts';
import type { WholeIdentity } from '../../src/site/index.ts';
import { runFerry } from '../support/cli.ts';
import { busyboxImage, type TestEngine } from '../support/engine.ts';
import { startKilledAt, traceFileCalls } from '../support/killed-ferry.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { countChanges, dieAt } from './dying.ts';
import { type Lab, NOW, snapshot, useSite } from './lab.ts';

const PLACE = '/etc/atrium/license.blob';
const REASON = 'the vendor took a year back, ticket 4711';
const issuer = licenseIssuer();

let engine: TestEngine;
let lab: Lab;
let identity: WholeIdentity;

useSite((made) => {
  ({ engine, lab } = made);
});

beforeEach(async () => {
  identity = await lab.identity();
});

const inDays = (days: number): number => NOW.getTime() / 1000 + days * 86_400;
const token = (claims: object = {}, by = issuer): string => by.issue({ product: 'atrium', ...claims });
const release = (version: string, more: object = {}, license: object = { publicKey: issuer.publicDER }) =>
  lab.release({
    release: version,
    fields: { license: { install: PLACE, ...license } },
    ...more,
  });
const withLicense = (text: string) => ({
  sites: { any: [{ name: 'license.blob', role: 'license', text, mode: '0600' }] },
});
const standing = (path = PLACE): Promise<string> => readFile(join(lab.prefix, path), 'utf8');
const noEngine = async (): Promise<never> => {
  throw new DockerError('connect: no engine here', { code: 'ENGINE_NOT_RUNNING' });
};

/** Writes a licence onto the medium and installs it. */
async function install(text: string | Uint8Array, options: Partial<InstallLicenseOptions> = {}) {
  const path = join(lab.medium, 'new.lic');
  await writeFile(path, text);
  const { stateDir, prefix } = lab;
  return installLicense({ path, stateDir, prefix, engine: noEngine, now: NOW, ...options });
}

const show = (now = NOW) => showLicense({ stateDir: lab.stateDir, prefix: lab.prefix, now });

/** The same site once more, elsewhere. */
async function copySite(from: string, to: string): Promise<void> {
  for (const part of ['state', 'prefix']) {
    await cp(join(from, part), join(to, part), { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }
}

/** The error of an install that changes nothing. */
async function refusal(text: string | Uint8Array, options: Partial<InstallLicenseOptions> = {}): Promise<FerryError> {
  const before = await snapshot(engine, lab);
  const error: unknown = await install(text, options).then(
    () => new Error('expected a refusal'),
    (thrown: unknown) => thrown,
  );
  expect(await snapshot(engine, lab)).toEqual(before);
  expect((await auditLines()).at(-1)).toMatchObject({ event: 'refusal', facts: { code: (error as FerryError).code } });
  return error as FerryError;
}

async function auditLines(): Promise<{ event: string; facts?: Record<string, unknown> }[]> {
  const text = await readFile(join(lab.stateDir, 'audit.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

describe('a licence that is installed', () => {
  const old = token({ sub: 'ACME', exp: inDays(20) });
  beforeEach(async () => {
    await lab.import((await release('1', withLicense(old))).path);
  });

  it('takes the place of the present one, byte for byte, and that one is kept', async () => {
    const next = `${token({ sub: 'ACME', site: identity.name, exp: inDays(400) })}\r\n`;
    const done = await install(next);
    const kept = join(lab.stateDir, 'releases/1/kept', digestOf(Buffer.from(old)).replace('sha256:', ''));
    expect(done).toEqual({
      action: 'installed',
      path: join(lab.prefix, PLACE),
      digest: digestOf(Buffer.from(next)),
      kind: 'jws',
      isProven: true,
      subject: 'ACME',
      product: 'atrium',
      site: identity.name,
      validUntil: new Date(inDays(400) * 1000),
      graceUntil: new Date(inDays(430) * 1000),
      readOnlyFrom: new Date(inDays(430) * 1000),
      mode: 'valid',
      daysLeft: 400,
      previous: { digest: digestOf(Buffer.from(old)), kept },
      recovered: null,
      warnings: [],
    });
    expect(await standing()).toBe(next);
    expect(await readFile(kept, 'utf8')).toBe(old);
    expect((await stat(join(lab.prefix, PLACE))).mode & 0o777).toBe(0o600);
    expect((await auditLines()).at(-1)).toMatchObject({
      event: 'license',
      facts: {
        path: join(lab.prefix, PLACE),
        validUntil: new Date(inDays(400) * 1000).toISOString().replace('.000', ''),
      },
    });
    expect(await readdir(lab.stateDir)).not.toContain('journal.json');
  });

  it('belongs to the user whom the operator gave the present one to', async () => {
    await chown(join(lab.prefix, PLACE), 4711, 4712);
    await chmod(join(lab.prefix, PLACE), 0o440);
    await install(token({ exp: inDays(400) }));
    expect(await stat(join(lab.prefix, PLACE))).toMatchObject({ uid: 4711, gid: 4712, mode: 0o100440 });
  });

  it('is no edit by hand for the next import, and stays when that brings none', async () => {
    const next = token({ exp: inDays(400) });
    await install(next);
    await lab.import((await release('2')).path);
    expect(await standing()).toBe(next);
    const status = await siteStatus({ stateDir: lab.stateDir, engine: lab.connect, prefix: lab.prefix, now: NOW });
    expect(status).toMatchObject({ files: [{ path: join(lab.prefix, PLACE), ok: true }], license: { daysLeft: 400 } });
    const third = await release('3', withLicense(token({ exp: inDays(500) })));
    await lab.import(third.path);
    expect((await show())?.daysLeft).toBe(500);
  });

  it('stays when the release is rolled back: a licence does not go back with the code', async () => {
    await lab.import((await release('2')).path);
    const next = token({ exp: inDays(400) });
    await install(next);
    const back = await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(back).toMatchObject({
      sequence: 1,
      warnings: expect.arrayContaining([`${PLACE} was renewed since and stays as it is`]),
    });
    expect(await standing()).toBe(next);
    expect(await show()).toMatchObject({ mode: 'valid', daysLeft: 400 });
    const again = await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(again.sequence).toBe(2);
    expect(await standing()).toBe(next);
  });

  it('takes the place of one that was changed by hand, and that is kept too', async () => {
    await writeFile(join(lab.prefix, PLACE), 'by hand');
    const done = await install(token({ exp: inDays(400) }));
    expect(await readFile(done.previous?.kept ?? '', 'utf8')).toBe('by hand');
  });

  it('is the one that is there already: nothing to do, and it is not judged again', async () => {
    await install(token({ exp: inDays(1) }), { allowShorter: true, reason: REASON });
    const before = await snapshot(engine, lab);
    const lines = (await auditLines()).length;
    const text = await standing();
    const later = new Date(NOW.getTime() + 5 * 86_400_000);
    const done = await install(text, { now: later });
    expect(done).toMatchObject({ action: 'present', mode: 'grace', daysLeft: 26 });
    expect(done).not.toHaveProperty('previous');
    expect(await snapshot(engine, lab)).toEqual(before);
    expect(await auditLines()).toHaveLength(lines);
  });

  it('is not refused any more when the release has another key since: a person is told', async () => {
    const text = await standing();
    await lab.import((await release('2', {}, { publicKey: licenseIssuer().publicDER })).path);
    const done = await install(text);
    expect(done).toMatchObject({ action: 'present', warnings: [expect.stringContaining('one that does not fit')] });
    expect((await show())?.problem).toContain('one that does not fit');
  });

  it('was put there by hand before: that is written down', async () => {
    const next = token({ exp: inDays(400) });
    await writeFile(join(lab.prefix, PLACE), next);
    expect((await show())?.daysLeft).toBe(400);
    const status = () => siteStatus({ stateDir: lab.stateDir, engine: lab.connect, prefix: lab.prefix, now: NOW });
    expect((await status()).files).toMatchObject([{ ok: false }]);
    expect(await install(next)).toMatchObject({ action: 'installed', digest: digestOf(Buffer.from(next)) });
    expect((await status()).files).toMatchObject([{ ok: true }]);
    expect(await install(next)).toMatchObject({ action: 'present' });
  });

  it('is not seen by a container that mounts that one file: an engine that answers says so', async () => {
    const name = 'ghcr.io/atrium/box:1';
    await busyboxImage(engine, { name, layers: [{ files: { inside: 'x' } }] });
    const mount = `${join(lab.prefix, PLACE)}:/license:ro`;
    const run = [
      'run',
      '--detach',
      '--net=none',
      '--name',
      'server',
      '--volume',
      mount,
      name,
      '/bin/busybox',
      'sleep',
      '600',
    ];
    await engine.docker(...run);
    const done = await install(token({ exp: inDays(400) }), { engine: lab.connect });
    expect(done.recreate).toEqual([{ container: 'server', path: join(lab.prefix, PLACE) }]);
  });

  it('may end sooner for a reason, which is written down', async () => {
    const shorter = token({ exp: inDays(19) });
    const error = await refusal(shorter);
    expect(error).toMatchObject({
      code: 'LICENSE_SHORTER',
      hint: 'take it with --allow-shorter, and say why with --reason TEXT',
    });
    expect(wordsFor(error).exit).toBe(1);
    await expect(install(shorter, { allowShorter: true })).rejects.toMatchObject({ code: 'REASON_MISSING' });
    expect(await install(shorter, { allowShorter: true, reason: REASON })).toMatchObject({ daysLeft: 19 });
    expect((await auditLines()).slice(-2)).toMatchObject([
      { event: 'override', facts: { flag: '--allow-shorter', reason: REASON } },
      { event: 'license' },
    ]);
  });

  it('came sealed for this site', async () => {
    const next = token({ exp: inDays(400) });
    const sealed = await sealFor(Buffer.from(next), identity.age.recipient);
    expect(await install(sealed)).toMatchObject({ action: 'installed', digest: digestOf(Buffer.from(next)) });
    expect(await standing()).toBe(next);
    const other = await sealFor(Buffer.from(next), (await generateIdentity()).recipient);
    const error = await refusal(other);
    expect([error.code, wordsFor(error).exit]).toEqual(['NOT_FOR_US', 3]);
    const damaged = Buffer.from(await sealFor(Buffer.from(next), identity.age.recipient));
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    expect((await refusal(damaged)).code).toBe('SEAL_INVALID');
  });

  it.each([
    ['has ended', () => token({ exp: inDays(-1) }), 'LICENSE_ENDED', 1],
    ['has not begun', () => token({ nbf: inDays(2), exp: inDays(400) }), 'LICENSE_NOT_YET', 1],
    ['is for another product', () => issuer.issue({ product: 'nimbus', exp: inDays(400) }), 'LICENSE_OTHER_PRODUCT', 1],
    ['is for another site', () => token({ site: '0123456789abcdef', exp: inDays(400) }), 'LICENSE_OTHER_SITE', 3],
    ['is signed by another', () => token({ exp: inDays(400) }, licenseIssuer()), 'LICENSE_SIGNATURE', 1],
    ['is not signed', () => JSON.stringify({ product: 'atrium' }), 'LICENSE_SIGNATURE', 1],
    ['is a page', () => '<html>log in</html>', 'LICENSE_IS_HTML', 1],
    ['is empty', () => '\n', 'LICENSE_EMPTY', 1],
    ['is endless', () => 'x'.repeat(1024 ** 2 + 1), 'LICENSE_TOO_LARGE', 1],
    ['is more than endless', () => 'x'.repeat(1024 ** 2 * 2), 'LICENSE_TOO_LARGE', 1],
  ])('and %s leaves every file as it was', async (_what, make, code, exit) => {
    const text = make();
    const error = await refusal(text);
    expect([error.code, wordsFor(error).exit]).toEqual([code, exit]);
    const said = JSON.stringify({ ...error, message: error.message }) + JSON.stringify(await auditLines());
    if (text.length > 100) expect(said).not.toContain(text.slice(20, 90));
    expect(await standing()).toBe(old);
  });

  it('is judged by the clock of the site, not by one that was set back', async () => {
    const ended = token({ exp: inDays(-1) });
    const back = new Date(NOW.getTime() - 400 * 86_400_000);
    expect((await refusal(ended, { now: back })).code).toBe('LICENSE_ENDED');
    expect((await show(back))?.daysLeft).toBe(20);
    const built = new Date(NOW.getTime() + 50 * 86_400_000);
    const { stateDir, prefix } = lab;
    expect(await showLicense({ stateDir, prefix, now: back, buildTime: built })).toMatchObject({ mode: 'read-only' });
  });
});

describe('where a licence goes', () => {
  it('is where the release says, with the folder, as only its own users may read it', async () => {
    await lab.import((await release('1')).path);
    expect(await show()).toEqual({ path: join(lab.prefix, PLACE), mode: 'unknown' });
    expect(await install(token({ exp: inDays(400) }))).toMatchObject({ action: 'installed' });
    expect(await stat(join(lab.prefix, PLACE))).toMatchObject({ mode: 0o100640 });
    expect(await show()).toMatchObject({ mode: 'valid' });
  });

  it('is known after a rollback though no release before had one', async () => {
    await lab.import((await lab.release({ release: '1' })).path);
    await lab.import((await release('2')).path);
    const next = token({ exp: inDays(400) });
    await install(next);
    await rollBack({ stateDir: lab.stateDir, prefix: lab.prefix, engine: lab.connect, now: NOW });
    expect(await standing()).toBe(next);
    expect(await show()).toMatchObject({ mode: 'valid', daysLeft: 400 });
    await lab.import((await release('3', withLicense(token({ exp: inDays(500) })))).path);
    expect(await show()).toMatchObject({ daysLeft: 500 });
  });

  it('is refused by a site of ferry 0.1.0 without a trace but its line: not even what it lacks of an identity is made', async () => {
    for (const name of ['age.txt', 'site.json']) await rm(join(lab.stateDir, 'identity', name));
    await refusal(token({ exp: inDays(-1) }));
    expect(await readdir(join(lab.stateDir, 'identity'))).toEqual(['sign.pem']);
    const sealed = await sealFor(Buffer.from(token()), (await generateIdentity()).recipient);
    expect((await refusal(sealed)).code).toBe('NOT_FOR_US');
    expect(await readdir(join(lab.stateDir, 'identity'))).toEqual(['sign.pem']);
  });

  it('is asked for where no release says it, and remembered', async () => {
    await lab.import((await lab.release({ release: '1' })).path);
    expect(await show()).toBeUndefined();
    expect(await refusal(token())).toMatchObject({
      code: 'LICENSE_PLACE',
      message: expect.stringContaining('no --to'),
    });
    const to = '/opt/atrium/own.lic';
    expect(await install(token({ exp: inDays(9) }), { to })).toMatchObject({ path: join(lab.prefix, to) });
    expect(await show()).toMatchObject({ path: join(lab.prefix, to), daysLeft: 9 });
    expect(await install(token({ exp: inDays(99) }))).toMatchObject({ path: join(lab.prefix, to) });
    await lab.import((await lab.release({ release: '2' })).path);
    expect(await show()).toMatchObject({ path: join(lab.prefix, to), daysLeft: 99 });
  });

  it('is nowhere else: not beside what the release says, not outside of the folders that are granted', async () => {
    await lab.import((await lab.release({ release: '1' })).path);
    for (const to of ['/etc/passwd', '/etc/atrium/../shadow', 'etc/atrium/x', '/etc/atrium', '/root/x', '']) {
      const error = await refusal(token(), { to });
      expect([to, error.code, wordsFor(error).exit]).toEqual([to, 'LICENSE_PLACE', 2]);
    }
    await writeFile(join(lab.stateDir, 'site.yaml'), 'folders: [/srv/licences]\n', { mode: 0o600 });
    expect(await install(token(), { to: '/srv/licences/atrium' })).toMatchObject({ action: 'installed' });
    await lab.import((await release('2')).path);
    expect(await refusal(token(), { to: '/srv/licences/atrium' })).toMatchObject({
      code: 'LICENSE_PLACE',
      hint: 'leave --to out',
    });
    expect(await install(token(), { to: PLACE })).toMatchObject({ action: 'installed' });
  });

  it('is reached over no link', async () => {
    await lab.import((await release('1')).path);
    await mkdir(join(lab.prefix, 'etc'), { recursive: true });
    const { symlink } = await import('node:fs/promises');
    await symlink('/tmp', join(lab.prefix, 'etc/atrium'));
    const error = await refusal(token());
    expect([error.code, wordsFor(error).exit]).toEqual(['DESTINATION_UNSAFE', 3]);
  });

  it('is no place on a host that knows no product, or is no site', async () => {
    expect(await refusal(token(), { to: PLACE })).toMatchObject({
      code: 'LICENSE_PLACE',
      hint: 'import a release or a catalogue first',
    });
    await lab.import(await lab.catalogue());
    const none = { stateDir: join(lab.dir, 'none') };
    await expect(install(token(), none)).rejects.toMatchObject({ code: 'NOT_PINNED' });
    expect(await readdir(lab.dir)).not.toContain('none');
    expect(await showLicense({ ...none, now: NOW })).toBeUndefined();
  });
});

describe('what a licence says', () => {
  it('may be nothing: it is carried, and a person is told', async () => {
    await lab.import((await release('1', {}, {})).path);
    const done = await install('SERIAL 1234-5678');
    expect(done).toMatchObject({
      mode: 'unknown',
      kind: 'opaque',
      warnings: ['new.lic does not say until when it is valid'],
    });
    const status = await siteStatus({ stateDir: lab.stateDir, engine: lab.connect, prefix: lab.prefix, now: NOW });
    expect(status.license).toMatchObject({ mode: 'unknown' });
    expect(status.attention).toEqual([]);
  });

  it.each([
    [15, 30, []],
    [14, 30, ['the licence ends in 14 days, and from 2027-01-06 the product is read-only']],
    [0.5, 30, ['the licence ends in 1 day, and from 2026-12-24 the product is read-only']],
    [-1, 30, ['the licence ended 2026-11-22, and in 29 days the product is read-only']],
    [-1, 7, ['the licence ended 2026-11-22, and in 6 days the product is read-only']],
    [-31, 30, ['the licence ended 2026-10-23, and the product is read-only since 2026-11-22']],
  ])('of an end in %s days with %s of grace is told where a person should look', async (days, graceDays, lines) => {
    await lab.import((await release('1', {}, { graceDays })).path);
    const long = new Date(NOW.getTime() - 100 * 86_400_000);
    await install(token({ exp: inDays(days) }), { now: long }).catch(() => undefined);
    await mkdir(join(lab.prefix, 'etc/atrium'), { recursive: true });
    if (days < 0) await writeFile(join(lab.prefix, PLACE), token({ exp: inDays(days) }));
    const status = await siteStatus({ stateDir: lab.stateDir, engine: lab.connect, prefix: lab.prefix, now: NOW });
    const renew = ': bring a new one, and install it with ferry license install';
    expect(status.attention).toEqual(lines.map((line) => `${line}${renew}`));
  });

  it('is not believed when somebody put another one there', async () => {
    await lab.import((await release('1', withLicense(token({ exp: inDays(400) })))).path);
    await writeFile(join(lab.prefix, PLACE), token({ exp: inDays(9999) }, licenseIssuer()));
    expect(await show()).toMatchObject({
      mode: 'unknown',
      problem: expect.stringContaining('got one that does not fit'),
    });
    await writeFile(join(lab.prefix, PLACE), token({ exp: inDays(400), site: 'elsewhere' }));
    expect(await show()).toMatchObject({ mode: 'valid', problem: expect.stringContaining('"elsewhere"') });
    const { attention } = await siteStatus({
      stateDir: lab.stateDir,
      engine: lab.connect,
      prefix: lab.prefix,
      now: NOW,
    });
    expect(attention.filter((line) => line.startsWith('the product will not take its licence'))).toHaveLength(1);
  });
});

describe('an install that is killed', () => {
  it('at any change is undone or finished by the next command, without an engine', async () => {
    const old = token({ exp: inDays(20) });
    await lab.import((await release('1', withLicense(old))).path);
    const next = token({ exp: inDays(400) });
    const path = join(lab.medium, 'new.lic');
    await writeFile(path, next);
    const scene = async (name: string) => {
      const dir = join(lab.dir, name);
      await copySite(lab.dir, dir);
      return { stateDir: join(dir, 'state'), prefix: join(dir, 'prefix'), dir };
    };
    const run = ({ stateDir, prefix }: { stateDir: string; prefix: string }) =>
      installLicense({ path, stateDir, prefix, engine: noEngine, now: NOW });
    const first = await scene('count');
    const count = await countChanges(() => run(first));
    expect(count).toBeGreaterThan(15);
    const seen = new Set<string>();
    for (let at = 0; at <= count; at++) {
      const one = await scene(`at-${at}`);
      await dieAt(at, () => run(one));
      await rm(join(one.stateDir, 'lock'), { force: true }); // its process is gone
      await recoverSite({ stateDir: one.stateDir, engine: noEngine, now: NOW });
      const { stateDir, prefix } = one;
      const text = await readFile(join(prefix, PLACE), 'utf8');
      seen.add(text);
      expect([old, next]).toContain(text);
      const status = await siteStatus({ stateDir, engine: noEngine, prefix, now: NOW });
      expect(status.files).toMatchObject([{ ok: true }]);
      expect(status.pending).toBeUndefined();
      const held = await readdir(join(stateDir, 'releases/1/kept')).catch(() => []);
      expect(held).toHaveLength(text === old ? 0 : 1);
      await expect(run(one)).resolves.toMatchObject({ action: text === old ? 'installed' : 'present' });
      await rm(one.dir, { recursive: true });
    }
    expect(seen).toEqual(new Set([old, next]));
  });

  it('as a process, right before a call that changes the disk, is brought to its end by the next install', async () => {
    const old = token({ exp: inDays(20) });
    await lab.import((await release('1', withLicense(old))).path);
    const next = token({ exp: inDays(400) });
    await writeFile(join(lab.medium, 'new.lic'), next);
    const args = ['license', 'install', join(lab.medium, 'new.lic'), '--json'];
    const scene = async (name: string) => {
      const dir = join(lab.dir, name);
      await copySite(lab.dir, dir);
      const host = { DOCKER_HOST: 'unix:///nowhere/docker.sock', HOME: lab.dir };
      return { FERRY_STATE: join(dir, 'state'), FERRY_PREFIX: join(dir, 'prefix'), ...host };
    };
    const { calls } = await traceFileCalls(args, { env: await scene('trace'), log: join(lab.dir, 'trace.log') });
    const renames = calls.filter(({ name }) => name.startsWith('rename'));
    expect(renames.length).toBeGreaterThan(5);
    for (const call of renames.filter((_, index) => index % 3 === 0)) {
      const env = await scene(`at-${call.name}-${call.at}`);
      expect((await startKilledAt(call, args, env).ended).isKilled).toBe(true);
      expect([old, next]).toContain(await readFile(join(env.FERRY_PREFIX, PLACE), 'utf8'));
      const again = await runFerry(args, { env });
      expect(again).toMatchObject({ status: 0, stdout: expect.stringContaining('"daysLeft":') });
      expect(await readFile(join(env.FERRY_PREFIX, PLACE), 'utf8')).toBe(next);
      expect(await readdir(join(env.FERRY_PREFIX, 'etc/atrium'))).toHaveLength(3); // ..data, one version, the link
    }
  });

  it('by the person puts everything back', async () => {
    await lab.import((await release('1')).path);
    const aborting = AbortSignal.abort();
    expect(await refusal(token({ exp: inDays(400) }), { signal: aborting })).toMatchObject({ code: 'INTERRUPTED' });
  });
});

/** A certificate without a bundle: killed anywhere it is the old one or the new one, and what is served is looked at. */

import { existsSync } from 'node:fs';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecureContext, createServer, type Server } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DockerError } from '../../src/docker/index.ts';
import { type InstallTLSOptions, installTLS, recoverSite, showTLS, siteStatus } from '../../src/install/index.ts';
import { tlsLines } from '../../src/install/status/tls.ts';
import { runFerry } from '../support/cli.ts';
import { startKilledAt } from '../support/killed-ferry.ts';
import { type Authority, type Issued, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';
import { countChanges, dieAt } from './dying.ts';

const NOW = new Date();
const DAY = 86_400_000;
const NAME = 'atrium.test';
const DIR = '/etc/atrium/tls';

let root: Authority;
let old: Issued;
let next: Issued;
let dir: string;
let servers: Server[] = [];

beforeAll(async () => {
  root = await makeRoot();
  old = await root.issue({ names: [NAME] });
  next = await root.issue({ names: [NAME], notAfter: new Date(Date.now() + 200 * DAY) });
  plant(old.keyPEM);
  plant(next.keyPEM);
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-tls-'));
  await mkdir(join(dir, 'P'));
  await writeFile(join(dir, 'root.pem'), root.pem);
  for (const [name, { pem, keyPEM }] of [
    ['old', old],
    ['next', next],
  ] as const) {
    await writeFile(join(dir, `${name}.pem`), `${pem}${keyPEM}`, { mode: 0o600 });
  }
});

afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  servers = [];
  await rm(dir, { recursive: true, force: true });
});

const noEngine = async (): Promise<never> => {
  throw new DockerError('connect: no engine here', { code: 'ENGINE_NOT_RUNNING' });
};
const at = (name: string): string => join(dir, 'P', DIR, name);
const stateDir = (): string => join(dir, 'S');
const install = (which: 'old' | 'next', options: Partial<InstallTLSOptions> = {}) =>
  installTLS({
    ...{ cert: join(dir, `${which}.pem`), ca: join(dir, 'root.pem'), stateDir: stateDir(), prefix: join(dir, 'P') },
    ...{ engine: noEngine, now: NOW },
    ...options,
  });
const recover = () => recoverSite({ stateDir: stateDir(), engine: noEngine, now: NOW });
const show = (probe?: { host: string; port: number }) =>
  showTLS({ stateDir: stateDir(), prefix: join(dir, 'P'), now: NOW, probe });

/** Which of the two stands there, both files of one. */
async function standing(): Promise<'old' | 'next'> {
  const [chain, key] = [await readFile(at('fullchain.pem'), 'utf8'), await readFile(at('privkey.pem'), 'utf8')];
  const found = (
    [
      ['old', old],
      ['next', next],
    ] as const
  ).find(([, { pem, keyPEM }]) => pem === chain && keyPEM === key);
  if (found === undefined) throw new Error('expected one pair, got halves of two');
  return found[0];
}

async function plainOld(): Promise<void> {
  await mkdir(join(dir, 'P', DIR), { recursive: true });
  await writeFile(at('fullchain.pem'), old.pem);
  await writeFile(at('privkey.pem'), old.keyPEM, { mode: 0o600 });
}

async function expectNoKeys(): Promise<void> {
  for (const name of ['journal.json', 'audit.jsonl']) {
    expect(leakIn(await readFile(join(stateDir(), name), 'utf8').catch(() => ''))).toBeUndefined();
  }
}

async function expectSettled(): Promise<void> {
  const which = await standing();
  if (which === 'next') {
    expect(await readlink(at('fullchain.pem'))).toBe('..data/fullchain.pem');
    expect(await readlink(at('privkey.pem'))).toBe('..data/privkey.pem');
  }
  expect(existsSync(join(stateDir(), 'journal.json'))).toBe(false);
  const left = (await readdir(join(dir, 'P', DIR))).filter((name) => /^\.\.[0-9a-f]{12}/.test(name));
  expect(left.length).toBeLessThanOrEqual(1);
}

describe('an install that is killed', () => {
  it('over plain files: any change may be the last, and recover ends it at the old or the new one', async () => {
    const scene = async () => {
      await rm(join(dir, 'P'), { recursive: true });
      await rm(stateDir(), { recursive: true, force: true });
      await plainOld();
    };
    await scene();
    const count = await countChanges(() => install('next'));
    expect(count).toBeGreaterThan(20);
    const ends = new Set<string>();
    // some of them, others each time; every change of a switch dies in switch-crash.test.ts
    const step = Math.ceil(count / 12);
    for (let change = Math.floor(Math.random() * step); change < count; change += step) {
      await scene();
      await dieAt(change, () => install('next'));
      await standing(); // a proxy that reads now gets a pair
      await expectNoKeys();
      // of this process, which lives on
      await rm(join(stateDir(), 'lock'), { force: true });
      await recover();
      await expectSettled();
      ends.add(await standing());
      await expectNoKeys();
    }
    expect(ends).toEqual(new Set(['old', 'next']));
  });

  it('by SIGKILL at random calls: the same, and bin/ferry recover needs no engine', async () => {
    const env = { DOCKER_HOST: 'unix:///nonexistent/docker.sock', HOME: dir };
    const place = ['--state', stateDir(), '--prefix', join(dir, 'P')];
    const typed = ['tls', 'install', '--cert', join(dir, 'next.pem'), '--ca', join(dir, 'root.pem'), ...place];
    const scene = async () => {
      await rm(join(dir, 'P'), { recursive: true });
      await rm(stateDir(), { recursive: true, force: true });
      await mkdir(join(dir, 'P'));
      await install('old');
    };
    for (let round = 0; round < 2; round += 1) {
      // the journal, the links and the version are each there by a rename
      const call = { name: 'rename', at: 1 + Math.floor(Math.random() * 10) };
      await scene();
      await startKilledAt(call, typed, env).ended;
      const before = await standing();
      const done = await runFerry(['recover', '--state', stateDir()], { env });
      expect(done, `rename ${call.at}`).toMatchObject({ status: 0 });
      await expectSettled();
      expect(['old', 'next']).toContain(before);
      expect((await install('next')).fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(await standing()).toBe('next');
    }
  });
});

/** Serves a pair; and whatever is installed by then, once a file says that it was told. */
async function serve(pair: Issued, { told }: { readonly told?: string } = {}): Promise<{ host: string; port: number }> {
  const contextOf = ({ pem, keyPEM }: Pick<Issued, 'pem' | 'keyPEM'>) =>
    createSecureContext({ cert: pem, key: keyPEM });
  const server = createServer({
    cert: pair.pem,
    key: pair.keyPEM,
    SNICallback: (_name, done) => {
      const isTold = told !== undefined && existsSync(told);
      void (
        isTold
          ? Promise.all([readFile(at('fullchain.pem'), 'utf8'), readFile(at('privkey.pem'), 'utf8')])
          : Promise.resolve([pair.pem, pair.keyPEM])
      ).then(([pem = '', keyPEM = '']) => done(null, contextOf({ pem, keyPEM })));
    },
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  servers.push(server);
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

describe('what is served', () => {
  it('is the new one after the reload, or the old one is back with its files', async () => {
    await install('old');
    const told = join(dir, 'told');
    const deaf = await serve(old);
    const failed = install('next', { probe: deaf, probeTimeoutMs: 300, reload: 'true' });
    await expect(failed).rejects.toMatchObject({ code: 'TLS_NOT_SERVED', hint: expect.stringContaining('is back') });
    expect(await standing()).toBe('old');
    const probe = await serve(old, { told });
    const done = await install('next', { probe, probeTimeoutMs: 5000, reload: `touch ${told}` });
    expect(done).toMatchObject({ action: 'installed', served: `127.0.0.1:${probe.port}`, reloaded: 'command touch' });
    expect(await standing()).toBe('next');
  });

  it('is looked at where nothing has to be installed, and reloaded where it is another', async () => {
    await install('next');
    const told = join(dir, 'told');
    const probe = await serve(old, { told });
    const before = (await lstat(at('..data'))).ino;
    const again = await install('next', { probe, reload: `touch ${told}` });
    expect(again).toMatchObject({ action: 'present', reloaded: 'command touch', served: `127.0.0.1:${probe.port}` });
    expect((await lstat(at('..data'))).ino).toBe(before);
    // and now it is right: nobody is told again
    expect(await install('next', { probe, reload: 'exit 9' })).toMatchObject({ action: 'present', warnings: [] });
  });

  it('is held against what is installed, in show and in a status', async () => {
    await install('next');
    const probe = await serve(old);
    expect(await show(probe)).toMatchObject({ served: { at: `127.0.0.1:${probe.port}`, same: false } });
    await writeFile(join(stateDir(), 'site.yaml'), `tls: {probe: '127.0.0.1:${probe.port}'}\n`, { mode: 0o600 });
    const status = await siteStatus({ stateDir: stateDir(), prefix: join(dir, 'P'), engine: noEngine, now: NOW });
    expect(status.attention).toContainEqual(expect.stringMatching(/serves another certificate than the installed one/));
    expect(await show(await serve(next))).toMatchObject({ served: { same: true } });
    const [server] = servers.splice(0, 1);
    await new Promise((resolve) => server?.close(resolve));
    expect(await show(probe)).toMatchObject({ served: { problem: expect.any(String) } });
  });
});

describe('tlsLines', () => {
  const until = (daysLeft: number, level: 'ok' | 'soon' | 'urgent' | 'critical' | 'ended' | 'not-yet') =>
    tlsLines({ path: '/etc/atrium/tls', notBefore: NOW, notAfter: NOW, daysLeft, level, keyMatches: true });

  it('says nothing of a certificate that lasts', () => {
    expect(until(31, 'ok')).toEqual([]);
  });

  it('has other words for each level', () => {
    const all = (['soon', 'urgent', 'critical', 'ended', 'not-yet'] as const).flatMap((level) => until(1, level));
    expect(new Set(all).size).toBe(5);
    expect(all[0]).toContain('in 1 day');
  });

  it('gives the names as a shell takes them, and of odd or many ones only how', () => {
    const soon = (names: readonly string[]) =>
      tlsLines({ path: '/x', notBefore: NOW, notAfter: NOW, daysLeft: 20, level: 'soon', names }).join();
    expect(soon(['a.example', '*.b.example', '10.0.0.5'])).toContain(
      "ferry tls request --name a.example --name '*.b.example' --ip 10.0.0.5 --out FILE",
    );
    for (const names of [['a;reboot'], ['1', '2', '3', '4', '5'], []])
      expect(soon(names)).toContain('request --name NAME --out FILE');
  });

  it('tells a key that is of another certificate, and what cannot be read', () => {
    expect(tlsLines({ path: '/x', keyMatches: false })).toEqual([expect.stringContaining('the key in /x is not that')]);
    expect(tlsLines({ path: '/x', problem: 'why' })).toEqual(['the certificate in /x cannot be read: why']);
  });
});

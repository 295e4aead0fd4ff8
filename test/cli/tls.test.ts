/** `ferry tls` as it is typed, on a host that is no site yet: no root, no release, no engine. */

import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { jsonResult, runFerry, runMain } from '../support/cli.ts';
import { type Authority, bundlePEM, type Issued, type IssueOptions, makeRoot } from '../support/pki.ts';
import { leakIn, plant } from '../support/secrets.ts';

const NOW = new Date();
const DAY = 86_400_000;
const NAME = 'atrium.test';
const inDays = (days: number): Date => new Date(NOW.getTime() + days * DAY);

let root: Authority;
let authority: Authority;
let other: Authority;
let dir: string;

beforeAll(async () => {
  root = await makeRoot();
  authority = await root.intermediate();
  other = await makeRoot('Somebody Else');
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-tls-'));
  await mkdir(join(dir, 'P'));
  await writeFile(join(dir, 'root.pem'), root.pem);
});

afterEach(() => rm(dir, { recursive: true, force: true }));

const HERE = ['--state', 'S', '--prefix', 'P'];
const env = { DOCKER_HOST: 'unix:///nonexistent/docker.sock', HOME: '/nonexistent' };
const at = (...path: string[]): string => join(dir, ...path);
const tlsFile = (name: string): string => at('P/etc/atrium/tls', name);
const ferry = (...args: string[]) => runMain(args, { cwd: dir, env, now: NOW });
const ferryAt = (now: Date, ...args: string[]) => runMain(args, { cwd: dir, env, now });
const install = (...args: string[]) => ferry('tls', 'install', ...args, '--ca', 'root.pem', ...HERE);
const request = (...args: string[]) => ferry('tls', 'request', ...args, '--state', 'S');

/** A certificate and its key on the medium. */
async function carry(options: IssueOptions = {}, by: Authority = authority): Promise<Issued> {
  const made = await by.issue({ names: [NAME], ...options });
  plant(made.keyPEM);
  await writeFile(at('chain.pem'), bundlePEM(made, ...(by === authority ? [authority] : [])));
  await writeFile(at('key.pem'), made.keyPEM);
  return made;
}

const PAIR = ['--cert', 'chain.pem', '--key', 'key.pem'];

/** All that stands below a folder, to the inode, the time and the byte. */
async function disk(folder: string): Promise<readonly string[]> {
  const names = await readdir(at(folder), { recursive: true }).catch(() => ['none']);
  return Promise.all(
    names.toSorted().map(async (name) => {
      const path = at(folder, name);
      const stats = await lstat(path).catch(() => undefined);
      if (stats === undefined) return `${name}: none`;
      const text = stats.isSymbolicLink() ? await readlink(path) : stats.isFile() ? await readFile(path, 'utf8') : '';
      // what is in a folder is in the list; its own time may tell of a file that came and went
      return `${name} ${stats.ino} ${stats.mode} ${stats.uid}:${stats.gid} ${stats.mtimeMs} ${text}`;
    }),
  );
}

/** All texts below the state but keys and what is kept. */
async function stateTexts(): Promise<string> {
  return readFile(at('S/audit.jsonl'), 'utf8');
}

describe('ferry tls install', () => {
  it('installs on a host with no root, no release and no engine, as links into one version', async () => {
    const made = await carry();
    const done = await runFerry(['tls', 'install', ...PAIR, '--ca', 'root.pem', '--json', ...HERE], { cwd: dir, env });
    expect(done.status).toBe(0);
    expect(jsonResult(done)).toMatchObject({
      event: 'result',
      action: 'installed',
      dir: at('P/etc/atrium/tls'),
      names: [NAME],
      issuer: 'Test Intermediate',
      daysLeft: 90,
      key: 'given',
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      files: [
        { path: tlsFile('fullchain.pem'), action: 'installed' },
        { path: tlsFile('privkey.pem'), action: 'installed' },
      ],
    });
    expect(await readlink(tlsFile('fullchain.pem'))).toBe('..data/fullchain.pem');
    expect(await readlink(tlsFile('privkey.pem'))).toBe('..data/privkey.pem');
    expect(await readlink(tlsFile('..data'))).toMatch(/^\.\.[0-9a-f]{12}$/);
    expect((await stat(tlsFile('privkey.pem'))).mode & 0o777).toBe(0o600);
    expect((await stat(tlsFile('fullchain.pem'))).mode & 0o777).toBe(0o644);
    expect(await readFile(tlsFile('fullchain.pem'), 'utf8')).toBe(bundlePEM(made, authority));
    expect(await readFile(tlsFile('privkey.pem'), 'utf8')).toBe(made.keyPEM);
    expect(await readdir(at('S'))).not.toContain('journal.json');
    expect(leakIn(await stateTexts())).toBeUndefined();
  });

  it('keeps the bytes of the one before, its owner, and says where they are', async () => {
    const first = await carry();
    await install(...PAIR);
    await chown(tlsFile('privkey.pem'), 4711, 4712);
    const next = await carry({ notAfter: inDays(200) });
    const done = await install(...PAIR, '--json');
    const { previous } = jsonResult(done) as { previous: { kept: string[]; fingerprint: string } };
    expect(done.status).toBe(0);
    expect(previous.fingerprint).toMatch(/^[0-9a-f]{64}$/);
    const kept = await Promise.all(previous.kept.map((path) => readFile(path, 'utf8')));
    expect(kept).toEqual([bundlePEM(first, authority), first.keyPEM]);
    expect((await stat(previous.kept[1] ?? '')).mode & 0o777).toBe(0o600);
    expect(await stat(tlsFile('privkey.pem'))).toMatchObject({ uid: 4711, gid: 4712, mode: 0o100600 });
    expect(await readFile(tlsFile('privkey.pem'), 'utf8')).toBe(next.keyPEM);
  });

  it('takes plain files of before over as links, those of equal content too', async () => {
    const first = await carry();
    await mkdir(at('P/etc/atrium/tls'), { recursive: true });
    await writeFile(tlsFile('fullchain.pem'), bundlePEM(first, authority));
    await writeFile(tlsFile('privkey.pem'), first.keyPEM, { mode: 0o644 });
    await writeFile(tlsFile('dhparam.pem'), 'theirs');
    const same = jsonResult(await install(...PAIR, '--json'));
    expect(same).toMatchObject({ action: 'installed' });
    expect(same).not.toHaveProperty('previous');
    expect(await readlink(tlsFile('fullchain.pem'))).toBe('..data/fullchain.pem');
    expect(await readFile(tlsFile('privkey.pem'), 'utf8')).toBe(first.keyPEM);
    expect((await stat(tlsFile('privkey.pem'))).mode & 0o777).toBe(0o600);
    expect(await readFile(tlsFile('dhparam.pem'), 'utf8')).toBe('theirs');
    expect(jsonResult(await install(...PAIR, '--json'))).toMatchObject({ action: 'present' });
  });

  it('leaves the links of another program alone, says where they lead, and takes another folder', async () => {
    const first = await carry();
    await mkdir(at('P/etc/atrium/tls'), { recursive: true });
    await mkdir(at('P/archive'));
    await writeFile(at('P/archive/fullchain1.pem'), bundlePEM(first, authority));
    await symlink('../../../archive/fullchain1.pem', tlsFile('fullchain.pem'));
    const before = await disk('P');
    const refused = await install(...PAIR);
    expect(refused.status).toBe(3);
    expect(refused.stderr).toContain('fullchain.pem: expected a plain file or none, got a link to ../../../archive/');
    expect(refused.stderr).toContain('hint: choose another folder; or put a copy of the file in the place of the link');
    expect(await disk('P')).toEqual(before);
    expect((await install(...PAIR, '--dir', '/srv//tls/')).status).toBe(0);
    expect(await readlink(at('P/srv/tls/fullchain.pem'))).toBe('..data/fullchain.pem');
  });

  it('replaces a chain and a key that somebody has edited, and keeps what they were', async () => {
    await carry();
    await install(...PAIR);
    await rm(tlsFile('privkey.pem'));
    await writeFile(tlsFile('privkey.pem'), 'edited by hand');
    const next = await carry();
    expect((await ferryAt(NOW, 'tls', 'show', '--state', 'S', '--prefix', 'P')).stdout).toContain('is of another');
    const { previous } = jsonResult(await install(...PAIR, '--allow-shorter', '--reason', 'x', '--json')) as {
      previous: { kept: string[] };
    };
    expect(await readFile(previous.kept[1] ?? '', 'utf8')).toBe('edited by hand');
    expect(await readFile(tlsFile('privkey.pem'), 'utf8')).toBe(next.keyPEM);
    expect(await readlink(tlsFile('privkey.pem'))).toBe('..data/privkey.pem');
  });

  it('does nothing the second time', async () => {
    await carry();
    await install(...PAIR);
    const before = await disk('P');
    const again = await install(...PAIR);
    expect(again).toMatchObject({ status: 0, stderr: '' });
    expect(again.stdout).toContain('this certificate is installed already: no file was changed');
    expect(await disk('P')).toEqual(before);
    // the renewed chain of the key that is installed, alone
    expect((await install('--cert', 'chain.pem')).stdout).toContain('installed already');
  });

  it('goes where --dir says, and there again without it', async () => {
    await carry();
    await install(...PAIR, '--dir', '/srv/proxy/certs/');
    expect(await readlink(at('P/srv/proxy/certs/fullchain.pem'))).toBe('..data/fullchain.pem');
    const next = jsonResult(await install(...PAIR, '--json'));
    expect(next).toMatchObject({ action: 'present', dir: at('P/srv/proxy/certs') });
  });

  it('takes PKCS#12 with the passphrase of a file', async () => {
    const made = await carry();
    const pass = plant('correct horse');
    await writeFile(at('pass.txt'), `${pass}\n`);
    const words = ['pkcs12', '-export', '-in', 'chain.pem', '-inkey', 'key.pem', '-out', 'site.p12'];
    expect(spawnSync('openssl', [...words, '-passout', 'file:pass.txt'], { cwd: dir }).status).toBe(0);
    const refused = await install('--cert', 'site.p12');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('--passphrase-file');
    expect((await install('--cert', 'site.p12', '--passphrase-file', 'pass.txt')).status).toBe(0);
    const key = await readFile(tlsFile('privkey.pem'), 'utf8');
    expect(key).toBe(made.keyPEM);
    expect(await readFile(tlsFile('fullchain.pem'), 'utf8')).toBe(bundlePEM(made, authority));
  });

  it('puts the old one back where the reload fails, and says so', async () => {
    await carry();
    await install(...PAIR);
    const before = await disk('P/etc/atrium/tls');
    await carry({ notAfter: inDays(200) });
    const failed = await install(...PAIR, '--reload', 'echo proxy says no >&2; exit 3');
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('status 3: "proxy says no"');
    expect(failed.stderr).toContain('the former files are back');
    // to the inode; what leads to them was led away and back
    const files = (lines: readonly string[]) => lines.filter((line) => /^\.\.[0-9a-f]{12}\/.+\.pem /.test(line));
    expect(files(before)).toHaveLength(2);
    expect(files(await disk('P/etc/atrium/tls'))).toEqual(files(before));
    expect((await install(...PAIR, '--reload', 'true')).status).toBe(0);
  });
});

describe('a refused certificate', () => {
  const refusals: Readonly<Record<string, readonly [RegExp, () => Promise<readonly string[]>]>> = {
    'a file that is none': [
      /expected .*PEM/,
      async () => {
        await carry();
        await writeFile(at('chain.pem'), 'no certificate at all');
        return PAIR;
      },
    ],
    'a request in its place': [
      /expected a certificate/,
      async () => {
        await request('--name', NAME, '--out', 'chain.pem');
        return ['--cert', 'chain.pem'];
      },
    ],
    'the key of another': [
      /key/,
      async () => {
        await carry();
        await writeFile(at('key.pem'), plant((await authority.issue()).keyPEM));
        return PAIR;
      },
    ],
    'no key, here or there': [
      /expected its key with it, or one that waits here or is installed, got none that fits/,
      async () => {
        await carry();
        return ['--cert', 'chain.pem'];
      },
    ],
    'a chain in disorder': [
      /order|first/,
      async () => {
        const made = await carry();
        await writeFile(at('chain.pem'), bundlePEM(authority, made));
        return PAIR;
      },
    ],
    'a chain with an intermediate missing': [
      /Test Intermediate/,
      async () => {
        const made = await carry();
        await writeFile(at('chain.pem'), made.pem);
        return PAIR;
      },
    ],
    'an authority that nobody knows': [
      /Somebody Else/,
      async () => {
        await carry({}, other);
        return PAIR;
      },
    ],
    'a name that is missing': [
      /crm\.test/,
      async () => {
        await carry();
        return [...PAIR, '--name', NAME, '--name', 'crm.test'];
      },
    ],
    'one that has ended': [
      /ended|expired/,
      async () => {
        await carry({ notBefore: inDays(-20), notAfter: inDays(-1) });
        return PAIR;
      },
    ],
    'one that has not begun': [
      /begin|not yet|valid from/i,
      async () => {
        await carry({ notBefore: inDays(2) });
        return PAIR;
      },
    ],
    'a weak key': [
      /1024/,
      async () => {
        await carry({ key: 'RSA-1024' });
        return PAIR;
      },
    ],
    'an authority of its own': [
      /authority|CA/,
      async () => {
        await carry({ isCA: true });
        return PAIR;
      },
    ],
    'one that is not for servers': [
      /server/,
      async () => {
        await carry({ usages: ['1.3.6.1.5.5.7.3.2'] });
        return PAIR;
      },
    ],
    "a folder that is nobody's to give": [
      /--dir "\/etc\/ssl": expected a folder outside of \/etc\/ssl/,
      async () => {
        await carry();
        return [...PAIR, '--dir', '/etc/ssl'];
      },
    ],
  };

  for (const [what, [words, prepare]] of Object.entries(refusals)) {
    it(`leaves everything as it was, also that there is no state: ${what}`, async () => {
      const args = await prepare();
      const before = [await disk('P'), (await disk('S')).filter((line) => !line.startsWith('audit.jsonl'))];
      const refused = await install(...args);
      expect(refused.status).toBe(what.startsWith('a folder') ? 2 : 1);
      expect(refused.stderr).toMatch(words);
      expect([await disk('P'), (await disk('S')).filter((line) => !line.startsWith('audit.jsonl'))]).toEqual(before);
    });
  }

  it('changes no file of the certificate in use, by bin/ferry, and is written down', async () => {
    await carry();
    await install(...PAIR);
    const before = await disk('P');
    for (const [words, options, more] of [
      [/ends .*before|sooner|shorter/i, { notAfter: inDays(10) }, []],
      [/atrium\.test/, { names: ['other.test'], notAfter: inDays(200) }, []],
      [/--reason/, { notAfter: inDays(10) }, ['--allow-shorter']],
    ] as const) {
      await carry(options);
      const run = ['tls', 'install', ...PAIR, '--ca', 'root.pem', ...more, ...HERE];
      const refused = more.length > 0 ? await ferry(...run) : await runFerry(run, { cwd: dir, env });
      expect(refused.status).toBe(more.length > 0 ? 2 : 1);
      expect(refused.stderr).toMatch(words);
      expect(await disk('P')).toEqual(before);
    }
    const audit = await stateTexts();
    expect(audit).toContain('"code":"TLS_SHORTER"');
    expect(leakIn(audit)).toBeUndefined();
    // the same with the reason
    expect((await install(...PAIR, '--allow-shorter', '--reason', 'x')).status).toBe(0);
    expect(await stateTexts()).toContain('"flag":"--allow-shorter","reason":"x"');
  });
});

describe('ferry tls request', () => {
  it('makes a key that waits here, and its certificate comes alone and uses it up', async () => {
    const asked = await request(
      '--name',
      NAME,
      '--name',
      'crm.test',
      '--ip',
      '10.0.0.5',
      '--out',
      'site.csr',
      '--json',
    );
    const { spki } = jsonResult(asked) as { spki: string };
    expect(asked.status).toBe(0);
    const checked = spawnSync('openssl', ['req', '-verify', '-noout', '-text', '-in', 'site.csr'], {
      cwd: dir,
      encoding: 'utf8',
    });
    expect(checked.status).toBe(0);
    expect(checked.stdout).toContain('DNS:atrium.test, DNS:crm.test, IP Address:10.0.0.5');
    const folder = at('S/identity/tls');
    expect((await stat(join(folder, `${spki}.pem`))).mode & 0o777).toBe(0o600);
    const key = plant(await readFile(join(folder, `${spki}.pem`), 'utf8'));
    expect(leakIn(asked.stdout + asked.stderr)).toBeUndefined();

    const csr = new x509.Pkcs10CertificateRequest(await readFile(at('site.csr'), 'utf8'));
    const signed = await authority.issue({ names: [NAME, 'crm.test'], ips: ['10.0.0.5'], publicKey: csr.publicKey });
    await writeFile(at('chain.pem'), bundlePEM(signed, authority));
    const done = jsonResult(await install('--cert', 'chain.pem', '--json'));
    expect(done).toMatchObject({ action: 'installed', key: 'waiting', spki, names: [NAME, 'crm.test', '10.0.0.5'] });
    expect(await readFile(tlsFile('privkey.pem'), 'utf8')).toBe(key);
    expect(await readdir(folder)).toEqual([]);
    expect(leakIn(JSON.stringify(done) + (await stateTexts()))).toBeUndefined();
  });

  it('is the same request until its certificate is there; --new-key makes another', async () => {
    await request('--name', NAME, '--out', 'site.csr');
    const first = await readFile(at('site.csr'), 'utf8');
    expect((await request('--name', 'ATRIUM.test.', '--out', 'again.csr')).stdout).toContain('wait already');
    expect(await readFile(at('again.csr'), 'utf8')).toBe(first);
    expect((await request('--name', NAME, '--new-key', '--out', 'site.csr')).status).toBe(0);
    expect(await readFile(at('site.csr'), 'utf8')).not.toBe(first);
    expect(await readdir(at('S/identity/tls'))).toHaveLength(4);
  });

  it('takes the common options, a prefix among them, and puts nothing there', async () => {
    expect((await request('--name', NAME, '--out', 'site.csr', '--prefix', 'P')).status).toBe(0);
    expect(await disk('P')).toEqual([]);
  });

  it('replaces no file that is no request, and takes no name that is none', async () => {
    await writeFile(at('notes.txt'), 'mine');
    expect((await request('--name', NAME, '--out', 'notes.txt')).status).toBe(1);
    expect(await readFile(at('notes.txt'), 'utf8')).toBe('mine');
    for (const args of [
      ['--name', 'not a name'],
      ['--name', NAME, '--ip', 'ten'],
    ]) {
      expect((await request(...args, '--out', 'x.csr')).status).toBe(2);
    }
    expect((await ferry('tls', 'request', '--out', 'x.csr')).status).toBe(2);
  });

  it('stands in the card with what is installed, and the key stands nowhere', async () => {
    await carry();
    await install(...PAIR);
    const { spki } = jsonResult(await request('--name', NAME, '--out', 'site.csr', '--json')) as { spki: string };
    plant(await readFile(at('S/identity/tls', `${spki}.pem`)));
    expect((await ferry('site', 'card', '--out', 'card.json', ...HERE)).status).toBe(0);
    const text = await readFile(at('card.json'), 'utf8');
    const { signed } = JSON.parse(text) as { signed: { csr: string; certificate: { names: string[] } } };
    expect(signed.certificate).toMatchObject({ names: [NAME], spki: expect.stringMatching(/^[0-9a-f]{64}$/) });
    const pem = new x509.Pkcs10CertificateRequest(await readFile(at('site.csr'), 'utf8'));
    expect(Buffer.from(signed.csr, 'base64')).toEqual(Buffer.from(pem.rawData));
    expect(leakIn(text)).toBeUndefined();
    expect((await ferry('support', '--out', 'support', ...HERE)).status).toBe(0);
    for (const name of await readdir(at('support'), { recursive: true })) {
      if ((await stat(at('support', name))).isFile())
        expect(leakIn(await readFile(at('support', name), 'utf8'))).toBeUndefined();
    }
  });
});

describe('ferry tls show', () => {
  it('is 0 with what is there and 10 when it wants a person, with words that rise', async () => {
    expect((await ferry('tls', 'show', ...HERE)).stdout).toBe('no certificate is known here\n');
    await carry({ notAfter: inDays(60) });
    await install(...PAIR);
    const shown = async (left: number) => {
      const ran = await ferryAt(inDays(60 - left), 'tls', 'show', ...HERE);
      return [ran.status, ran.stdout.split('\n').find((line) => line.startsWith('!')) ?? ''] as const;
    };
    const words = [await shown(31), await shown(30), await shown(14), await shown(3), await shown(-0.01)];
    expect(words.map(([status]) => status)).toEqual([0, 10, 10, 10, 10]);
    expect(words.map(([, line]) => line)).toEqual([
      '',
      expect.stringMatching(/ends in 30 days.*: ask for another/),
      expect.stringMatching(/ends in 14 days.*: another should be under way/),
      expect.stringMatching(/ends in 3 days.*: install another today/),
      expect.stringMatching(/the certificate ended .*, clients refuse it/),
    ]);
    const status = await ferryAt(inDays(46), 'status', ...HERE, '--json');
    expect(status.status).toBe(10);
    expect(jsonResult(status)).toMatchObject({
      tls: { path: at('P/etc/atrium/tls'), daysLeft: 14, level: 'urgent', keyMatches: true },
      attention: expect.arrayContaining([expect.stringMatching(/ends in 14 days/)]),
    });
  });

  it('says what to type next: a request for these names, or its answer', async () => {
    await carry({ notAfter: inDays(10) });
    await install(...PAIR);
    expect((await ferry('tls', 'show', ...HERE)).stdout).toContain(`ferry tls request --name ${NAME} --out FILE`);
    await request('--name', NAME, '--out', 'site.csr');
    expect((await ferry('tls', 'show', ...HERE)).stdout).toContain('a request for its names waits: when the answer');
  });

  it('says that nobody looked where no address is known', async () => {
    await carry({ notAfter: inDays(60) });
    await install(...PAIR);
    const ran = await ferry('tls', 'show', '--probe', ...HERE);
    expect(ran.status).toBe(0);
    expect(ran.stderr).toContain('nobody looked at what is served: give the address, --probe HOST:PORT');
  });

  it('tells a request that waits, and never its key', async () => {
    await request('--name', NAME, '--out', 'site.csr');
    const { waiting } = jsonResult(await ferry('tls', 'show', '--json', ...HERE)) as { waiting: object[] };
    expect(waiting).toMatchObject([{ names: [NAME], ips: [], csr: expect.any(String) }]);
  });

  it('names the file that was asked for where its folder is missing', async () => {
    const ran = await request('--name', NAME, '--out', 'nowhere/site.csr');
    expect(ran.stderr).toContain(`write ${at('nowhere/site.csr')}: expected the folder ${at('nowhere')}`);
    expect(ran.stderr).not.toContain('.tmp');
  });

  it('refuses an address that is none', async () => {
    expect((await ferry('tls', 'show', '--probe', 'nowhere', ...HERE)).status).toBe(2);
  });
});

it('sets the mode of the key where that is all that differs', async () => {
  await carry();
  await install(...PAIR);
  await chmod(tlsFile('privkey.pem'), 0o644);
  expect(jsonResult(await install(...PAIR, '--json'))).toMatchObject({ action: 'installed' });
  expect((await stat(tlsFile('privkey.pem'))).mode & 0o777).toBe(0o600);
});

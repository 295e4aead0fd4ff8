// The office's part of a first visit as it is typed: a site's card, its place in the fleet, overlays, and what is said
// about licences; no run prints one (support/secrets.ts).
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jsonLines, jsonResult, runMain } from '../support/cli.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { licenseServer } from '../support/license-server.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { buildImage } from '../support/registry-images.ts';
import { plant } from '../support/secrets.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const issuer = licenseIssuer();
const until = (days: number) => Math.floor(NOW.getTime() / 1000) + days * 86_400;
const EXPORT = ['export', 'demo.yaml', '--out', 'stick'];

let dir: string;
let registry: FakeRegistry;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-fleet-'));
  registry = await fakeRegistry();
  registry.add('demo/app', '1', buildImage());
  await mkdir(join(dir, 'stick'));
  await ok(['init', 'office', '--product', 'demo', '--no-passphrase']);
  await manifest('from: ./license.blob');
  await writeFile(join(dir, 'license.blob'), issuer.issue({ product: 'demo', sub: 'Demo Ltd', exp: until(365) }));
});

afterEach(async () => {
  await registry.stop();
  await rm(dir, { recursive: true, force: true });
});

function ferry(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  return runMain(argv, {
    cwd: dir,
    now: NOW,
    ...options,
    env: { FERRY_WORKSPACE: 'office', HOME: dir, ...options.env },
  });
}

/** The result of a run that must succeed. */
async function ok(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  const ran = await ferry([...argv, '--json'], options);
  expect(ran.status, ran.stdout + ran.stderr).toBe(0);
  return jsonResult(ran);
}

/** The error of a run, and its status. */
async function refused(argv: readonly string[], options: Parameters<typeof runMain>[1] = {}) {
  const ran = await ferry([...argv, '--json'], options);
  const { code, message, hint, errors, exit } = jsonResult(ran);
  expect(ran.status).toBe(exit);
  return { code, message, hint, errors, exit };
}

async function manifest(source: string): Promise<void> {
  const license = `{${source}, name: license.blob, install: /etc/demo/license.blob, publicKey: ${issuer.publicDER}}`;
  const images = `images:\n  - ${registry.host}/demo/app:1\n`;
  const text = `product: demo\nrelease: "1"\nplatforms: [linux/amd64]\n${images}license: ${license}\n`;
  await writeFile(join(dir, 'demo.yaml'), text);
}

/** A site of this name, with its card on the stick; answers its ID and the fingerprint that it printed. */
async function site(name: string) {
  await ok(['site', 'init', '--name', name, '--state', name]);
  const card = await ok(['site', 'card', '--state', name, '--out', `${name}.json`]);
  return card as { readonly site: string; readonly fingerprint: string };
}

describe('a site that shows its card', () => {
  it('gets an overlay which its own key opens with age, and no other does', async () => {
    const north = await site('north');
    await site('south');
    await ok(['fleet', 'add', 'north.json', '--fingerprint', north.fingerprint]);
    const done = await ok([...EXPORT, '--site', 'north.json']);
    const overlay = join(dir, `stick/demo-${north.site}-1.ferry.tar`);
    expect(done).toMatchObject({
      bundle: join(dir, 'stick/demo-1-1-1.ferry.tar'),
      overlays: [overlay],
      sites: [{ site: north.site, name: 'north', overlay, action: 'written' }],
      warnings: [],
    });
    spawnSync('tar', ['-xf', overlay, '-C', dir]);
    const sealed = join(dir, `sites/${north.site}/license.blob.age`);
    const open = (name: string) => spawnSync('age', ['-d', '-i', join(dir, name, 'identity/age.txt'), sealed]);
    expect(open('north').stdout.toString()).toMatch(/^eyJ/);
    expect(open('south').status).toBe(1);
    expect((await ferry(['inspect', overlay])).stdout).toContain(north.site);
  });

  it('but is unknown is refused, also with a card that somebody changed', async () => {
    await site('north');
    expect(await refused([...EXPORT, '--site', 'north.json'])).toMatchObject({
      code: 'SITE_UNKNOWN',
      exit: 3,
      hint: expect.stringContaining('ferry fleet add'),
    });
    expect(await refused([...EXPORT, '--site', 'gone.json'])).toMatchObject({ code: 'SOURCE_FILE', exit: 2 });
    expect(await readdir(join(dir, 'stick'))).toEqual([]);
  });

  it('and is pinned without a comparison is said to be', async () => {
    await site('north');
    await ok(['fleet', 'add', 'north.json', '--yes']);
    const { stderr } = await ferry([...EXPORT, '--site', 'north.json']);
    expect(stderr).toContain('ferry: warning: sealed for north, though nobody compared the fingerprint');
  });
});

describe('ferry export for sites', () => {
  async function fleet(...names: string[]): Promise<string[]> {
    for (const name of names) {
      const { fingerprint } = await site(name);
      await ok(['fleet', 'add', `${name}.json`, '--fingerprint', fingerprint]);
    }
    await writeFile(join(dir, 'fleet.yaml'), `sites: [${names.map((name) => `{site: ${name}}`).join(', ')}]\n`);
    return [...EXPORT, '--fleet', 'fleet.yaml'];
  }

  it('lists each overlay with its site, and for whom its licence is until when', async () => {
    const argv = await fleet('north', 'south');
    const { stdout, stderr } = await ferry(argv);
    const rows = stdout.split('\n').filter((line) => line.startsWith('overlay'));
    expect(rows).toEqual([
      expect.stringMatching(
        /^overlay +\S+\/stick\/demo-[0-9a-f]{16}-1\.ferry\.tar {2}north {2}licence of Demo Ltd until 2027-11-23 \(365 days\)$/,
      ),
      expect.stringMatching(/ {2}south {2}licence of Demo Ltd until 2027-11-23 \(365 days\)$/),
    ]);
    expect(stderr).not.toContain('warning');
    expect((await ferry(argv)).stdout).toMatch(/^nothing to do, present: 1 \(sequence 1\)\n/);
  });

  it('says for whom a licence is and until when, sealed or not', async () => {
    const argv = await fleet('north');
    const text = issuer.issue({ product: 'demo', sub: 'Demo\u001b[31m Ltd', exp: until(365) });
    await writeFile(join(dir, 'license.blob'), text);
    const said = 'of Demo [31m Ltd until 2027-11-23 (365 days)';
    expect((await ferry(argv)).stdout).toContain(`.ferry.tar  north  licence ${said}\n`);
    const named = jsonResult(await ferry([...argv, '--json']));
    expect(named).toMatchObject({ sites: [{ subject: 'Demo [31m Ltd', validUntil: '2027-11-23T12:00:00.000Z' }] });
    expect(named).not.toHaveProperty('license');
    expect((await ferry(EXPORT)).stdout).toContain(`\nlicence           ${said}\n`);
    const license = { subject: 'Demo [31m Ltd', validUntil: '2027-11-23T12:00:00.000Z' };
    expect(jsonResult(await ferry([...EXPORT, '--json']))).toMatchObject({ sites: [], license });
  });

  it('renews licences alone, without a registry', async () => {
    const argv = await fleet('north', 'south');
    await ok(argv);
    await registry.stop();
    await writeFile(join(dir, 'license.blob'), issuer.issue({ product: 'demo', exp: until(730) }));
    const ran = await ferry([...argv, '--only-site-files', '--json']);
    expect(jsonLines(ran).at(-1)).toMatchObject({ event: 'result', catalogue: 2, action: 'written' });
    expect(jsonResult(ran)).not.toHaveProperty('bundle');
    expect((jsonResult(ran)['overlays'] as string[]).length).toBe(2);
    const { stdout } = await ferry([...argv, '--only-site-files']);
    expect(stdout).toMatch(/^nothing to do, present: 2 overlays of catalogue 2\noverlay {2}/);
    expect(stdout).toMatch(/^importable until {2}2027-12-28/m);
  });

  it.each([['--fresh'], ['--revoke-former'], ['--platform', 'linux/amd64']])(
    'takes no %s with --only-site-files',
    async (...more) => {
      expect(await refused([...EXPORT, '--only-site-files', ...more])).toMatchObject({ code: 'USAGE', exit: 2 });
    },
  );

  it('fetches the licence with the token of the environment, and names the variable that is missing', async () => {
    const token = plant('a-token-of-the-control-plane');
    const server = await licenseServer({ token, license: issuer.issue({ product: 'demo', exp: until(30) }) });
    try {
      const argv = await fleet('north');
      await manifest(`url: "${server.url}?id=secret", tokenEnv: DEMO_TOKEN`);
      expect(await refused(argv)).toMatchObject({
        code: 'TOKEN_MISSING',
        exit: 2,
        message: expect.stringContaining('DEMO_TOKEN'),
        hint: 'set DEMO_TOKEN to the token',
      });
      expect(await refused(argv, { env: { DEMO_TOKEN: 'wrong' } })).toMatchObject({
        code: 'LICENSE_DENIED',
        exit: 1,
        hint: expect.stringContaining('DEMO_TOKEN'),
      });
      const { status, stderr } = await ferry(argv, { env: { DEMO_TOKEN: token } });
      expect(status).toBe(0);
      expect(stderr).toContain('ferry: warning: the licence of north ends 2026-12-23, in 30 days\n');
      expect(stderr).not.toContain('secret');
    } finally {
      await server.stop();
    }
  });

  it('is refused with a licence that ended (1), is for another site (3), or is signed by nobody known (1)', async () => {
    const argv = await fleet('north');
    const cases = [
      [issuer.issue({ product: 'demo', exp: until(-1) }), 'LICENSE_ENDED', 1],
      [issuer.issue({ product: 'demo', site: 'south' }), 'LICENSE_OTHER_SITE', 3],
      [licenseIssuer().issue({ product: 'demo' }), 'LICENSE_SIGNATURE', 1],
    ] as const;
    for (const [text, code, exit] of cases) {
      await writeFile(join(dir, 'license.blob'), text);
      expect(await refused(argv)).toMatchObject({ code, exit, message: expect.stringMatching(/^licence of north: /) });
      // the date that is signed does not bring an old licence back
      expect(await refused(argv, { env: { SOURCE_DATE_EPOCH: '1790000000' } })).toMatchObject({ code });
    }
    expect(await readdir(join(dir, 'stick'))).toEqual([]);
  });

  it('tells every licence that is refused, each with a hint', async () => {
    const argv = await fleet('north', 'south');
    await writeFile(join(dir, 'south.blob'), issuer.issue({ product: 'other' }));
    await writeFile(join(dir, 'license.blob'), issuer.issue({ product: 'demo', exp: until(-1) }));
    await writeFile(join(dir, 'fleet.yaml'), 'sites: [{site: north}, {site: south, license: {from: ./south.blob}}]\n');
    const { status, stderr } = await ferry(argv);
    expect(status).toBe(1);
    const lines = stderr.split('\n').filter((line) => line.startsWith('ferry: error: licence of '));
    expect(lines).toEqual([expect.stringContaining('of north: '), expect.stringContaining('of south: ')]);
  });

  it('names the line of a fleet.yaml that is wrong', async () => {
    const argv = await fleet('north');
    await writeFile(join(dir, 'fleet.yaml'), 'sites:\n  - site: north\n  - site: gone\n');
    expect(await refused(argv)).toMatchObject({
      code: 'SITE_UNKNOWN',
      exit: 3,
      message: expect.stringContaining('fleet.yaml:3'),
    });
    await writeFile(join(dir, 'fleet.yaml'), 'sites:\n  - site: north\n  - site: north\n');
    expect(await refused(argv)).toMatchObject({
      code: 'FLEET_INVALID',
      exit: 2,
      message: expect.stringContaining('fleet.yaml:3'),
    });
  });
});

// The loop of a certificate between a site and its office, as it is typed: the site asks and keeps the key, the card brings
// the request, the office has it signed, an overlay takes the chain back. openssl looks at the request; nothing but the
// chain crosses.
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fullchainPEM, spkiOf } from '../../src/tls/index.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { bundlePEM, makeRoot } from '../support/pki.ts';
import { plant } from '../support/secrets.ts';

/** Each run is a second later than the one before: of two cards the newer one counts. */
let now = Date.now();
const MANIFEST =
  'product: demo\nrelease: "1"\nplatforms: [linux/amd64]\nimages: ["registry.example/demo/app:1"]\n' +
  'tls: {dir: /etc/demo/tls, names: [plant.test], chain: ./north.pem, ca: ./ca.pem}\n';

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-csr-'));
  for (const name of ['stick', 'root']) await mkdir(join(dir, name));
  await writeFile(join(dir, 'demo.yaml'), MANIFEST);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** A run at the office, or at the site. */
function run(where: 'office' | 'site', ...argv: string[]) {
  const env = { HOME: dir, FERRY_WORKSPACE: 'office', DOCKER_HOST: `unix://${dir}/none.sock` };
  const place = where === 'office' ? {} : { FERRY_STATE: 'state', FERRY_PREFIX: join(dir, 'root') };
  now += 1000;
  return runMain(argv, { cwd: dir, now: new Date(now), env: { ...env, ...place } });
}

/** The result of a run that must succeed. */
async function ok(where: 'office' | 'site', ...argv: string[]): Promise<Record<string, unknown>> {
  const ran = await run(where, ...argv, '--json');
  expect([0, 10], `${argv.join(' ')}: ${ran.stdout}${ran.stderr}`).toContain(ran.status);
  return jsonResult(ran);
}

describe('a request for a certificate', () => {
  it('goes out with the card and comes back as a chain, and the key never leaves the site', async () => {
    const { fingerprint } = (await ok('office', 'init', 'office', '--product', 'demo', '--no-passphrase')) as {
      fingerprint: { hex: string };
    };
    await ok('site', 'site', 'init', '--name', 'north');
    const before = await ok('site', 'site', 'card', '--out', 'site.json');
    await ok('office', 'fleet', 'add', 'site.json', '--fingerprint', String(before['fingerprint']));
    const none = await run('office', 'fleet', 'csr', 'north', '--out', 'north.csr');
    expect(none.status).toBe(1);
    expect(none.stderr).toMatch(
      /^ferry: error: write the request of "north": expected one in its card, .*\nferry: hint: at the site `ferry tls request/,
    );

    const asked = await ok('site', 'tls', 'request', '--name', 'plant.test', '--ip', '10.0.0.5', '--out', 'here.csr');
    await ok('site', 'trust', 'office/root.json', '--fingerprint', fingerprint.hex);
    await rm(join(dir, 'site.json'));
    await ok('site', 'site', 'card', '--out', 'site.json');
    await ok('office', 'fleet', 'add', 'site.json');
    expect((await run('office', 'fleet', 'list')).stdout).toMatch(
      /^[0-9a-f]{16} +north .*a request waits: ferry fleet csr$/m,
    );

    const written = await ok('office', 'fleet', 'csr', 'north', '--out', 'north.csr');
    expect(written).toMatchObject({
      name: 'north',
      names: ['plant.test', '10.0.0.5'],
      spki: asked['spki'],
      confirmed: true,
    });
    const csr = await readFile(join(dir, 'north.csr'), 'utf8');
    expect(csr).toBe(await readFile(join(dir, 'here.csr'), 'utf8'));
    const verified = spawnSync('openssl', ['req', '-verify', '-noout', '-in', 'north.csr'], { cwd: dir });
    expect(verified.status).toBe(0);
    expect(await ok('office', 'fleet', 'csr', 'north', '--out', 'north.csr')).toEqual(written);
    await writeFile(join(dir, 'mine'), 'mine');
    expect((await run('office', 'fleet', 'csr', 'north', '--out', 'mine')).status).toBe(1);
    expect(await readFile(join(dir, 'mine'), 'utf8')).toBe('mine');

    const root = await makeRoot();
    const between = await root.intermediate();
    const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
    const { publicKey } = new Pkcs10CertificateRequest(csr);
    const leaf = await between.issue({ publicKey, names: ['plant.test'], ips: ['10.0.0.5'] });
    await writeFile(join(dir, 'north.pem'), bundlePEM(leaf, between));
    await writeFile(join(dir, 'ca.pem'), root.pem);
    const exported = await run(
      'office',
      'export',
      'demo.yaml',
      '--out',
      'stick',
      '--site',
      'site.json',
      '--only-site-files',
    );
    expect(exported.stdout).toMatch(
      /^overlay .* {2}north {2}certificate for plant\.test and 1 more until .* \(90 days\)$/m,
    );

    const [overlay = ''] = (await readdir(join(dir, 'stick'))).filter((name) => name.endsWith('.tar'));
    await ok('site', 'import', join('stick', overlay));
    const installed = join(dir, 'root/etc/demo/tls');
    const chain = [leaf, between].map(({ pem }) => new X509Certificate(pem));
    expect(await readFile(join(installed, 'fullchain.pem'), 'utf8')).toBe(fullchainPEM(chain));
    const key = plant(await readFile(join(installed, 'privkey.pem'), 'utf8'));
    expect(spkiOf(key)).toBe(asked['spki']);
    expect((await stat(join(installed, 'privkey.pem'))).mode & 0o777).toBe(0o600);
    const line = key.split('\n')[1] as string;
    const found = spawnSync('grep', ['-rlaF', '--', line, 'stick', 'office', 'site.json'], { cwd: dir });
    expect(found.stdout.toString()).toBe('');

    await rm(join(dir, 'site.json'));
    await ok('site', 'site', 'card', '--out', 'site.json');
    await ok('office', 'fleet', 'add', 'site.json');
    const { stdout } = await run('office', 'fleet', 'list');
    expect(stdout).toContain(
      `certificate until ${new X509Certificate(leaf.pem).validToDate.toISOString().slice(0, 10)}`,
    );
    expect(stdout).not.toContain('a request waits');
  }, 30_000);

  it('is asked of a site that is known', async () => {
    const { status, stderr } = await run('office', 'fleet', 'csr', 'nowhere', '--out', 'x.csr');
    expect({ status, stderr }).toMatchObject({ status: 3, stderr: expect.stringContaining('find site "nowhere"') });
  });
});

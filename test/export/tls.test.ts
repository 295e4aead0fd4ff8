// Certificates for sites: read, judged, held to the key of the site, sealed where they bring one. Debian's age and openssl.
import { execFileSync, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { type ExportOptions, exportSiteFiles } from '../../src/export/index.ts';
import { parseSiteFiles } from '../../src/manifest/index.ts';
import { makeKey, makeRequest, spkiOf } from '../../src/tls/index.ts';
import { addToFleet, listCatalogue } from '../../src/workspace/index.ts';
import { newOffice } from '../support/exports.ts';
import { newSite, type TestSite, writeIdentity } from '../support/fleet.ts';
import { type Authority, bundlePEM, type Issued, type IssueOptions, makeRoot } from '../support/pki.ts';
import { NOW } from '../support/proposals.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { plant } from '../support/secrets.ts';
import { temporaryFolder } from '../support/workspaces.ts';

const DAY = 86_400_000;
/** Certificates are made and judged by this clock; what is signed has another. */
const CLOCK = new Date(Math.floor(Date.now() / 1000) * 1000);
const later = (days: number) => new Date(CLOCK.getTime() + days * DAY);
const TLS = 'tls: {dir: /etc/demo/tls, names: [atrium.test]';

let registry: TestRegistry;
let root: Authority;
let between: Authority;

beforeAll(async () => {
  registry = await startRegistry();
  await pushImage(registry, { repository: 'demo/app', tag: '1' });
  root = await makeRoot();
  between = await root.intermediate();
});
afterAll(() => registry.stop());

/** An office with files beside its manifest, `certs/` among them. */
async function desk(more = `${TLS}, chain: "./{name}.pem", ca: ./ca.pem}\n`) {
  const office = await newOffice(registry.host);
  const folder = dirname(office.manifestPath);
  await office.write(['demo/app:1'], more);
  const put = (name: string, text: string | Uint8Array) => writeFile(join(folder, name), text);
  await put('ca.pem', root.pem);
  const paths = { workspace: office.workspace.dir, manifestPath: office.manifestPath, outDir: office.out };
  return {
    ...{ ...office, folder, put },
    /** Pins a site whose card says this. */
    pin: async (name: string, said: object = {}) => {
      const site = await newSite({ name });
      await addToFleet(office.workspace, site.card(said), { fingerprint: site.fingerprint });
      await put(`${name}.json`, site.card(said));
      return { ...site, path: join(folder, `${name}.json`) };
    },
    fleet: async (text: string) => {
      await put('fleet.yaml', text);
      return join(folder, 'fleet.yaml');
    },
    siteFiles: (options: Partial<ExportOptions> = {}) =>
      exportSiteFiles({ ...paths, now: NOW, clock: CLOCK, ...options }),
  };
}

/** What waits at a site: a key, and the request for it as the card has it. */
async function requested(names: readonly string[] = ['atrium.test']) {
  const { keyPEM, spki } = await makeKey();
  plant(keyPEM);
  const { csrDER, csrPEM } = await makeRequest({ keyPEM, names, ips: [] });
  return { keyPEM, spki, csrPEM, csr: csrDER.toString('base64') };
}

/** The office's authority signs it. */
async function signed(csr: string, options: IssueOptions = {}): Promise<string> {
  const { Pkcs10CertificateRequest } = await import('@peculiar/x509');
  const { publicKey } = new Pkcs10CertificateRequest(Buffer.from(csr, 'base64'));
  return bundlePEM(await between.issue({ publicKey, ...options }), between);
}

async function issued(options: IssueOptions = {}): Promise<Issued & { readonly chain: string }> {
  const one = await between.issue(options);
  plant(one.keyPEM);
  return { ...one, chain: bundlePEM(one, between) };
}

/** The files of the one site of a tar, and their bytes. */
async function contents(path = '') {
  const bundle = await openBundle(path);
  try {
    const [document] = bundle.siteDocuments;
    const files = document ? parseSiteFiles(document.bytes).files : [];
    const bytes = await Promise.all(files.map(({ name }) => bundle.read(`sites/${document?.site}/${name}`, 2 ** 21)));
    return { files, bytes: bytes.map((each) => Buffer.from(each)) };
  } finally {
    await bundle.close();
  }
}

const certificatesIn = (pem: string) => pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
const keyLine = (keyPEM: string) => keyPEM.split('\n')[1] as string;
const holding = (text: string, ...folders: string[]) =>
  spawnSync('grep', ['-rlaF', '--', text, ...folders])
    .stdout.toString()
    .trim()
    .split('\n')
    .filter(Boolean);

describe('a chain for the key of a site', () => {
  it('crosses as it is, with what it is for, and the root that was given behind it', async () => {
    const office = await desk();
    const { csr, spki } = await requested();
    const { path } = await office.pin('north', { csr });
    const notAfter = later(90);
    await office.put('north.pem', await signed(csr, { notAfter }));
    const done = await office.siteFiles({ sites: [path] });
    expect(done.warnings).toEqual([]);
    expect(done.sites).toMatchObject([{ certificate: { names: ['atrium.test'], notAfter, spki, sealed: false } }]);
    const { files, bytes } = await contents(done.overlays[0]);
    expect(files).toEqual([
      {
        ...{ name: 'chain.pem', role: 'chain', mode: '0644', sealed: false, spki },
        ...{ validUntil: `${notAfter.toISOString().slice(0, 19)}Z` },
        ...{ size: bytes[0]?.length, digest: expect.stringMatching(/^sha256:/) },
      },
    ]);
    const chain = certificatesIn(String(bytes[0])).map((pem) => new X509Certificate(pem));
    expect(chain.map((one) => one.subject)).toEqual(['CN=atrium.test', 'CN=Test Intermediate', 'CN=Test Root']);
  });

  it('is refused for another key than that of the request, naming both', async () => {
    const office = await desk();
    const [mine, other] = [await requested(), await requested()];
    const { path } = await office.pin('north', { csr: mine.csr });
    await office.put('north.pem', await signed(other.csr));
    await expect(office.siteFiles({ sites: [path] })).rejects.toMatchObject({
      code: 'TLS_OTHER_KEY',
      message: expect.stringMatching(
        new RegExp(
          `^certificate of north: check \\./north\\.pem: .*its request, ${mine.spki}, got one for ${other.spki}$`,
        ),
      ),
      facts: { expected: mine.spki, got: other.spki },
    });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('may be for the key in use, where the card has no request', async () => {
    const office = await desk();
    const [one, other] = [await requested(), await requested()];
    const certificate = { notAfter: later(10).toISOString(), names: ['atrium.test'], spki: one.spki };
    const { path } = await office.pin('north', { certificate });
    await office.put('north.pem', await signed(one.csr));
    expect(await office.siteFiles({ sites: [path] })).toMatchObject({ warnings: [] });
    await office.put('north.pem', await signed(other.csr));
    await expect(office.siteFiles({ sites: [path] })).rejects.toMatchObject({ code: 'TLS_OTHER_KEY' });
  });

  it('is told where nobody could tell, where another is asked for, and where it is less than the one in use', async () => {
    const office = await desk();
    const [one, other] = [await requested(), await requested()];
    const names = ['atrium.test', 'old.test'];
    const certificate = { notAfter: later(200).toISOString(), names, spki: one.spki };
    const sites = [await office.pin('silent'), await office.pin('north', { csr: other.csr, certificate })];
    for (const { name } of sites) await office.put(`${name}.pem`, await signed(one.csr));
    const { warnings } = await office.siteFiles({ sites: sites.map(({ path }) => path) });
    expect(warnings).toEqual([
      expect.stringMatching(/^nobody could tell whether silent has the key/),
      'the certificate of north is for the key in use there, and not for that of its request',
      'the certificate of north ends before the one in use there: import wants --allow-shorter',
      'the certificate of north is for fewer names than the one in use there: import wants --allow-fewer-names',
    ]);
  });

  it('is taken with a newer card, which is how a second request comes', async () => {
    const office = await desk();
    const [first, second] = [await requested(), await requested()];
    const site = await office.pin('north', { csr: first.csr });
    await office.put('north.pem', await signed(second.csr));
    await expect(office.siteFiles({ sites: [site.path] })).rejects.toMatchObject({ code: 'TLS_OTHER_KEY' });
    await office.put('north.json', site.card({ csr: second.csr, issued: '2026-05-02T00:00:00.000Z' }));
    expect((await office.siteFiles({ sites: [site.path] })).overlays).toHaveLength(1);
  });
});

describe('a certificate with its key', () => {
  const WITH_KEY = `${TLS}, chain: "./{name}.pem", key: "./{name}.key", ca: ./ca.pem}\n`;

  it("crosses sealed: Debian's age opens it, and nothing else holds the key", async () => {
    const office = await desk(WITH_KEY);
    const site = await office.pin('north');
    const { chain, keyPEM } = await issued();
    await office.put('north.pem', chain);
    await office.put('north.key', keyPEM);
    const done = await office.siteFiles({ sites: [site.path] });
    expect(done.sites).toMatchObject([{ certificate: { sealed: true } }]);
    const { files, bytes } = await contents(done.overlays[0]);
    expect(files).toMatchObject([
      { name: 'certificate.pem.age', role: 'certificate', mode: '0600', sealed: true, spki: spkiOf(keyPEM) },
    ]);
    expect(files[0]).not.toHaveProperty('install');
    await office.put('sealed.age', bytes[0] ?? '');
    const identity = await writeIdentity(await temporaryFolder(), site);
    const opened = spawnSync('age', ['-d', '-i', identity, join(office.folder, 'sealed.age')], { encoding: 'utf8' });
    expect(opened.status).toBe(0);
    expect(certificatesIn(opened.stdout)).toHaveLength(3);
    expect(execFileSync('openssl', ['pkey', '-pubout'], { input: opened.stdout, stdio: 'pipe' }).toString()).toContain(
      'BEGIN PUBLIC KEY',
    );
    expect(opened.stdout).toContain(keyPEM.trim());
    expect(holding(keyLine(keyPEM), office.folder, office.workspace.dir)).toEqual([join(office.folder, 'north.key')]);
  });

  it('is sealed too where the key stands in the file of the chain, or in PKCS#12 with a passphrase', async () => {
    const office = await desk(`${TLS}, chain: "./{name}.pem", ca: ./ca.pem, keyPassphraseEnv: TLS_PASS}\n`);
    const sites = [await office.pin('north'), await office.pin('south')];
    const { chain, keyPEM } = await issued();
    await office.put('north.pem', keyPEM + chain);
    const input = join(office.folder, 'north.pem');
    const out = join(office.folder, 'south.pem');
    execFileSync('openssl', ['pkcs12', '-export', '-in', input, '-out', out, '-passout', 'pass:quiet']);
    const options = { sites: sites.map(({ path }) => path), env: { TLS_PASS: plant('quiet') } };
    const done = await office.siteFiles(options);
    for (const [at, site] of sites.entries()) {
      const { files, bytes } = await contents(done.overlays[at]);
      expect(files).toMatchObject([{ role: 'certificate', sealed: true }]);
      expect(await site.open(bytes[0] as Buffer)).toContain(keyLine(keyPEM));
    }
    expect(holding(keyLine(keyPEM), office.out, office.workspace.dir)).toEqual([]);
    await expect(office.siteFiles({ ...options, env: {} })).rejects.toMatchObject({
      code: 'TLS_PASSPHRASE',
      hint: 'set TLS_PASS to the passphrase',
    });
  });

  it.each([
    ['beside the chain', 'key: ./north.key, ', false],
    ['in the file of the chain', '', true],
  ])('is refused where no site is named: %s', async (_what, more, isInside) => {
    const office = await desk(`${TLS}, chain: ./north.pem, ${more}ca: ./ca.pem}\n`);
    const { chain, keyPEM } = await issued();
    await office.put('north.pem', isInside ? chain + keyPEM : chain);
    await office.put('north.key', keyPEM);
    for (const run of [office.siteFiles, office.export]) {
      await expect(run({ clock: CLOCK })).rejects.toMatchObject({
        code: 'TLS_KEY_UNSEALED',
        hint: expect.stringContaining('--site CARD'),
      });
    }
    expect(await readdir(office.out)).toEqual([]);
    expect(await listCatalogue(office.workspace)).toEqual([]);
  });

  it('of another key is refused, and no line of it is told', async () => {
    const office = await desk(WITH_KEY);
    const { path } = await office.pin('north');
    const [one, other] = [await issued(), await issued()];
    await office.put('north.pem', one.chain);
    await office.put('north.key', other.keyPEM);
    const refused: Error = await office.siteFiles({ sites: [path] }).catch((error) => error);
    expect(refused).toMatchObject({ code: 'TLS_KEY_MISMATCH' });
    expect(JSON.stringify([refused.message, refused, refused.stack])).not.toContain(keyLine(other.keyPEM));
  });
});

describe('a certificate without a site', () => {
  it('is a chain in the bundle, where it has no key', async () => {
    const office = await desk(`${TLS}, chain: ./all.pem, ca: ./ca.pem}\n`);
    const { csr, spki } = await requested();
    await office.put('all.pem', await signed(csr));
    const done = await office.export({ clock: CLOCK });
    expect(done).toMatchObject({ overlays: [], warnings: [], certificate: { spki, sealed: false } });
    expect((await contents(done.bundle)).files).toMatchObject([{ name: 'chain.pem', role: 'chain', spki }]);
  });

  it('wants one where the source is different for each', async () => {
    const office = await desk();
    await expect(office.siteFiles()).rejects.toMatchObject({ code: 'SITE_NEEDED' });
  });
});

describe('a certificate is judged before anything is signed', () => {
  it.each([
    ['has ended', { notBefore: later(-20), notAfter: later(-1) }, 'TLS_EXPIRED'],
    ['begins later', { notBefore: later(1), notAfter: later(20) }, 'TLS_NOT_YET_VALID'],
    ['is not for the names of the release', { names: ['other.test'] }, 'TLS_NAME_MISSING'],
    ['is signed with SHA-1', { hash: 'SHA-1' }, 'TLS_SIGNATURE_WEAK'],
    ['is for clients', { usages: ['1.3.6.1.5.5.7.3.2'] }, 'TLS_NOT_FOR_SERVERS'],
  ] as const)('one that %s is refused', async (_what, options, code) => {
    const office = await desk();
    const { csr } = await requested();
    const { path } = await office.pin('north', { csr });
    await office.put('north.pem', await signed(csr, options));
    await expect(office.siteFiles({ sites: [path] })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^certificate of north: check \.\/north\.pem: /),
    });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('one that ends at nobody known is refused with the key that names its root', async () => {
    const office = await desk(`${TLS}, chain: "./{name}.pem"}\n`);
    const { csr } = await requested();
    const { path } = await office.pin('north', { csr });
    await office.put('north.pem', await signed(csr));
    await expect(office.siteFiles({ sites: [path] })).rejects.toMatchObject({
      code: 'TLS_ROOT_UNKNOWN',
      hint: expect.stringMatching(/`ca: FILE`|`ca:`/),
    });
  });

  it.each([
    [61, undefined],
    [60, /^the certificate of north, south ends \d{4}-\d\d-\d\d, in 60 days$/],
  ])('one that ends in %i days is told when that is soon', async (days, line) => {
    const office = await desk(`${TLS}, chain: ./both.pem, ca: ./ca.pem}\n`);
    const { csr } = await requested();
    const sites = [await office.pin('north', { csr }), await office.pin('south', { csr })];
    await office.put('both.pem', await signed(csr, { notAfter: later(days) }));
    const { warnings } = await office.siteFiles({ sites: sites.map(({ path }) => path) });
    expect(warnings).toEqual(line ? [expect.stringMatching(line)] : []);
  });

  it('all that is wrong in a fleet is told at once, licences too, each fault with its sites', async () => {
    const office = await desk(
      `${TLS}, chain: "./{name}.pem", ca: ./ca.pem}\nlicense: {from: "./{name}.blob", name: l, install: /etc/demo/l}\n`,
    );
    for (const name of ['a', 'b', 'c', 'd']) {
      await office.pin(name);
      await office.put(`${name}.blob`, name === 'd' ? JSON.stringify({ product: 'other' }) : plant('a licence of all'));
      const wrong = { notAfter: later(-1), notBefore: later(-9), names: ['other.test'] };
      await office.put(`${name}.pem`, (await issued(name === 'c' ? wrong : {})).chain);
    }
    await rm(join(office.folder, 'b.pem'));
    const fleetPath = await office.fleet('sites: [{site: a}, {site: b}, {site: c}, {site: d}]\n');
    const refused = await office.siteFiles({ fleetPath }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'SITE_FILES_REFUSED',
      message: expect.stringMatching(/^4 faults in the licences and certificates of 3 sites: licence of d: /),
      errors: [
        { code: 'LICENSE_OTHER_PRODUCT', message: expect.stringMatching(/^licence of d: /) },
        { code: 'SOURCE_FILE', message: expect.stringMatching(/^certificate of b: read certificate \.\/b\.pem: /) },
        { code: 'TLS_EXPIRED', message: expect.stringMatching(/^certificate of c: /) },
        { code: 'TLS_NAME_MISSING', message: expect.stringMatching(/^certificate of c: /) },
      ],
    });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('wants to know where certificates go', async () => {
    const office = await desk('');
    await office.pin('north');
    await office.put('north.pem', (await issued()).chain);
    const fleetPath = await office.fleet('tls: {chain: "./{name}.pem", ca: ./ca.pem}\nsites: [{site: north}]\n');
    await expect(office.siteFiles({ fleetPath })).rejects.toMatchObject({
      code: 'MANIFEST_VALUE',
      message: expect.stringContaining('tls.dir'),
    });
  });
});

describe('certificates of a fleet', () => {
  it('are each for the names of the release and its own, from its own source or the common one', async () => {
    const office = await desk(`${TLS}}\n`);
    const sites: TestSite[] = [];
    for (const name of ['north', 'south', 'east']) sites.push(await office.pin(name));
    const names = ['atrium.test', 'south.test'];
    for (const name of ['north', 'south']) await office.put(`${name}.pem`, (await issued({ names })).chain);
    await office.put('other.pem', (await issued({ names: ['atrium.test'] })).chain);
    const fleetText = (own: string) =>
      'tls: {chain: "./{name}.pem", ca: ./ca.pem}\nsites:\n  - {site: north}\n  - {site: south, tls: {names: [south.test]}}\n' +
      `  - {site: east, tls: {chain: ./other.pem, ca: ./ca.pem${own}}}\n`;
    const done = await office.siteFiles({ fleetPath: await office.fleet(fleetText('')) });
    expect(done.sites.map(({ certificate }) => certificate?.names)).toEqual([names, names, ['atrium.test']]);
    const fleetPath = await office.fleet(fleetText(', names: [east.test]'));
    await expect(office.siteFiles({ fleetPath })).rejects.toMatchObject({
      code: 'TLS_NAME_MISSING',
      message: expect.stringContaining('east.test'),
    });
  });

  it('of forty sites are listed by one signing', async () => {
    const office = await desk();
    const { keys } = await issued(); // one for all: making forty keys shows nothing
    const names = Array.from({ length: 40 }, (_, at) => `plant-${at}`);
    const certificate = { notAfter: later(1).toISOString(), names: ['atrium.test'], spki: '' };
    for (const name of names) {
      const one = await between.issue({ keys, commonName: name });
      await office.put(`${name}.pem`, bundlePEM(one, between));
      await office.pin(name, { certificate: { ...certificate, spki: spkiOf(one.keyPEM) } });
    }
    const fleetPath = await office.fleet(`sites: [${names.map((name) => `{site: ${name}}`).join(', ')}]\n`);
    const done = await office.siteFiles({ fleetPath });
    expect(done).toMatchObject({ catalogue: 1, warnings: [] });
    expect(done.sites.map(({ name }) => name)).toEqual(names);
    const { bytes } = await contents(done.overlays[7]);
    expect(new X509Certificate(String(bytes[0])).subject).toBe('CN=plant-7');
  }, 60_000);
});

describe('the same export again', () => {
  it('makes the same overlays; another certificate makes no other release, and is renewed without images', async () => {
    const office = await desk(`${TLS}, chain: ./north.pem, key: ./north.key, ca: ./ca.pem}\n`);
    const site = await office.pin('north');
    const put = async ({ chain, keyPEM }: { readonly chain: string; readonly keyPEM: string }) => {
      await office.put('north.pem', chain);
      await office.put('north.key', keyPEM);
    };
    await put(await issued());
    const options = { sites: [site.path], clock: CLOCK };
    const one = await office.export(options);
    const outDir = await temporaryFolder();
    const two = await office.export({ ...options, outDir });
    for (const [at, path] of [...one.overlays, one.bundle].entries()) {
      const other = [...two.overlays, two.bundle][at] as string;
      expect((await readFile(other)).equals(await readFile(path))).toBe(true);
    }
    const renewed = await issued();
    await put(renewed);
    const alone = await office.siteFiles({ ...options, mirrors: new Map([['registry.example', '127.0.0.1:1']]) });
    expect(alone).toMatchObject({ action: 'written', catalogue: 2 });
    expect(await site.open((await contents(alone.overlays[0])).bytes[0] as Buffer)).toContain(keyLine(renewed.keyPEM));
    expect(await office.export(options)).toMatchObject({ sequence: 1, release: '1', overlays: alone.overlays });
  });
});

// Licences for sites: read, judged, sealed to each, and what is written of it. Real keys, a registry, Debian's age.
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openBundle } from '../../src/bundle/index.ts';
import { exportSiteFiles } from '../../src/export/index.ts';
import { parseSiteFiles } from '../../src/manifest/index.ts';
import { generateIdentity, openSealed } from '../../src/seal/index.ts';
import { addToFleet, listCatalogue } from '../../src/workspace/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { newOffice, type TestOffice } from '../support/exports.ts';
import { newFleet, newSite, type TestSite, writeCard, writeIdentity } from '../support/fleet.ts';
import { type LicenseServerOptions, licenseServer, respond } from '../support/license-server.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { daysLater, NOW } from '../support/proposals.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { plant } from '../support/secrets.ts';
import { temporaryFolder } from '../support/workspaces.ts';

let registry: TestRegistry;

beforeAll(async () => {
  registry = await startRegistry();
  await pushImage(registry, { repository: 'demo/app', tag: '1' });
  await pushImage(registry, { repository: 'demo/app', tag: '2' });
});
afterAll(() => registry.stop());

interface Desk extends TestOffice {
  /** Where the manifest is. */
  readonly folder: string;
  /** Pins sites and writes their cards, which are called like them. */
  pin(...names: string[]): Promise<{ readonly sites: readonly TestSite[]; readonly cards: readonly string[] }>;
  /** Writes the licence that the manifest names, and the manifest. */
  license(text: string | Uint8Array, more?: string): Promise<void>;
  /** Writes fleet.yaml; answers its path. */
  fleet(text: string): Promise<string>;
  siteFiles: (options?: Parameters<TestOffice['export']>[0]) => ReturnType<typeof exportSiteFiles>;
}

async function desk(): Promise<Desk> {
  const office = await newOffice(registry.host);
  const folder = dirname(office.manifestPath);
  const paths = { workspace: office.workspace.dir, manifestPath: office.manifestPath, outDir: office.out };
  return {
    ...office,
    folder,
    pin: async (...names) => {
      const sites = await newFleet(office.workspace, names);
      const cards: string[] = [];
      for (const site of sites) cards.push(await writeCard(join(folder, `${site.name}.json`), site));
      return { sites, cards };
    },
    license: async (text, more = '') => {
      await writeFile(join(folder, 'license.blob'), text);
      await office.write(['demo/app:1'], `${MANIFEST}${more}`);
    },
    fleet: async (text) => {
      await writeFile(join(folder, 'fleet.yaml'), text);
      return join(folder, 'fleet.yaml');
    },
    siteFiles: (options = {}) => exportSiteFiles({ ...paths, now: NOW, ...options }),
  };
}

const MANIFEST = 'license: {from: ./license.blob, install: /etc/demo/license.blob, mode: "0640"}\n';
const LICENSE = plant('licence of the demo, number 0815\n');
const claims = (more: object = {}) => plant(JSON.stringify({ subject: 'Demo Ltd', serial: '4711-0815', ...more }));

/** The files of a tar by name. */
async function contents(path: string) {
  const bundle = await openBundle(path);
  try {
    const names = bundle.entries.map(({ name }) => name).filter((name) => !name.startsWith('tuf/'));
    const [document] = bundle.siteDocuments;
    const files = document ? parseSiteFiles(document.bytes).files : [];
    const sealed = files[0] && (await bundle.read(`sites/${document?.site}/${files[0].name}`, 2 ** 21));
    return { kind: bundle.kind, names, site: document?.site, files, sealed: sealed as Buffer };
  } finally {
    await bundle.close();
  }
}

const tarsIn = async (folder: string) => (await readdir(folder)).filter((name) => name.endsWith('.tar')).toSorted();

/** The files below these folders that hold a text. */
const holding = (text: string, ...folders: string[]) =>
  spawnSync('grep', ['-rlaF', '--', text.trim(), ...folders])
    .stdout.toString()
    .trim()
    .split('\n')
    .filter(Boolean);

describe('an export for sites', () => {
  it('seals the licence to each, in an overlay of its own, and carries none in the bundle', async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north', 'south');
    await office.license(LICENSE);
    const done = await office.export({ sites: cards });
    const [north, south] = sites as [TestSite, TestSite];
    expect(done).toMatchObject({ action: 'written', warnings: [] });
    expect(done.overlays).toEqual(sites.map(({ site }) => join(office.out, `demo-${site}-1.ferry.tar`)));
    expect(done.bundle).toBe(join(office.out, 'demo-1-1-1.ferry.tar')); // one catalogue for all
    expect((await contents(done.bundle)).names.filter((name) => name.startsWith('sites/'))).toEqual([]);
    for (const [at, { site, open }] of sites.entries()) {
      const overlay = await contents(done.overlays[at] as string);
      expect(overlay).toMatchObject({ kind: 'overlay', site });
      expect(overlay.names).toEqual([`sites/${site}/site-files.json`, `sites/${site}/license.blob.age`]);
      expect(overlay.files).toEqual([
        {
          ...{
            name: 'license.blob.age',
            role: 'license',
            sealed: true,
            install: '/etc/demo/license.blob',
            mode: '0640',
          },
          ...{ size: overlay.sealed.length, digest: expect.stringMatching(/^sha256:/) },
        },
      ]);
      expect(await open(overlay.sealed)).toBe(LICENSE);
    }
    const { sealed } = await contents(done.overlays[0] as string);
    await expect(south.open(sealed)).rejects.toMatchObject({ code: 'NOT_FOR_US' });
    expect(north.age.recipient).not.toBe(south.age.recipient);
  });

  it("gives what Debian's age opens with the identity of that site and of no other", async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north', 'south');
    await office.license(LICENSE);
    const { overlays } = await office.export({ sites: cards });
    const [overlay] = overlays as [string];
    execFileSync('tar', ['-xf', overlay, '-C', office.folder]);
    const file = join(office.folder, `sites/${sites[0]?.site}/license.blob.age`);
    const [own, other] = await Promise.all(sites.map((site) => writeIdentity(office.folder, site)));
    const age = (identity: string) => spawnSync('age', ['-d', '-i', identity, file], { encoding: 'utf8' });
    expect(age(own as string)).toMatchObject({ status: 0, stdout: LICENSE });
    expect(age(other as string)).toMatchObject({ status: 1, stdout: '' });
  });

  it('gives a bundle that skopeo and umoci read', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(LICENSE);
    const { bundle } = await office.export({ sites: cards });
    const seen = execFileSync('skopeo', ['inspect', `oci-archive:${bundle}`], { encoding: 'utf8' });
    expect(JSON.parse(seen)).toMatchObject({ Architecture: 'amd64' });
    const layout = join(office.folder, 'layout');
    await mkdir(layout);
    execFileSync('tar', ['-xf', bundle, '-C', layout]);
    expect(execFileSync('umoci', ['ls', '--layout', layout], { encoding: 'utf8' })).toContain('demo/app:1');
  });

  it('leaves the licence in the clear nowhere: not in the workspace, not on the medium', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(LICENSE);
    await office.export({ sites: cards });
    expect(holding(LICENSE, office.folder, office.workspace.dir)).toEqual([join(office.folder, 'license.blob')]);
    await rm(office.out, { recursive: true });
    const unsealed = await office.export();
    expect(holding(LICENSE, office.folder, office.workspace.dir).toSorted()).toEqual(
      [join(office.folder, 'license.blob'), unsealed.bundle].toSorted(),
    );
  });

  it('makes the same files again, on a medium that has them and on another', async () => {
    const office = await desk();
    const { cards } = await office.pin('north', 'south');
    await office.license(LICENSE);
    const one = await office.export({ sites: cards });
    const two = await office.export({ sites: cards });
    expect(two).toMatchObject({ action: 'unchanged', overlays: one.overlays, bundle: one.bundle });
    expect(two.sites.map(({ action }) => action)).toEqual(['unchanged', 'unchanged']);
    const outDir = await temporaryFolder();
    const other = await office.export({ sites: cards, outDir, now: daysLater(2) });
    expect(other.action).toBe('written');
    for (const name of await tarsIn(office.out)) {
      expect((await readFile(join(outDir, name))).equals(await readFile(join(office.out, name)))).toBe(true);
    }
    expect(await readdir(office.workspace.paths.exports)).toEqual([]);
  });

  it('is written anew where an overlay is missing, and only that', async () => {
    const office = await desk();
    const { cards } = await office.pin('north', 'south');
    await office.license(LICENSE);
    const { overlays } = await office.export({ sites: cards });
    await rm(overlays[1] as string);
    const again = await office.export({ sites: cards });
    expect(again.action).toBe('written');
    expect(again.sites.map(({ action }) => action)).toEqual(['unchanged', 'written']);
  });

  it('never overwrites another file of the name', async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north');
    await office.license(LICENSE);
    const path = join(office.out, `demo-${sites[0]?.site}-1.ferry.tar`);
    await writeFile(path, 'mine');
    await expect(office.export({ sites: cards })).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(await readFile(path, 'utf8')).toBe('mine');
    await rm(path);
    expect(await office.export({ sites: cards })).toMatchObject({ action: 'written', sequence: 1 });
  });

  it('seals anew what changed and nothing else', async () => {
    const office = await desk();
    const { sites } = await office.pin('north', 'south');
    await office.license(LICENSE);
    await writeFile(join(office.folder, 'south.blob'), 'first licence of the south');
    const fleetPath = await office.fleet('sites: [{site: north}, {site: south, license: {from: ./south.blob}}]\n');
    const one = await office.export({ fleetPath });
    await writeFile(join(office.folder, 'south.blob'), 'second licence of the south');
    const two = await office.export({ fleetPath });
    expect(two).toMatchObject({ sequence: 1, release: '1', bundle: join(office.out, 'demo-1-1-2.ferry.tar') });
    const sealed = async (at: number) =>
      Promise.all([one, two].map(async ({ overlays }) => (await contents(overlays[at] as string)).sealed));
    const [before, after] = (await sealed(0)) as [Buffer, Buffer];
    expect(after.equals(before)).toBe(true);
    const [, renewed] = (await sealed(1)) as [Buffer, Buffer];
    expect(await sites[1]?.open(renewed)).toBe('second licence of the south');
  });

  it('seals for the new key once somebody has compared it', async () => {
    const office = await desk();
    const [site] = (await office.pin('north')).sites as [TestSite];
    await office.license(LICENSE);
    const card = join(office.folder, 'north.json');
    const one = await office.export({ sites: [card] });
    const age = await generateIdentity();
    const keys = { ...JSON.parse(site.card().toString()).signed.keys, age: age.recipient };
    const changed = site.card({ keys, issued: '2026-05-02T00:00:00.000Z' });
    await writeFile(card, changed);
    await expect(office.export({ sites: [card] })).rejects.toMatchObject({ code: 'CARD_CHANGED' });
    await addToFleet(office.workspace, changed, { fingerprint: site.fingerprint });
    const two = await office.export({ sites: [card] });
    const { sealed } = await contents(two.overlays[0] as string);
    expect(two.overlays).not.toEqual(one.overlays);
    await expect(site.open(sealed)).rejects.toMatchObject({ code: 'NOT_FOR_US' });
    expect(Buffer.from(await openSealed(sealed, age.identity)).toString()).toBe(LICENSE);
  });

  it('seals anew what was damaged in the cache', async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north');
    await office.license(LICENSE);
    await office.export({ sites: cards });
    const { sealed } = office.workspace.paths;
    const [name = ''] = readdirSync(sealed);
    const bytes = readFileSync(join(sealed, name));
    bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
    await writeFile(join(sealed, name), bytes);
    const { overlays } = await office.export({ sites: cards });
    expect(await sites[0]?.open((await contents(overlays[0] as string)).sealed)).toBe(LICENSE);
    expect((await stat(sealed)).mode & 0o777).toBe(0o700);
    expect(readdirSync(sealed)).toHaveLength(1);
  });

  it.each([
    ['that nobody added', async (_: Desk) => (await newSite({ name: 'stranger' })).card(), 'SITE_UNKNOWN'],
    [
      'of another product',
      async ({ pin }: Desk) => ((await pin('north')).sites[0] as TestSite).card({ product: 'other' }),
      'CARD_PRODUCT',
    ],
    [
      'that was altered',
      async ({ pin }: Desk) =>
        Buffer.from(((await pin('north')).sites[0] as TestSite).card().toString().replace('north', 'nosth')),
      'SIGNATURE_INVALID',
    ],
    ['that is none', async () => Buffer.from('{}'), 'ENVELOPE_INVALID'],
  ])('refuses a card %s and signs nothing', async (_what, card, code) => {
    const office = await desk();
    await office.license(LICENSE);
    const path = join(office.folder, 'card.json');
    await writeFile(path, await card(office));
    await expect(office.export({ sites: [path] })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^card card\.json: /),
    });
    expect(await readdir(office.out)).toEqual([]);
    expect(await listCatalogue(office.workspace)).toEqual([]);
  });

  it('names a card that is not there', async () => {
    const office = await desk();
    await office.license(LICENSE);
    const path = join(office.folder, 'gone.json');
    await expect(office.export({ sites: [path] })).rejects.toMatchObject({ code: 'SOURCE_FILE', facts: { path } });
  });

  it('takes a card twice as once, and says what nobody compared', async () => {
    const office = await desk();
    const site = await newSite({ name: 'unseen' });
    await addToFleet(office.workspace, site.card(), { yes: true });
    const card = await writeCard(join(office.folder, 'card.json'), site);
    await office.license(LICENSE);
    const done = await office.export({ sites: [card, card] });
    expect(done.overlays).toHaveLength(1);
    expect(done.warnings).toEqual([expect.stringMatching(/^sealed for unseen, though nobody compared/)]);
  });

  it('makes no overlay where there is no licence, and says so', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.write(['demo/app:1']);
    const done = await office.export({ sites: cards });
    expect(done).toMatchObject({ overlays: [], warnings: [expect.stringMatching(/^no overlay for north: neither/)] });
    await expect(office.siteFiles({ sites: cards })).rejects.toMatchObject({ code: 'NOTHING_TO_EXPORT' });
  });

  it('wants to know where the licence of a fleet goes', async () => {
    const office = await desk();
    await office.pin('north');
    await office.write(['demo/app:1']);
    await writeFile(join(office.folder, 'l'), LICENSE);
    const fleetPath = await office.fleet('license: {from: ./l}\nsites: [{site: north}]\n');
    await expect(office.export({ fleetPath })).rejects.toMatchObject({
      code: 'MANIFEST_VALUE',
      message: expect.stringContaining('license.install'),
    });
  });
});

describe('a licence', () => {
  it.each([
    ['that has ended', { validUntil: '2026-05-31T00:00:00Z' }, 'LICENSE_ENDED'],
    ['that begins later', { validFrom: '2026-06-03T00:00:00Z' }, 'LICENSE_NOT_YET'],
    ['for another product', { product: 'other' }, 'LICENSE_OTHER_PRODUCT'],
    ['for another site', { site: 'south' }, 'LICENSE_OTHER_SITE'],
  ])('%s is refused before anything is signed', async (_what, more, code) => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(claims(more));
    await expect(office.export({ sites: cards })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/^licence of north: .*license\.blob/),
    });
    if (code !== 'LICENSE_OTHER_SITE') await expect(office.export()).rejects.toMatchObject({ code });
    await expect(office.siteFiles({ sites: cards })).rejects.toMatchObject({ code });
    expect(await readdir(office.out)).toEqual([]);
    expect(await listCatalogue(office.workspace)).toEqual([]);
  });

  it.each(['north', 'the siteID'])('that names the site as %s is sealed for it', async (as) => {
    const office = await desk();
    const { sites, cards } = await office.pin('north');
    await office.license(claims({ site: as === 'north' ? as : sites[0]?.site, product: 'demo' }));
    expect((await office.export({ sites: cards })).overlays).toHaveLength(1);
  });

  it.each([
    [61, undefined],
    [60, 'the licence of north, south ends 2026-07-31, in 60 days'],
    [59, 'the licence of north, south ends 2026-07-30, in 59 days'],
    [1, 'the licence of north, south ends 2026-06-02, in 1 day'],
  ])('that ends in %i days is told when that is soon', async (days, line) => {
    const office = await desk();
    const { cards } = await office.pin('north', 'south');
    const validUntil = daysLater(days).toISOString();
    await office.license(claims({ validUntil }));
    const done = await office.export({ sites: cards });
    expect(done.warnings).toEqual(line === undefined ? [] : [line]);
    expect(done.sites[0]?.validUntil).toEqual(daysLater(days));
    const { files } = await contents(done.overlays[0] as string);
    expect(files[0]?.validUntil).toBe(`${validUntil.slice(0, 19)}Z`);
  });

  it('for one site that travels to any is told', async () => {
    const office = await desk();
    await office.license(claims({ site: 'north' }));
    expect((await office.export()).warnings).toEqual([
      expect.stringContaining('travels unsealed'),
      expect.stringMatching(/^the licence is for site "north" alone/),
    ]);
  });

  it('ends by the clock, not by SOURCE_DATE_EPOCH', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(claims({ validUntil: daysLater(10).toISOString() }));
    const late = { sites: cards, clock: daysLater(11) };
    await expect(office.export(late)).rejects.toMatchObject({ code: 'LICENSE_ENDED' });
  });

  it('is held to the public key of the manifest', async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north');
    const [issuer, stranger] = [licenseIssuer(), licenseIssuer()];
    const key = `publicKey: ${issuer.publicDER}`;
    const more = `license: {from: ./license.blob, install: /etc/demo/license.blob, ${key}}\n`;
    await office.write(['demo/app:1'], more);
    const path = join(office.folder, 'license.blob');
    await writeFile(path, stranger.issue({ product: 'demo' }));
    await expect(office.export({ sites: cards })).rejects.toMatchObject({ code: 'LICENSE_SIGNATURE' });
    const token = `${issuer.issue({ product: 'demo', exp: Math.floor(daysLater(90).getTime() / 1000) })}\n`;
    await writeFile(path, token);
    const done = await office.export({ sites: cards });
    expect(done.sites).toMatchObject([{ name: 'north', validUntil: daysLater(90) }]);
    expect(await sites[0]?.open((await contents(done.overlays[0] as string)).sealed)).toBe(token); // its line end too
  });

  it('of many sites that is refused is told once, and all that is wrong at once', async () => {
    const office = await desk();
    await office.pin('a', 'b', 'c', 'd');
    await office.license(claims({ product: 'other' }));
    await writeFile(join(office.folder, 'c.blob'), claims({ validUntil: '2026-01-01T00:00:00Z' }));
    await writeFile(join(office.folder, 'd.blob'), LICENSE);
    const fleetPath = await office.fleet(
      'sites: [{site: a}, {site: b}, {site: c, license: {from: ./c.blob}}, {site: d, license: {from: ./d.blob}}]\n',
    );
    const refused = await office.export({ fleetPath }).catch((error: unknown) => error);
    expect(refused).toMatchObject({
      code: 'LICENSES_REFUSED',
      errors: [
        { code: 'LICENSE_OTHER_PRODUCT', message: expect.stringMatching(/^licence of a, b: /) },
        { code: 'LICENSE_ENDED', message: expect.stringMatching(/^licence of c: /) },
      ],
    });
    expect(await readdir(office.out)).toEqual([]);
  });

  it.each([
    ['is not there', undefined, 'SOURCE_FILE'],
    ['is empty', '', 'LICENSE_EMPTY'],
    ['is a page', '<!DOCTYPE html><html>log in</html>', 'LICENSE_IS_HTML'],
    ['is endless', Buffer.alloc(2 ** 20 + 1, 'x'), 'LICENSE_TOO_LARGE'],
  ])('in a file that %s is refused', async (_what, bytes, code) => {
    const office = await desk();
    await office.license(bytes ?? '');
    if (bytes === undefined) await rm(join(office.folder, 'license.blob'));
    await expect(office.export()).rejects.toMatchObject({ code });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('wants a name that still fits with .age', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await writeFile(join(office.folder, 'l'), LICENSE);
    const named = (length: number) => `license: {from: ./l, name: ${'l'.repeat(length)}, install: /etc/demo/l}\n`;
    await office.write(['demo/app:1'], named(70));
    await expect(office.export({ sites: cards })).rejects.toMatchObject({ code: 'MANIFEST_VALUE' });
    await office.write(['demo/app:1'], named(69));
    expect((await office.export({ sites: cards })).overlays).toHaveLength(1);
  });
});

describe('a licence by HTTPS', () => {
  const TOKEN = plant('cp-token-of-the-suite');

  async function server(options: LicenseServerOptions = {}) {
    const started = await licenseServer({ token: TOKEN, license: (path) => plant(`licence at ${path}`), ...options });
    onTestFinished(() => started.stop());
    return started;
  }

  const manifestOf = (url: string) =>
    `license: {url: "${url}", tokenEnv: CP_TOKEN, name: license.blob, install: /etc/demo/license.blob}\n`;

  it('is fetched with the token of the environment, and carried unsealed where no site is named', async () => {
    const office = await desk();
    const { url, seen } = await server();
    await office.write(['demo/app:1'], manifestOf(url));
    const done = await office.export({ env: { CP_TOKEN: TOKEN } });
    expect(done.warnings.join()).toContain('license.blob travels unsealed');
    expect((await contents(done.bundle)).sealed.toString()).toBe('licence at /v1/license');
    expect(seen).toEqual([{ path: '/v1/license', authorization: `Bearer ${TOKEN}` }]);
    expect((await office.export({ env: { CP_TOKEN: TOKEN } })).action).toBe('unchanged');
    expect(holding(TOKEN, office.folder, office.workspace.dir)).toEqual([]);
  });

  it('is fetched once for all sites that have one source, and once for each that has its own', async () => {
    const office = await desk();
    const { sites } = await office.pin('a', 'b', 'c', 'd ä');
    const { url, seen } = await server();
    await office.write(['demo/app:1'], manifestOf(url));
    const fleetPath = await office.fleet(
      'sites:\n  - {site: a}\n  - {site: b}\n' +
        `  - {site: c, license: {url: "${url}/{site}?for={name}", tokenEnv: CP_TOKEN}}\n` +
        `  - {site: d ä, license: {url: "${url}/{site}?for={name}", tokenEnv: CP_TOKEN}}\n`,
    );
    const done = await office.export({ fleetPath, env: { CP_TOKEN: TOKEN } });
    const paths = seen.map(({ path }) => path).toSorted();
    const own = [`/v1/license/${sites[2]?.site}?for=c`, `/v1/license/${sites[3]?.site}?for=d%20%C3%A4`];
    expect(paths).toEqual(['/v1/license', ...own.toSorted()]);
    const opened = await Promise.all(
      done.overlays.map(async (path, at) => sites[at]?.open((await contents(path)).sealed)),
    );
    expect(opened).toEqual([
      'licence at /v1/license',
      'licence at /v1/license',
      ...own.map((path) => `licence at ${path}`),
    ]);
  });

  it.each([undefined, '', ' '])('names the variable where the token is missing: %j', async (value) => {
    const office = await desk();
    await office.write(['demo/app:1'], manifestOf('https://cp.example/l?secret=1'));
    await expect(office.export({ env: { CP_TOKEN: value } })).rejects.toMatchObject({
      code: 'TOKEN_MISSING',
      message: 'read licence: expected its token in CP_TOKEN, got no such variable',
    });
  });

  it('trusts the authority of --ca', async () => {
    const office = await desk();
    const tls = await makeCertificates();
    const { url } = await server({ tls });
    await office.write(['demo/app:1'], manifestOf(url));
    await expect(office.siteFiles({ env: { CP_TOKEN: TOKEN } })).rejects.toMatchObject({ code: 'TLS_NOT_TRUSTED' });
    const done = await office.siteFiles({ env: { CP_TOKEN: TOKEN }, caPEM: tls.caPEM });
    expect(done.overlays).toHaveLength(1);
  });

  it('that is denied says for whom, and what to do', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    const { url } = await server();
    await office.write(['demo/app:1'], manifestOf(url));
    await expect(office.export({ sites: cards, env: { CP_TOKEN: 'another' } })).rejects.toMatchObject({
      code: 'LICENSE_DENIED',
      message: expect.stringMatching(/^licence of north: /),
      hint: expect.stringContaining('CP_TOKEN'),
    });
  });

  it('is asked for no more by the other sites once the server has failed', async () => {
    const office = await desk();
    const names = Array.from({ length: 20 }, (_, at) => `plant ${at}`);
    await office.pin(...names);
    const busy = (response: ServerResponse) => respond(response, 503, '', { 'retry-after': '86400' });
    const { url, seen } = await server({ first: names.map(() => busy) });
    await office.write(['demo/app:1'], manifestOf(`${url}/{site}`));
    const fleetPath = await office.fleet(`sites: [${names.map((name) => `{site: ${name}}`).join(', ')}]\n`);
    await expect(office.export({ fleetPath, env: { CP_TOKEN: TOKEN } })).rejects.toMatchObject({
      code: 'LICENSE_SERVER_FAILED',
      message: expect.stringMatching(/^licence of plant \d+: /),
    });
    expect(seen.length).toBeLessThanOrEqual(6);
  });

  it('at a host that no site can have as its name is refused', async () => {
    const office = await desk();
    const { cards } = await office.pin('plant 1');
    await office.write(['demo/app:1'], manifestOf('https://{name}.example/l'));
    await expect(office.export({ sites: cards, env: { CP_TOKEN: TOKEN } })).rejects.toMatchObject({
      code: 'LICENSE_URL_INVALID',
      message: expect.stringMatching(/^licence of plant 1: /),
    });
  });

  it.each(['.', '..'])('is asked for under no other path for a site that calls itself %j', async (name) => {
    const office = await desk();
    await office.pin(name);
    const { url, seen } = await server();
    await office.write(['demo/app:1'], manifestOf(`${url}/{name}/license`));
    const fleetPath = await office.fleet(`sites: [{site: "${name}"}]\n`);
    await expect(office.export({ fleetPath, env: { CP_TOKEN: TOKEN } })).rejects.toMatchObject({ code: 'SOURCE_FILE' });
    expect(seen).toEqual([]);
  });

  it('of a source for each site needs a site', async () => {
    const office = await desk();
    await office.write(['demo/app:1'], manifestOf('https://cp.example/{site}'));
    await expect(office.export({ env: { CP_TOKEN: TOKEN } })).rejects.toMatchObject({ code: 'SITE_NEEDED' });
  });
});

describe('fleet.yaml', () => {
  it('serves sites by ID and by name, each from its own source', async () => {
    const office = await desk();
    const { sites } = await office.pin('north', 'south', 'west');
    await office.license(LICENSE);
    await mkdir(join(office.folder, 'more'));
    for (const { site, name } of sites) await writeFile(join(office.folder, 'more', site), `licence of ${name}`);
    const path = join(office.folder, 'more/fleet.yaml');
    await writeFile(
      path,
      `license: {from: "./{site}"}\nsites:\n  - site: ${sites[0]?.site}\n  - site: south\n  - {site: west, license: {from: ../license.blob}}\n`,
    );
    const done = await office.export({ fleetPath: path });
    expect(done.sites.map(({ site, name }) => [site, name])).toEqual(sites.map(({ site, name }) => [site, name]));
    const opened = await Promise.all(
      done.overlays.map(async (overlay, at) => sites[at]?.open((await contents(overlay)).sealed)),
    );
    expect(opened).toEqual(['licence of north', 'licence of south', LICENSE]);
  });

  it('and a card beside it are one fleet', async () => {
    const office = await desk();
    const { cards } = await office.pin('north', 'south');
    await office.license(LICENSE);
    const fleetPath = await office.fleet('sites: [{site: north}]\n');
    const done = await office.export({ fleetPath, sites: cards });
    expect(done.sites.map(({ name }) => name)).toEqual(['north', 'south']);
  });

  it.each([
    [
      'a site that nobody added',
      'sites:\n  - site: north\n  - site: gone\n',
      'SITE_UNKNOWN',
      /fleet\.yaml:3: .*"gone"/,
    ],
    [
      'one site by two names',
      'sites:\n  - site: north\n  - site: ID\n',
      'FLEET_INVALID',
      /fleet\.yaml:3: .*second time/,
    ],
    [
      'a name of two sites',
      'sites:\n  - site: twin\n',
      'SITE_AMBIGUOUS',
      /fleet\.yaml:2: .*[0-9a-f]{16}, [0-9a-f]{16}/,
    ],
    ['a wrong key', 'sites:\n  - sit: north\n', 'FLEET_INVALID', /fleet\.yaml:2: /],
  ])('with %s is refused with its line', async (_what, text, code, line) => {
    const office = await desk();
    const { sites } = await office.pin('north', 'twin', 'twin');
    await office.license(LICENSE);
    const fleetPath = await office.fleet(text.replace('ID', sites[0]?.site ?? ''));
    await expect(office.export({ fleetPath })).rejects.toMatchObject({ code, message: expect.stringMatching(line) });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('leads a name to no file outside', async () => {
    const office = await desk();
    await office.pin('../license.blob');
    await office.license(LICENSE);
    await mkdir(join(office.folder, 'fleet'));
    const fleetPath = join(office.folder, 'fleet/fleet.yaml');
    await writeFile(fleetPath, 'license: {from: "./{name}"}\nsites: [{site: ../license.blob}]\n');
    await expect(office.export({ fleetPath })).rejects.toMatchObject({
      code: 'SOURCE_FILE',
      hint: 'use {site} instead of {name}',
    });
  });

  it('gives nobody the licence of a site whose name it has taken', async () => {
    const office = await desk();
    const { sites } = await office.pin('south', 'north');
    await office.license(LICENSE);
    for (const { name } of sites) await writeFile(join(office.folder, name), `licence of ${name}`);
    const fleetPath = await office.fleet(`license: {from: "./{name}"}\nsites: [{site: ${sites[0]?.site}}]\n`);
    const renamed = sites[0]?.card({ name: 'north', issued: '2026-05-02T00:00:00.000Z' }) ?? Buffer.of();
    expect(await addToFleet(office.workspace, renamed)).toMatchObject({ name: 'north', action: 'updated' });
    await expect(office.export({ fleetPath })).rejects.toMatchObject({ code: 'SITE_AMBIGUOUS' });
    expect(await readdir(office.out)).toEqual([]);
  });

  it('that is not there is named', async () => {
    const office = await desk();
    await office.license(LICENSE);
    const fleetPath = join(office.folder, 'gone.yaml');
    await expect(office.export({ fleetPath })).rejects.toMatchObject({ code: 'SOURCE_FILE' });
  });
});

describe('an export of site files alone', () => {
  const nowhere = new Map([['registry.example', '127.0.0.1:1']]);

  it('asks no registry and numbers no release', async () => {
    const office = await desk();
    const { sites, cards } = await office.pin('north');
    await office.license(LICENSE);
    const done = await office.siteFiles({ sites: cards, mirrors: nowhere });
    expect(done).toMatchObject({ action: 'written', catalogue: 1, warnings: [] });
    expect(done).not.toHaveProperty('bundle');
    expect(await tarsIn(office.out)).toEqual([`demo-${sites[0]?.site}-1.ferry.tar`]);
    expect(await listCatalogue(office.workspace)).toEqual([]);
    expect(await sites[0]?.open((await contents(done.overlays[0] as string)).sealed)).toBe(LICENSE);
    expect(await office.siteFiles({ sites: cards, mirrors: nowhere })).toMatchObject({
      action: 'unchanged',
      catalogue: 1,
    });
  });

  it('renews after a release, which stays listed', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(LICENSE);
    await office.export({ sites: cards });
    await writeFile(join(office.folder, 'license.blob'), plant('a licence for another year'));
    const done = await office.siteFiles({ sites: cards });
    expect(done.catalogue).toBe(2);
    expect(await listCatalogue(office.workspace)).toMatchObject([{ sequence: 1, state: 'listed' }]);
    expect(await office.export({ sites: cards })).toMatchObject({ sequence: 1, overlays: done.overlays });
  });

  it('of no site makes an overlay for any, unsealed, and says so', async () => {
    const office = await desk();
    await office.license('licence for anybody');
    const done = await office.siteFiles();
    expect(done.overlays).toEqual([join(office.out, 'demo-any-1.ferry.tar')]);
    expect(done.warnings).toEqual([expect.stringContaining('travels unsealed')]);
    expect((await contents(done.overlays[0] as string)).sealed.toString()).toBe('licence for anybody');
  });

  it('is byte for byte the overlay that a whole export makes', async () => {
    const office = await desk();
    const { cards } = await office.pin('north');
    await office.license(LICENSE);
    const whole = await office.export({ sites: cards });
    const copy = `${office.workspace.dir}-copy`;
    await cp(office.workspace.dir, copy, { recursive: true });
    const outDir = await temporaryFolder();
    const alone = await office.siteFiles({ workspace: copy, sites: cards, outDir });
    const [one, two] = [whole.overlays[0] as string, alone.overlays[0] as string];
    expect((await readFile(two)).equals(await readFile(one))).toBe(true);
  });
});

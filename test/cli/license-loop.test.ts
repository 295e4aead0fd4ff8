// The loop of a licence between an office and two sites, as it is typed: card, fleet, sealed overlay, a stick, the import,
// the renewal without images. A real registry, a real engine; the licence is on the stick nowhere in the clear.
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { jsonResult, runMain } from '../support/cli.ts';
import { startEngine, type TestEngine } from '../support/engine.ts';
import { licenseIssuer } from '../support/licenses.ts';
import { pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { leakIn } from '../support/secrets.ts';

const issuer = licenseIssuer();
const NOW = new Date();
const until = (days: number) => Math.floor(NOW.getTime() / 1000) + days * 86_400;
const FIRST = issuer.issue({ product: 'demo', sub: 'Demo Ltd', exp: until(90) });
const RENEWED = issuer.issue({ product: 'demo', sub: 'Demo Ltd', exp: until(400) });

let dir: string;
let engine: TestEngine;
let registry: TestRegistry;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'ferry-loop-'));
  [engine, registry] = await Promise.all([startEngine(), startRegistry()]);
  await pushImage(registry, { repository: 'demo/app', tag: '1' });
  await mkdir(join(dir, 'stick'));
  const images = `images: ["${registry.host}/demo/app:1"]\n`;
  const license = `{from: ./license.blob, install: /etc/demo/license.blob, publicKey: ${issuer.publicDER}}`;
  const text = `product: demo\nrelease: "1"\nplatforms: [linux/amd64]\n${images}license: ${license}\n`;
  await writeFile(join(dir, 'demo.yaml'), text);
  await writeFile(join(dir, 'license.blob'), FIRST);
});

afterAll(async () => {
  await Promise.all([engine?.stop(), registry?.stop()]);
  await rm(dir, { recursive: true, force: true });
});

/** A run at the office, or at the site of that name. */
async function ferry(where: string, argv: readonly string[]) {
  const env = { HOME: dir, FERRY_WORKSPACE: 'office', DOCKER_HOST: engine.host };
  const place = where === 'office' ? {} : { FERRY_STATE: where, FERRY_PREFIX: join(dir, `${where}-root`) };
  const ran = await runMain([...argv, '--json'], { cwd: dir, now: NOW, env: { ...env, ...place } });
  return { ...ran, result: jsonResult(ran) };
}

/** The result of a run that must succeed. */
async function ok(where: string, ...argv: string[]): Promise<Record<string, unknown>> {
  const ran = await ferry(where, argv);
  expect([0, 10], `${argv.join(' ')}: ${ran.stdout}${ran.stderr}`).toContain(ran.status);
  return ran.result;
}

const installed = (site: string) => readFile(join(dir, `${site}-root/etc/demo/license.blob`), 'utf8');

/** Lines of each private key of the office and of the north site, and both licences. */
async function secrets(): Promise<string[]> {
  const names = ['office/keys', 'north/identity'].map(async (folder) =>
    (await readdir(join(dir, folder))).map((name) => join(dir, folder, name)),
  );
  const files = (await Promise.all(names)).flat().filter((path) => !path.endsWith('site.json'));
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8')));
  const lines = texts.flatMap((text) => text.split('\n')).filter((line) => /^(?!-----|#).{16,}/.test(line));
  expect(lines.length).toBeGreaterThan(5);
  return [FIRST, RENEWED, ...lines];
}

/** Files with one of them in the clear, but those whose place it is: keys, the installed licence and the former one. */
async function whereSecretsAre(): Promise<string[]> {
  await writeFile(join(dir, 'secrets.txt'), (await secrets()).join('\n'));
  const places = ['stick', 'second', 'third', 'help', 'office', 'north', 'north.json', 'south.json'];
  const { stdout } = spawnSync('grep', ['-rlaF', '-f', 'secrets.txt', '--', ...places], { cwd: dir });
  const found = stdout.toString().split('\n').filter(Boolean);
  expect(found).toContain('north/identity/age.txt'); // it finds what there is to find
  return found.filter((path) => !/^(?:office\/keys|north\/identity|north\/releases\/\d+\/kept)\//.test(path));
}

/** Names and texts of all receipts, cards and logs in these folders. */
async function papers(...places: string[]): Promise<[string, string][]> {
  const listed = spawnSync('find', [...places, '-type', 'f', '-name', '*.json*'], { cwd: dir, encoding: 'utf8' });
  const paths = listed.stdout.trim().split('\n');
  return Promise.all(paths.map(async (path) => [basename(path), await readFile(join(dir, path), 'utf8')]));
}

describe('a licence', () => {
  it('goes sealed from the office into the file of its site, is renewed without images, and opens nowhere else', async () => {
    const { fingerprint } = (await ok('office', 'init', 'office', '--product', 'demo', '--no-passphrase')) as {
      fingerprint: { hex: string };
    };
    const ids: string[] = [];
    for (const name of ['north', 'south']) {
      await mkdir(join(dir, `${name}-root`));
      await ok(name, 'site', 'init', '--name', name);
      const card = await ok(name, 'site', 'card', '--out', `${name}.json`);
      await ok('office', 'fleet', 'add', `${name}.json`, '--fingerprint', String(card['fingerprint']));
      ids.push(String(card['site']));
    }
    const sites = ['--site', 'north.json', '--site', 'south.json'];
    const [own, other] = (await ok('office', 'export', 'demo.yaml', '--out', 'stick', ...sites))[
      'overlays'
    ] as string[];

    await ok('north', 'import', 'stick', '--fingerprint', fingerprint.hex);
    expect(await installed('north')).toBe(FIRST);
    expect(await ok('north', 'license', 'show')).toMatchObject({ mode: 'valid', daysLeft: 90, subject: 'Demo Ltd' });
    expect(await ok('north', 'import', own as string)).toMatchObject({ files: [{ action: 'same' }] });
    expect((await ferry('north', ['import', other as string])).status).toBe(3);
    expect(await installed('north')).toBe(FIRST);

    await writeFile(join(dir, 'license.blob'), RENEWED);
    await mkdir(join(dir, 'second'));
    const back = join(dir, `stick/demo-${ids[0]}.site.json`); // the card that the import left on the stick
    const renewal = await ok('office', 'export', 'demo.yaml', '--out', 'second', '--site', back, '--only-site-files');
    expect(renewal['overlays']).toEqual([join(dir, `second/demo-${ids[0]}-2.ferry.tar`)]);
    await ok('north', 'import', 'second');
    expect(await installed('north')).toBe(RENEWED);
    expect(await ok('north', 'license', 'show')).toMatchObject({ mode: 'valid', daysLeft: 400 });

    await mkdir(join(dir, 'third'));
    await copyFile(own as string, join(dir, 'third/old.ferry.tar'));
    await ok('north', 'import', 'third/old.ferry.tar'); // superseded by the catalogue that it knows: skipped
    expect(await installed('north')).toBe(RENEWED);

    await ok('north', 'support', '--out', 'help');
    expect(await readdir(join(dir, 'office/exports'))).toEqual([]);

    // what travels back, and what a site writes down for others to read
    const told = await papers('stick', 'second', 'third', 'north/releases', 'north/audit.jsonl', 'north.json');
    expect(told.map(([name]) => name.replace(/[0-9a-f]{16}.*?(?=\.[a-z]+\.json)/, '<site>'))).toEqual(
      expect.arrayContaining([
        'audit.jsonl',
        'north.json',
        'receipt.json',
        'demo-<site>.site.json',
        'demo-<site>.receipt.json',
      ]),
    );
    for (const [name, text] of told) expect([name, leakIn(text)]).toEqual([name, undefined]);
    expect(await whereSecretsAre()).toEqual([]);
  }, 120_000);
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseReleaseManifest } from '../../src/manifest/index.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;
const GOOD = `product: atrium
release: 2.1.0
platforms: [linux/amd64]
images:
  - ghcr.io/atrium/server:2.1.0
  - ghcr.io/atrium/worker:2.1.0@${DIGEST}
files:
  - {name: compose.yaml, from: ./compose.yaml, install: /etc/atrium/compose.yaml}
compose: {project: atrium, file: compose.yaml}
license:
  from: ./license.blob
  install: /etc/atrium/license.blob
  graceDays: 30
tls:
  dir: /etc/atrium/tls
  names: [atrium.example.internal]
  reload: {service: proxy, signal: SIGHUP}
ferry:
  - {from: ./dist/ferry-linux-x64, platform: linux/amd64}
upgradeFrom: ">=1.8"
dataRollback: none
`;

const parse = (text: string) => parseReleaseManifest(text, { path: 'm.yaml' });
const refusal = (find: string, replace: string): { code?: string; message: string } => {
  expect(GOOD).toContain(find);
  try {
    parse(GOOD.replace(find, replace));
  } catch (error) {
    return error as Error;
  }
  throw new Error(`accepted: ${replace}`);
};

describe('parseReleaseManifest', () => {
  it('reads the manifest of the design', () => {
    const manifest = parse(GOOD);
    expect(manifest.images.map(({ name }) => name)).toEqual([
      'ghcr.io/atrium/server:2.1.0',
      'ghcr.io/atrium/worker:2.1.0',
    ]);
    expect(manifest.images[1]?.reference.digest).toBe(DIGEST);
    expect(manifest.platforms).toEqual([{ os: 'linux', architecture: 'amd64' }]);
    expect(manifest.license).toMatchObject({ name: 'license.blob', mode: '0644', graceDays: 30 });
    expect(manifest.ferry).toMatchObject([{ name: 'ferry-linux-x64' }]);
    expect(manifest.dated).toBe(false);
  });

  it('reads where a certificate comes from', () => {
    const tls = {
      chain: './certs/{site}.pem',
      key: './certs/{name}.key',
      ca: './ca.pem',
      keyPassphraseEnv: 'TLS_PASS',
    };
    const lines = Object.entries(tls).map(([key, value]) => `  ${key}: "${value}"\n`);
    expect(parse(GOOD.replace('tls:\n', `tls:\n${lines.join('')}`)).tls).toMatchObject(tls);
  });

  it.each(['chain.pem', 'certificate.pem'])('leaves the name %s to a certificate', (name) => {
    expect(refusal('from: ./license.blob\n', `from: ./${name}\n`)).toMatchObject({
      code: 'MANIFEST_VALUE',
      message: expect.stringContaining('expected a name that no certificate has'),
    });
    const withoutTLS = GOOD.replace(/tls:\n(?: .*\n)*/, '').replace('./license.blob', `./${name}`);
    expect(parse(withoutTLS).license?.name).toBe(name);
  });

  it('knows a release that holds the date', () => {
    expect(parse(GOOD.replace('release: 2.1.0', 'release: "nightly-{date}"')).dated).toBe(true);
  });

  it.each([
    ['an unknown key', 'platforms: [', 'platfroms: [', 3, 'platfroms: unknown key'],
    ['an unknown key within', 'signal: SIGHUP', 'sgnal: SIGHUP', 17, 'tls.reload.sgnal: unknown key'],
    [
      'a number for a release, which loses its zeros',
      'release: 2.1.0',
      'release: 2.10',
      2,
      'got 2.10 (put it in quotes)',
    ],
    ['an image without a tag', 'server:2.1.0', 'server', 5, 'images[0]: '],
    ['an image without a registry', 'ghcr.io/atrium/server', 'server', 5, 'expected a registry first'],
    ['one name twice', 'atrium/worker', 'atrium/server', 6, 'a second time'],
    ['a platform that is none', 'linux/amd64]', 'linux]', 3, 'platforms[0]'],
    ['a word for a number', 'graceDays: 30', 'graceDays: month', 13, 'expected a whole number of days, got month'],
    ['both ways to reload', 'SIGHUP}', 'SIGHUP, restart: true}', 17, 'one of signal and restart'],
    ['no licence source', 'from: ./license.blob\n', 'name: x\n', 10, 'one of from and url'],
    ['a key with no chain', 'dir: /etc/atrium/tls', 'dir: /etc/atrium/tls\n  key: ./a.key', 16, 'expected a chain'],
    ['a root with no chain', 'dir: /etc/atrium/tls', 'dir: /etc/atrium/tls\n  ca: ./ca.pem', 16, 'expected a chain'],
    ['a passphrase', 'dir: /etc/atrium/tls', 'dir: /etc/atrium/tls\n  keyPassphraseEnv: a b', 16, 'name of an env'],
    ['a token with no url', 'graceDays: 30', 'tokenEnv: TOKEN', 13, 'expected a url'],
    ['a compose file that is not carried', 'file: compose.yaml', 'file: other.yaml', 9, 'one of files'],
    ['a mode that others may write', 'install: /etc/atrium/compose.yaml', 'mode: "0666"', 8, 'files[0].mode'],
    ['a mode without quotes', 'install: /etc/atrium/compose.yaml', 'mode: 0644', 8, 'put it in quotes'],
    ['a name with a slash', 'name: compose.yaml', 'name: a/b', 8, 'files[0].name'],
    ['a name used twice', 'from: ./license.blob', 'from: ./compose.yaml', 10, 'each name once'],
    ['a range that is none', '">=1.8"', '"newer"', 20, 'upgradeFrom'],
    ['a product with upper case', 'product: atrium', 'product: Atrium', 1, 'product'],
    ['a control character', 'atrium.example.internal', '"a\\u0007b"', 16, 'tls.names[0]'],
  ])('names the line of %s', (_what, find, replace, line, words) => {
    const { code, message } = refusal(find, replace);
    expect(code).toBe('MANIFEST_VALUE');
    expect(message).toContain(`m.yaml:${line}: `);
    expect(message).toContain(words);
    expect(message).not.toMatch(/\p{Cc}/u);
  });

  it.each([
    ['..', '/etc/atrium/../passwd'],
    ['another folder', '/etc/passwd'],
    ['a folder that only begins the same', '/etc/atriumx/compose.yaml'],
    ['the folder itself', '/etc/atrium'],
    ['a relative path', 'etc/atrium/compose.yaml'],
    ['an empty component', '/etc/atrium//compose.yaml'],
    ["the licence's own place", '/etc/atrium/license.blob'],
    ['a place inside the folder of certificates', '/etc/atrium/tls/privkey.pem'],
  ])('refuses as a destination %s', (_what, path) => {
    const { code, message } = refusal('install: /etc/atrium/compose.yaml', `install: ${path}`);
    expect(code).toBe('DESTINATION_REFUSED');
    expect(message).toMatch(/m\.yaml:(8|12|15): /);
  });

  it('refuses two executables of ferry for one platform', () => {
    const one = '  - {from: ./dist/ferry-linux-x64, platform: linux/amd64}';
    const two = '  - {from: ./dist/ferry-other, platform: linux/x86_64}';
    expect(refusal(one, `${one}\n${two}`)).toMatchObject({ code: 'MANIFEST_VALUE' });
  });

  it.each([
    ['a flow that does not end', 'images:', 'images: ['],
    ['a key given twice', 'dataRollback: none', 'product: x'],
    [
      'aliases that grow without end',
      'dataRollback: none',
      `a: &a [x]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]`,
    ],
  ])('says MANIFEST_YAML for %s', (_what, find, replace) => {
    expect(refusal(find, replace)).toMatchObject({ code: 'MANIFEST_YAML' });
  });

  it('refuses an empty text and a list', () => {
    for (const text of ['', '- a', 'null', '"']) expect(() => parse(text)).toThrow(/read manifest: m\.yaml/);
  });

  it('reads the manifests that ferry ships', () => {
    const folder = join(import.meta.dirname, '../../manifests');
    const names = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'fleet.yaml');
    expect(names).toEqual(expect.arrayContaining(['atrium.yaml', 'demo.yaml']));
    for (const name of names) parseReleaseManifest(readFileSync(join(folder, name), 'utf8'), { path: name });
  });
});

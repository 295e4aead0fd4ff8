import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseFleet } from '../../src/manifest/index.ts';

const SHIPPED = readFileSync(new URL('../../manifests/fleet.yaml', import.meta.url), 'utf8');
const parseText = (text: string) => parseFleet(text, { path: 'fleet.yaml' });

describe('parseFleet', () => {
  it('reads the one that is shipped', () => {
    const { license, sites } = parseText(SHIPPED);
    expect(license).toEqual({
      url: 'https://cp.atrium.sprocksystems.de/offline-licenses/{site}',
      tokenEnv: 'ATRIUM_CP_TOKEN',
    });
    expect(sites).toEqual([
      { site: 'plant-north' },
      { site: 'plant-south' },
      { site: 'harbour', license: { from: './licenses/harbour.blob' } },
    ]);
  });

  it('reads where certificates come from, and names beside those of the release', () => {
    const { tls, sites } = parseText(
      'tls: {chain: "./{site}.pem", ca: ./ca.pem}\nsites:\n  - {site: a, tls: {names: [a.example]}}\n' +
        '  - {site: b, tls: {chain: ./b.pem, key: ./b.key, keyPassphraseEnv: B}}\n',
    );
    expect(tls).toEqual({ chain: './{site}.pem', ca: './ca.pem' });
    expect(sites.map((one) => one.tls)).toEqual([
      { names: ['a.example'] },
      { chain: './b.pem', key: './b.key', keyPassphraseEnv: 'B' },
    ]);
  });

  it('knows on which line a site stands', () => {
    const { where } = parseText('sites:\n  - site: one\n  - site: two\n');
    expect(where(['sites', 1])).toBe('fleet.yaml:3');
  });

  it.each([
    ['no sites', 'license: {from: ./a}\n', 1, 'sites: expected a list of sites, got nothing'],
    ['an empty list', 'sites: []\n', 1, 'at least one site'],
    ['nothing', '', 1, 'expected object'],
    ['an unknown key', 'sites:\n  - site: a\n    licence: {from: ./a}\n', 3, 'unknown key'],
    ['a number for a name', 'sites:\n  - site: 7\n', 2, 'put it in quotes'],
    ['a name on two lines', 'sites:\n  - site: "a\\nb"\n', 2, 'on one line'],
    [
      'two sources',
      'sites:\n  - site: a\n    license: {from: ./a, url: "https://a.example/"}\n',
      3,
      'one of from and url',
    ],
    ['no source', 'sites:\n  - site: a\nlicense: {tokenEnv: A}\n', 3, 'one of from and url'],
    ['a token for a file', 'license: {from: ./a, tokenEnv: A}\nsites: [{site: a}]\n', 1, 'a url with it'],
    [
      'a token in place of a name',
      'license: {url: "https://a.example/", tokenEnv: "a b"}\nsites: [{site: a}]\n',
      1,
      'name of an environment',
    ],
    ['another scheme', 'license: {url: "ftp://a.example/"}\nsites: [{site: a}]\n', 1, 'http or https'],
    ['no host', 'license: {url: "https://[::/{site}"}\nsites: [{site: a}]\n', 1, 'http or https'],
    ['a certificate from nowhere', 'tls: {ca: ./a.pem}\nsites: [{site: a}]\n', 1, 'tls.chain: expected a path'],
    ['a key without a chain', 'sites:\n  - site: a\n    tls: {key: ./a.key}\n', 3, 'tls.key: expected a chain with it'],
    ['names for all', 'tls: {chain: ./a, names: [a.example]}\nsites: [{site: a}]\n', 1, 'unknown key'],
    ['a site twice', 'sites:\n  - site: a\n  - site: b\n  - site: a\n', 4, 'got a a second time'],
  ])('refuses %s and names the line', (_what, text, lineNumber, words) => {
    const at = new RegExp(`^read fleet: fleet\\.yaml:${lineNumber}: .*${words}`);
    expect(() => parseText(text)).toThrow(
      expect.objectContaining({ code: 'FLEET_INVALID', message: expect.stringMatching(at) }),
    );
  });
});

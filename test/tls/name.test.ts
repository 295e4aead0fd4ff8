import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { coversName } from '../../src/tls/covers.ts';
import { parseServerName, TLSError } from '../../src/tls/index.ts';
import { makeRoot } from '../support/pki.ts';

describe('parseServerName', () => {
  it.each([
    ['Plant.Example.COM', 'plant.example.com'],
    ['plant.example.com.', 'plant.example.com'],
    ['*.example.com', '*.example.com'],
    ['plänt.example', 'xn--plnt-moa.example'],
    ['atrium', 'atrium'],
    ['_srv.example', '_srv.example'],
    ['10.0.0.5', '10.0.0.5'],
    ['FE80:0:0:0:0:0:0:1', 'fe80::1'],
    ['[::1]', '::1'],
  ])('reads %s as %s', (text, name) => {
    expect(parseServerName(text)).toBe(name);
    expect(parseServerName(name)).toBe(name);
  });

  it.each([
    '',
    '.',
    '*',
    '*.',
    'a..b',
    'a b',
    '-a.example',
    'a-.example',
    'a.*.example',
    '10.0.0.256',
    '1.2.3',
    'fe80::1%eth0',
    'https://a.example',
    'a.example:443',
    'a.example/x',
    'a,b',
    'a\n.example',
    `${'a'.repeat(64)}.example`,
    `${'a.'.repeat(130)}example`,
  ])('refuses %j', (text) => {
    expect(() => parseServerName(text)).toThrow(expect.objectContaining({ code: 'TLS_NAME_INVALID' }));
    expect(() => parseServerName(text)).toThrow(TLSError);
  });
});

describe('coversName', async () => {
  const root = await makeRoot();
  const { pem } = await root.issue({
    commonName: 'only-common.test',
    names: ['a.test', '*.b.test', 'f*.c.test', '*.test'],
    ips: ['10.0.0.5', 'fe80::1'],
  });
  const certificate = new X509Certificate(pem);

  it.each(['a.test', 'A.TEST', 'x.b.test', '*.b.test', 'f*.c.test', '10.0.0.5', 'fe80:0::1'])(
    'says yes to %s',
    (name) => {
      expect(coversName(certificate, name)).toBe(true);
    },
  );

  it.each([
    ['a name of its common name only', 'only-common.test'],
    ['two labels for one star', 'x.y.b.test'],
    ['what is under the star, without it', 'b.test'],
    ['a star in the middle of a label', 'foo.c.test'],
    ['another star', '*.a.test'],
    ['a star of a whole top-level domain', 'x.test'],
    ['another address', '10.0.0.6'],
  ])('says no to %s', (_why, name) => {
    expect(coversName(certificate, name)).toBe(false);
  });

  it('agrees with OpenSSL on what browsers ask for', () => {
    for (const name of ['a.test', 'x.b.test', 'x.y.b.test', 'b.test', 'foo.c.test', 'x.test']) {
      const byOpenSSL = certificate.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
      expect([name, coversName(certificate, name)]).toEqual([name, byOpenSSL]);
    }
  });
});

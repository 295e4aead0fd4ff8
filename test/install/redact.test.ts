/** Secrets that must not leave a site, in every form in which they turn up. */

import { describe, expect, it } from 'vitest';
import { redactor, redactValue } from '../../src/install/support/redact.ts';
import { generateKey } from '../../src/trust/index.ts';

const redact = redactor([]);

describe('redactor', () => {
  const pem = generateKey().privatePEM;
  const body = pem.split('\n')[1] ?? '';

  it.each([
    ['a private key', pem, body],
    ['a private key in JSON', JSON.stringify({ message: pem }), body],
    ['a private key without its end', pem.slice(0, 80), body.slice(0, 40)],
    ['an age key', 'AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQ', 'QYQSZQGP'],
    ['a bearer', 'Authorization: Bearer abc.def-ghi', 'abc.def'],
    ['a basic credential', 'sent basic dXNlcjpwYXNzd29yZA== to it', 'dXNlcj'],
    ['a URL with a password', 'GET https://robot:hunter2!x@registry.example/v2/', 'hunter2'],
    ['a proxy', 'HTTPS_PROXY=http://me:s3cr3t@10.0.0.1:3128', 's3cr3t'],
    ['a signed URL', 'https://s3/x?X-Amz-Signature=deadbeef01&b=2', 'deadbeef01'],
    ['a token in a query', 'https://r/token?service=a&access_token=tok-12345678', 'tok-12345678'],
    ['a GitHub token', 'used ghp_16C7e42F292c6912E7710c838347Ae178B4a', '16C7e42F'],
    ['a fine-grained token', 'github_pat_11ABCDEFG0abcdefghijkl_mnop', 'abcdefghijkl'],
    ['a GitLab token', 'glpat-abcDEF123456_-xyz', 'abcDEF'],
    ['a Docker token', 'dckr_pat_abcdefghijklmnop', 'abcdefgh'],
    ['an Amazon key', 'AKIAIOSFODNN7EXAMPLE', 'IOSFODNN'],
    ['a licence that is a JWT', 'got eyJhbGciOiJFZERTQSJ9.eyJzaXRlIjoiYSJ9.c2lnbmF0dXJl', 'eyJzaXRl'],
    ['a password', 'password=hunter22', 'hunter22'],
    ['a passphrase in JSON', '{"passphrase": "correct horse battery"}', 'horse'],
    ['a passphrase in JSON in JSON', JSON.stringify(JSON.stringify({ passphrase: 'correct horse' })), 'horse'],
    ['a variable', 'DB_PASSWORD: "a b c d e"', 'a b c'],
    ['a docker config', '{"auths":{"r":{"auth":"dXNlcjpwYXNz"}}}', 'dXNlcjpwYXNz'],
    ['an API key', "api-key='zzzyyyxxx'", 'zzzyyyxxx'],
  ])('takes out %s', (_what, text, secret) => {
    expect(text).toContain(secret);
    expect(redact(text)).not.toContain(secret);
    expect(redact(text)).toContain('[redacted]');
  });

  it.each([
    'import atrium 2.1.0 (sequence 7), begun 2026-11-23T12:00:00Z, was cut off at "move names": run ferry recover',
    'sha256:4b8104a4948ddb20be47dd2a220d2246f3fd89a4ecad9cc3745db928d71270f6',
    'ghcr.io/atrium/server:2.1.0@sha256:4b8104a4948ddb20be47dd2a220d2246f3fd89a4ecad9cc3745db928d71270f6',
    'unix:///var/run/docker.sock',
    '/etc/atrium/tls/privkey.pem is missing: import the release again',
    '{"keyid":"4b8104a4948ddb20be47","sig":"aabbccdd"}',
    'read trust/root.json: expected a token, got a word',
  ])('leaves alone what is none: %s', (text) => {
    expect(redact(text)).toBe(text);
  });

  it('takes out what is known to be secret, as a whole and line by line, but not what is too short to be', () => {
    const licence = 'SITE=atrium-7\nok\nQUJDREVGR0hJSktMTU5PUA\n';
    const known = redactor([licence]);
    expect(known(`x ${licence.trim()} y`)).toBe('x [redacted] y');
    expect(known('parse licence: got QUJDREVGR0hJSktMTU5PUA, ok?')).toBe('parse licence: got [redacted], ok?');
  });
});

describe('redactValue', () => {
  it('goes into everything, and believes names', () => {
    const value = {
      a: ['Bearer abcdefgh', 7, null, true],
      password: { nested: 'x' },
      registryToken: 'no form',
      'registry-token': 'abc',
      'https://u:p4ssw0rd@h/': 1,
    };
    const text = JSON.stringify(redactValue(value, redact));
    for (const secret of ['abcdefgh', 'nested', 'no form', '"abc"', 'p4ssw0rd']) expect(text).not.toContain(secret);
    expect(text).toContain(',7,null,true]');
  });
});

// Where credentials are found: the environment, Docker's configuration, real helper programs.
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findChallenge } from '../../src/registry/challenge.ts';
import { findCredentials } from '../../src/registry/credentials.ts';

let home: string;
let config: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'ferry-test-home-'));
  await mkdir(join(home, '.docker'));
  config = join(home, '.docker', 'config.json');
});
afterEach(() => rm(home, { recursive: true, force: true }));

const write = (value: unknown) => writeFile(config, JSON.stringify(value));
const base64 = (text: string) => Buffer.from(text).toString('base64');
const find = (host: string, env: Record<string, string> = {}) =>
  findCredentials(host, { env: { HOME: home, PATH: `${home}:/usr/bin:/bin`, ...env } });

/** A true program that keeps what it was asked and answers by the rest of the script. */
async function helper(name: string, script: string): Promise<void> {
  const path = join(home, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\nserver=$(cat)\necho "$1 $server" >> ${home}/asked\n${script}\n`);
  await chmod(path, 0o755);
}

describe('findCredentials', () => {
  it('finds none without a configuration, and without an entry', async () => {
    expect(await find('ghcr.io')).toBeUndefined();
    expect(await findCredentials('ghcr.io', { env: {} })).toBeUndefined();
    await write({ auths: { 'other.example': { auth: base64('a:b') }, 'ghcr.io': {} } });
    expect(await find('ghcr.io')).toBeUndefined();
  });

  it.each([
    ['a host', 'ghcr.io', 'ghcr.io'],
    ['a host with a port', 'r.example:5000', 'r.example:5000'],
    ['an address of old', 'ghcr.io', 'https://ghcr.io/v1/'],
    ['Docker Hub', 'docker.io', 'https://index.docker.io/v1/'],
  ])('finds a login under %s', async (_, host, key) => {
    await write({
      auths: { 'ghcr.io.evil.example': { auth: base64('x:x') }, [key]: { auth: base64('me:pass:word\0\0') } },
    });
    expect(await find(host)).toEqual({
      kind: 'password',
      username: 'me',
      password: 'pass:word',
      source: `${config} (${host})`,
    });
  });

  it('goes to DOCKER_CONFIG before the home folder', async () => {
    await write({ auths: { 'ghcr.io': { auth: base64('home:x') } } });
    const other = join(home, 'other');
    await mkdir(other);
    await writeFile(
      join(other, 'config.json'),
      JSON.stringify({ auths: { 'ghcr.io': { username: 'other', password: 'y' } } }),
    );
    expect(await find('ghcr.io', { DOCKER_CONFIG: other })).toMatchObject({ username: 'other', password: 'y' });
  });

  it('asks the helper of the host, then the store, then the file', async () => {
    await helper('one', `printf '{"ServerURL":"%s","Username":"one","Secret":"s1"}' "$server"`);
    await helper(
      'two',
      `case $server in b.example) printf '{"Username":"two","Secret":"s2"}';; *) echo "credentials not found in native keychain"; exit 1;; esac`,
    );
    await write({
      credHelpers: { 'a.example': 'one' },
      credsStore: 'two',
      auths: { 'c.example': { auth: base64('file:s3') } },
    });
    expect(await find('a.example')).toMatchObject({
      username: 'one',
      password: 's1',
      source: 'docker-credential-one (a.example)',
    });
    expect(await find('b.example')).toMatchObject({ username: 'two', password: 's2' });
    expect(await find('c.example')).toMatchObject({ username: 'file', password: 's3' });
    expect(await find('docker.io')).toBeUndefined();
    expect((await readFile(join(home, 'asked'), 'utf8')).trim().split('\n')).toEqual([
      'get a.example',
      'get b.example',
      'get c.example',
      'get https://index.docker.io/v1/',
    ]);
  });

  it("takes a helper's <token> for an identity token", async () => {
    await helper('one', `printf '{"Username":"<token>","Secret":"identity"}'`);
    await write({ credsStore: 'one' });
    expect(await find('a.example')).toEqual({
      kind: 'identity',
      token: 'identity',
      source: 'docker-credential-one (a.example)',
    });
  });

  it('says CREDENTIALS_INVALID for a helper that is missing, fails or babbles, repeating nothing of it', async () => {
    await helper('fails', 'echo "secret-out"; echo "secret-err" >&2; exit 3');
    await helper('babbles', 'echo "secret-out"');
    for (const [name, words] of [
      ['missing', 'no such program'],
      ['fails', 'status 3'],
      ['babbles', 'something else'],
      ['../evil', 'no program'],
    ] as const) {
      await write({ credsStore: name });
      const error = await find('a.example').catch((thrown) => thrown);
      expect(error).toMatchObject({
        code: 'CREDENTIALS_INVALID',
        message: expect.stringContaining(words),
        cause: undefined,
      });
      expect(error.message).not.toContain('secret');
    }
  });

  it('says what is wrong with the file, quoting none of it', async () => {
    await writeFile(config, '{"auths": secret');
    await expect(find('a.example')).rejects.toMatchObject({
      code: 'JSON_INVALID',
      message: expect.stringContaining(config),
    });
    for (const bad of [['list'], { auths: { 'a.example': { auth: base64('no colon secret') } } }]) {
      await write(bad);
      const error = await find('a.example').catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'CREDENTIALS_INVALID', message: expect.stringContaining(config) });
      expect(error.message).not.toContain('secret');
    }
  });

  it('takes GHCR_TOKEN first and GITHUB_TOKEN last, for ghcr.io alone', async () => {
    const env = { GHCR_TOKEN: 'one', GITHUB_TOKEN: 'two' };
    expect(await find('ghcr.io', env)).toEqual({
      kind: 'password',
      username: 'ferry',
      password: 'one',
      source: 'GHCR_TOKEN',
    });
    expect(await find('ghcr.io', { GITHUB_TOKEN: 'two', GITHUB_ACTOR: 'me' })).toEqual({
      kind: 'password',
      username: 'me',
      password: 'two',
      source: 'GITHUB_TOKEN',
    });
    expect(await find('quay.io', env)).toBeUndefined();
    await write({ auths: { 'ghcr.io': { auth: base64('login:x') } } });
    expect(await find('ghcr.io', { GITHUB_TOKEN: 'two' })).toMatchObject({ username: 'login' });
    expect(await find('ghcr.io', env)).toMatchObject({ source: 'GHCR_TOKEN' });
  });
});

describe('findChallenge', () => {
  it("reads ghcr.io's", () => {
    const header = 'Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:atrium/server:pull"';
    expect(findChallenge(header)).toEqual({
      scheme: 'bearer',
      realm: 'https://ghcr.io/token',
      service: 'ghcr.io',
      scope: 'repository:atrium/server:pull',
    });
  });

  it.each([
    ['bearer REALM="https://a/t"', { scheme: 'bearer', realm: 'https://a/t', service: undefined, scope: undefined }],
    ['Basic realm="a, Bearer realm=b"', { scheme: 'basic' }],
    [
      'Basic realm="x", Bearer realm="https://a/t", service=s',
      { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: undefined },
    ],
    [
      'Bearer realm="https://a/t",scope="a \\"b\\", c"',
      { scheme: 'bearer', realm: 'https://a/t', service: undefined, scope: 'a "b", c' },
    ],
    ['Basic', { scheme: 'basic' }],
    ['Negotiate', undefined],
    ['Bearer', undefined],
    ['', undefined],
    ['=,,"', undefined],
  ])('reads %s', (header, expected) => {
    expect(findChallenge(header)).toEqual(expected);
  });

  it('comes to an end on a header made to be slow, at lengths that only a linear search can bear', () => {
    expect(findChallenge(`Bearer ${'a="\\'.repeat(500_000)}`)).toBeUndefined();
    expect(findChallenge(`Bearer ${' '.repeat(2_000_000)}=`)).toBeUndefined();
  });
});

// A licence from its server: who is trusted, what is tried again, what is no licence, and where the token never goes.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FerryError } from '../../src/errors.ts';
import { openHTTP } from '../../src/http/index.ts';
import { type FetchLicenseOptions, fetchLicense, MAX_LICENSE_BYTES } from '../../src/license/index.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { type LicenseAnswer, type LicenseServerOptions, licenseServer, respond } from '../support/license-server.ts';
import { startProxy } from '../support/proxy.ts';
import { testTiming } from '../support/timing.ts';

const TOKEN = 'tok-en.of~the+control/plane==';
const LICENSE = Buffer.from('eyJ.licence.bytes\r\n');
let tls: TestCertificates;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  tls = await makeCertificates(['cp.example']);
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function server(options: LicenseServerOptions = {}) {
  const started = await licenseServer({ tls, license: LICENSE, ...options });
  stops.push(started.stop);
  return started;
}

/** What a fetch told on its way: all of it is held to have no secret. */
const told: string[] = [];
const fetch = (url: string, options: Partial<FetchLicenseOptions> = {}) =>
  fetchLicense({ url, caPEM: tls.caPEM, timing: testTiming(), onRetry: (why) => told.push(why), ...options });

async function failure(fetching: Promise<unknown>): Promise<FerryError> {
  const error = await fetching.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FerryError);
  const { message, code, hint, facts, stack, cause } = error as FerryError;
  told.push(JSON.stringify({ message, code, hint, facts, stack, cause: String(cause) }));
  return error as FerryError;
}

afterAll(() => {
  expect(told.length).toBeGreaterThan(20);
  expect(told.join('\n')).not.toMatch(/tok-en|hidden|licence\.bytes/);
});

const say =
  (status: number, body = '', headers: Record<string, string> = {}): LicenseAnswer =>
  (response) =>
    respond(response, status, body, headers);

describe('fetchLicense', () => {
  it('gives the bytes as they are, by HTTPS with a private authority, the token as Bearer', async () => {
    const { url, seen } = await server({ token: TOKEN });
    expect(await fetch(`${url}?for=plant`, { token: `${TOKEN}\n` })).toEqual(LICENSE);
    expect(seen).toEqual([{ path: '/v1/license?for=plant', authorization: `Bearer ${TOKEN}` }]);
  });

  it('sends no Authorization where there is no token', async () => {
    const { url, seen } = await server();
    for (const token of [undefined, '', ' \n']) await fetch(url, { token });
    expect(seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined, undefined]);
  });

  it('does not trust an authority that nobody named', async () => {
    const { url, seen } = await server();
    const error = await failure(fetchLicense({ url, token: TOKEN, timing: testTiming() }));
    expect(error.code).toBe('TLS_NOT_TRUSTED');
    expect(seen).toEqual([]);
  });

  it('goes by a proxy, which sees no token', async () => {
    const { host, seen } = await server({ token: TOKEN });
    const proxy = await startProxy({ routes: { 'cp.example:443': host } });
    stops.push(proxy.stop);
    const env = { HTTPS_PROXY: `http://${proxy.host}` };
    expect(await fetch('https://cp.example/v1/license', { token: TOKEN, env })).toEqual(LICENSE);
    expect(proxy.seen).toEqual(['CONNECT cp.example:443']);
    expect(seen).toHaveLength(1);
  });

  it('takes a client that several licences share, and leaves it open', async () => {
    const { url, seen } = await server();
    const client = openHTTP({ caPEM: tls.caPEM });
    stops.push(() => client.close());
    for (const site of ['a', 'b']) expect(await fetchLicense({ url: `${url}/${site}`, client })).toEqual(LICENSE);
    expect(seen.map(({ path }) => path)).toEqual(['/v1/license/a', '/v1/license/b']);
  });

  it('speaks plain HTTP to this host, or where that is meant', async () => {
    const { url } = await licenseServer().then((plain) => {
      stops.push(plain.stop);
      return plain;
    });
    expect((await fetch(url)).toString()).toBe('LICENCE');
    const elsewhere = failure(fetch('http://cp.example/v1/license?key=hidden', { token: TOKEN }));
    expect(await elsewhere).toMatchObject({
      code: 'PLAIN_HTTP_REFUSED',
      message: 'fetch the licence from http://cp.example/v1/license: expected https, got plain HTTP',
    });
  });

  it('refuses an address that is none, or holds a password', async () => {
    for (const url of [
      'cp.example/license',
      'file:///etc/license',
      'ftp://cp.example/',
      '',
      'https://me:hidden@cp.example/',
    ]) {
      expect((await failure(fetch(url))).code).toBe('LICENSE_URL_INVALID');
    }
  });

  it('refuses a token that cannot be sent, without repeating it', async () => {
    const { url, seen } = await server();
    for (const token of ['tok-en\r\nx-injected: 1', 'tok-en hidden', 'tok-\u00e9n']) {
      const error = await failure(fetch(url, { token, tokenEnv: 'CP_TOKEN' }));
      expect(error.message).toBe('read the token of CP_TOKEN: expected one word of ASCII, got something else');
    }
    expect(seen).toEqual([]);
  });
});

describe('trouble that passes', () => {
  it('is waited for, as long as the server asks', async () => {
    const timing = testTiming();
    const { url, seen } = await server({
      first: [
        say(503, 'busy', { 'retry-after': '7' }),
        say(429, '', { 'retry-after': 'Mon, 23 Nov 2026 12:01:00 GMT' }),
      ],
    });
    expect(await fetch(url, { timing })).toEqual(LICENSE);
    expect(seen).toHaveLength(3);
    expect(timing.waits).toEqual([7000, 53_000]);
  });

  it('ends: after the last retry, or when the server wants us to wait for hours', async () => {
    const bad = await server({ first: Array.from({ length: 20 }, () => say(500)) });
    expect(await failure(fetch(bad.url, { retries: 3, token: TOKEN }))).toMatchObject({
      code: 'LICENSE_SERVER_FAILED',
      message: `fetch the licence from ${bad.url}: the server failed (status 500)`,
    });
    expect(bad.seen).toHaveLength(4);
    const slow = await server({ first: [say(429, '', { 'retry-after': '7200' })] });
    expect((await failure(fetch(slow.url))).message).toContain('the server asks to wait 7200 s (status 429)');
    expect(slow.seen).toHaveLength(1);
  });

  it('is a connection that is lost before, or in the middle of the body', async () => {
    const dropped: LicenseAnswer = (response) => void response.socket?.destroy();
    const cut: LicenseAnswer = (response) => {
      response.writeHead(200, { 'content-length': String(LICENSE.length) });
      response.write(LICENSE.subarray(0, 5), () => response.socket?.destroy());
    };
    const { url, seen } = await server({ first: [dropped, cut, cut] });
    expect(await fetch(url, { token: TOKEN })).toEqual(LICENSE);
    expect(seen.map(({ authorization }) => authorization)).toEqual(Array(4).fill(`Bearer ${TOKEN}`));
  });

  it('never ends in half a licence', async () => {
    const cut: LicenseAnswer = (response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.socket?.destroy());
    };
    const { url } = await server({ first: [cut, cut, cut] });
    expect((await failure(fetch(url, { retries: 2 }))).code).toBe('CONNECTION_LOST');
  });

  it('ends with the signal', async () => {
    const aborting = new AbortController();
    const reason = new Error('enough');
    const { url } = await server({ first: [() => aborting.abort(reason)] });
    await expect(fetch(url, { signal: aborting.signal })).rejects.toBe(reason);
  });
});

describe('a redirect', () => {
  it('is followed on the same server, with the token', async () => {
    const { url, seen } = await server({ token: TOKEN, first: [say(302, '', { location: '/v2/license' })] });
    expect(await fetch(url, { token: TOKEN })).toEqual(LICENSE);
    expect(seen[1]).toEqual({ path: '/v2/license', authorization: `Bearer ${TOKEN}` });
  });

  it('to any other is refused, token or not', async () => {
    const away = await server();
    for (const token of [TOKEN, undefined]) {
      for (const status of [301, 303, 307]) {
        const home = await server({ first: [say(status, '', { location: `${away.url}?code=hidden` })] });
        expect(await failure(fetch(home.url, { token }))).toMatchObject({
          code: status === 303 ? 'LICENSE_ANSWER' : 'REDIRECT_REFUSED',
        });
      }
    }
    expect(away.seen).toEqual([]);
  });

  it('to another port, name or scheme of the same host is another server', async () => {
    const { url, host, seen } = await server();
    for (const location of [
      `http://${host}/`,
      `https://localhost:${host.split(':')[1]}/`,
      `https://${host.split(':')[0]}/`,
    ]) {
      const home = await server({ first: [say(308, '', { location })] });
      expect((await failure(fetch(home.url, { token: TOKEN }))).code).toBe('REDIRECT_REFUSED');
    }
    expect(seen).toEqual([]);
    expect(await fetch(url)).toEqual(LICENSE);
  });
});

describe('a refusal', () => {
  it('of the token says where the token is set', async () => {
    const { url } = await server({ token: TOKEN });
    const denied = (options: Partial<FetchLicenseOptions>) => failure(fetch(url, options));
    expect(await denied({ token: 'other', tokenEnv: 'CP_TOKEN' })).toMatchObject({
      code: 'LICENSE_DENIED',
      message: `fetch the licence from ${url}: the server denied access (status 401)`,
      hint: 'the token of CP_TOKEN was sent: set CP_TOKEN to one that may read this licence, and check the address',
    });
    expect((await denied({ tokenEnv: 'CP_TOKEN' })).hint).toContain('CP_TOKEN holds no token');
    expect((await denied({})).hint).toContain('license.tokenEnv');
  });

  it.each([
    [403, 'LICENSE_DENIED'],
    [404, 'LICENSE_NOT_FOUND'],
    [410, 'LICENSE_NOT_FOUND'],
    [400, 'LICENSE_ANSWER'],
    [304, 'LICENSE_ANSWER'],
    [202, 'LICENSE_ANSWER'],
    [206, 'LICENSE_ANSWER'],
    [501, 'LICENSE_ANSWER'],
  ])('with status %i is asked once: %s', async (status, code) => {
    const { url, seen } = await server({ first: [say(status, status === 304 ? '' : 'hidden')] });
    expect((await failure(fetch(`${url}?key=hidden`, { token: TOKEN }))).code).toBe(code);
    expect(seen).toHaveLength(1);
  });
});

describe('an answer that is no licence', () => {
  it.each([
    ['an empty one', say(200), 'LICENSE_EMPTY'],
    ['none at all', say(204), 'LICENSE_EMPTY'],
    ['white space', say(200, ' \n'), 'LICENSE_EMPTY'],
    [
      'a page by its type',
      say(200, 'please log in', { 'content-type': 'text/html; charset=utf-8' }),
      'LICENSE_IS_HTML',
    ],
    ['a page by its looks', say(200, '<!doctype html>', { 'content-type': 'application/jwt' }), 'LICENSE_IS_HTML'],
    ['a packed one', say(200, 'x', { 'content-encoding': 'gzip' }), 'LICENSE_ANSWER'],
  ] as const)('is refused: %s', async (_, answer, code) => {
    const { url, seen } = await server({ first: [answer] });
    expect((await failure(fetch(url, { token: TOKEN }))).code).toBe(code);
    expect(seen).toHaveLength(1);
  });

  it('is read no further than a licence can be long, however long it goes on', async () => {
    let sent = 0;
    const endless: LicenseAnswer = (response) => {
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(64 * 1024, 'x'))) sent += 64 * 1024;
        if (!response.destroyed) response.once('drain', more);
      };
      response.writeHead(200);
      more();
    };
    const { url, seen } = await server({ first: [endless] });
    expect((await failure(fetch(url))).code).toBe('LICENSE_TOO_LARGE');
    expect(seen).toHaveLength(1);
    expect(sent).toBeLessThan(32 * MAX_LICENSE_BYTES);
  });

  it('has the largest size there may be', async () => {
    const { url } = await server({ license: Buffer.alloc(MAX_LICENSE_BYTES, 'x') });
    expect(await fetch(url)).toHaveLength(MAX_LICENSE_BYTES);
    const larger = await server({ license: Buffer.alloc(MAX_LICENSE_BYTES + 1, 'x') });
    expect((await failure(fetch(larger.url))).code).toBe('LICENSE_TOO_LARGE');
  });
});

// Which proxy is asked for which address, and the way through a true one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHTTP } from '../../src/http/index.ts';
import { findProxy, isExempt } from '../../src/http/proxy.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { listen } from '../support/fake-registry.ts';
import { startProxy, type TestProxy } from '../support/proxy.ts';
import { basic } from '../support/registry.ts';

const url = (text: string): URL => new URL(text);

describe('findProxy', () => {
  const env = { HTTPS_PROXY: 'http://p:1', http_proxy: 'q.example:2', NO_PROXY: 'ghcr.io' };

  it('goes by the scheme of the address, and by upper or lower case names', () => {
    expect(findProxy(url('https://a.example/'), env)?.href).toBe('http://p:1/');
    expect(findProxy(url('http://a.example/'), env)?.href).toBe('http://q.example:2/');
    expect(findProxy(url('https://a.example/'), {})).toBeUndefined();
    expect(findProxy(url('https://a.example/'), { HTTPS_PROXY: '' })).toBeUndefined();
  });

  it('leaves out what NO_PROXY names and, always, this host', () => {
    for (const host of ['ghcr.io', 'localhost:5000', '127.0.0.1', '127.9.9.9', '[::1]:5000']) {
      expect(findProxy(url(`https://${host}/`), env), host).toBeUndefined();
    }
  });

  it('refuses a proxy of another kind without repeating its text', () => {
    const find = () => findProxy(url('https://a.example/'), { HTTPS_PROXY: 'socks5://me:secret@p:1' });
    expect(find).toThrow(expect.objectContaining({ code: 'PROXY_REFUSED' }));
    expect(find).not.toThrow(/secret/);
  });
});

describe('isExempt', () => {
  const rows: [string, string, boolean][] = [
    ['https://ghcr.io/', 'ghcr.io', true],
    ['https://api.ghcr.io/', 'ghcr.io', true],
    ['https://notghcr.io/', 'ghcr.io', false],
    ['https://ghcr.io/', '.ghcr.io', false],
    ['https://api.ghcr.io/', '.ghcr.io', true],
    ['https://api.ghcr.io/', '*.ghcr.io', true],
    ['https://ghcr.io:5000/', 'ghcr.io:443', false],
    ['https://ghcr.io/', 'ghcr.io:443', true],
    ['https://10.1.2.3/', '10.0.0.0/8', true],
    ['https://11.1.2.3/', '10.0.0.0/8', false],
    ['https://[fd00::1]/', 'fd00::/8', true],
    ['https://[fd00::1]/', 'fd00::1', true],
    ['https://10.1.2.3/', '10.1.2.3', true],
    ['https://10.1.2.3/', '10.1.2.3/99', false],
    ['https://a.example/', ' , x.example , * ', true],
    ['https://A.EXAMPLE/', 'a.Example', true],
    ['https://a.example/', '', false],
  ];
  it.each(rows)('%s with NO_PROXY=%s: %s', (address, list, expected) => {
    expect(isExempt(url(address), list)).toBe(expected);
  });
});

describe('a request by a proxy', () => {
  let certificates: TestCertificates;
  let proxy: TestProxy;
  const stops: (() => Promise<void>)[] = [];
  const authorization = basic('me', 'p@ss');

  beforeAll(async () => {
    certificates = await makeCertificates(['registry.example']);
    const answer = (text: string) => (_: unknown, response: import('node:http').ServerResponse) =>
      void response.end(text);
    const secure = await listen(answer('by TLS'), { tls: certificates });
    const plain = await listen(answer('in plain'));
    proxy = await startProxy({
      routes: {
        'registry.example:443': secure.host,
        'wrong.example:443': secure.host,
        'plain.example:80': plain.host,
      },
      authorization,
    });
    stops.push(secure.stop, plain.stop, proxy.stop);
  });
  afterAll(async () => {
    await Promise.all(stops.map((stop) => stop()));
  });

  const open = (user: string) => {
    const address = `http://${user}${proxy.host}`;
    return openHTTP({ env: { HTTPS_PROXY: address, HTTP_PROXY: address }, caPEM: certificates.caPEM });
  };

  it('goes through a tunnel to a server whose certificate is checked', async () => {
    const client = open('me:p%40ss@');
    const response = await client.send(url('https://registry.example/v2/'));
    expect((await response.beginning()).toString()).toBe('by TLS');
    expect(proxy.seen).toContain('CONNECT registry.example:443');
    await client.close();
  });

  it('refuses a certificate that is for another name', async () => {
    const client = open('me:p%40ss@');
    await expect(client.send(url('https://wrong.example/'))).rejects.toMatchObject({
      code: 'TLS_NOT_TRUSTED',
      message: expect.stringContaining('made for another name'),
    });
    await client.close();
  });

  it('goes in absolute form for plain HTTP', async () => {
    const client = open('me:p%40ss@');
    const response = await client.send(url('http://plain.example/x?y=1'));
    expect((await response.beginning()).toString()).toBe('in plain');
    expect(proxy.seen).toContain('GET http://plain.example/x?y=1');
    await client.close();
  });

  it('says PROXY_REFUSED, the proxy and the status, and no password', async () => {
    for (const [user, address, status] of [
      ['me:wrong@', 'https://registry.example/', 407],
      ['me:p%40ss@', 'https://other.example/', 502],
    ] as const) {
      const client = open(user);
      const error = await client.send(url(address)).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'PROXY_REFUSED', facts: { status } });
      expect(error.message).toContain(proxy.host);
      expect(JSON.stringify([error.message, error.facts, String(error.cause)])).not.toMatch(/wrong|p@ss|p%40ss/);
      await client.close();
    }
  });

  it('says PROXY_REFUSED when no proxy listens there', async () => {
    const client = openHTTP({ env: { HTTPS_PROXY: 'http://127.0.0.1:9' } });
    const sending = client.send(url('https://registry.example/'));
    await expect(sending).rejects.toMatchObject({ code: 'PROXY_REFUSED' });
    await client.close();
  });
});

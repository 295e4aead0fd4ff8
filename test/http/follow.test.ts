// Where a redirect may lead, and what stays behind.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { follow, type HTTPClient, openHTTP } from '../../src/http/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { listen } from '../support/fake-registry.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A server that answers by path, and notes the Authorization that came with each. */
async function server(pages: Record<string, (response: ServerResponse) => void>, options = {}) {
  const seen: [string, string | undefined][] = [];
  const { host, stop } = await listen((request: IncomingMessage, response: ServerResponse) => {
    seen.push([request.url ?? '', request.headers.authorization]);
    const page = pages[request.url ?? ''];
    if (page) page(response);
    else response.writeHead(404).end();
  }, options);
  stops.push(stop);
  return { host, seen };
}

function client(options = {}): HTTPClient {
  const http = openHTTP(options);
  stops.push(() => http.close());
  return http;
}

const to =
  (location: string, status = 307) =>
  (response: ServerResponse) =>
    void response.writeHead(status, { location }).end('moved');
const text = (body: string) => (response: ServerResponse) => void response.end(body);
const request = { headers: { authorization: 'Bearer secret', accept: 'x' } };

describe('follow', () => {
  it('leaves Authorization behind when another port is entered, and does not bring it back', async () => {
    const home: Awaited<ReturnType<typeof server>> = await server({
      '/a': (response) => to(`http://${away.host}/b`)(response),
      '/c': text('end'),
    });
    const away = await server({ '/b': (response) => to(`http://${home.host}/c`)(response) });
    const response = await follow(client(), { url: new URL(`http://${home.host}/a`), request });
    expect((await response.beginning()).toString()).toBe('end');
    expect(home.seen).toEqual([
      ['/a', 'Bearer secret'],
      ['/c', undefined],
    ]);
    expect(away.seen).toEqual([['/b', undefined]]);
  });

  it('keeps it on the same host', async () => {
    const home = await server({ '/a': to('/b?x=1'), '/b?x=1': text('end') });
    await (await follow(client(), { url: new URL(`http://${home.host}/a`), request })).discard();
    expect(home.seen[1]).toEqual(['/b?x=1', 'Bearer secret']);
  });

  it('gives back a 303 to another host, follows one on its own', async () => {
    const away = await server({ '/web': text('a page for people') });
    const home = await server({
      '/referrers': to(`http://${away.host}/web`, 303),
      '/a': to('/b', 303),
      '/b': text('end'),
    });
    const response = await follow(client(), { url: new URL(`http://${home.host}/referrers`), request });
    expect(response.status).toBe(303);
    await response.discard();
    expect(away.seen).toEqual([]);
    expect((await follow(client(), { url: new URL(`http://${home.host}/a`), request })).status).toBe(200);
  });

  it('goes from TLS to plain HTTP only where that host was named', async () => {
    const tls = await makeCertificates();
    const plain = await server({ '/b': text('end') });
    const secure = await server(
      { '/a': to(`http://${plain.host.replace('127.0.0.1', 'other.example')}/b`), '/l': to(`http://${plain.host}/b`) },
      { tls },
    );
    const http = client({ caPEM: tls.caPEM });
    const refused = follow(http, { url: new URL(`https://${secure.host}/a`), request });
    await expect(refused).rejects.toMatchObject({ code: 'PLAIN_HTTP_REFUSED' });
    const named = { plainHTTP: new Set([plain.host]) };
    expect((await follow(http, { url: new URL(`https://${secure.host}/l`), request }, named)).status).toBe(200);
  });

  it('refuses other schemes and endless hops', async () => {
    const home = await server({ '/file': to('file:///etc/passwd'), '/loop': to('/loop') });
    for (const path of ['/file', '/loop']) {
      const following = follow(client(), { url: new URL(`http://${home.host}${path}`), request });
      await expect(following).rejects.toMatchObject({ code: 'REDIRECT_REFUSED' });
    }
    expect(home.seen.filter(([path]) => path === '/loop').length).toBe(6);
  });

  it('does not take a user and password from a Location', async () => {
    const away = await server({ '/b': text('end') });
    const home = await server({ '/a': to(`http://me:hidden@${away.host}/b`) });
    expect((await follow(client(), { url: new URL(`http://${home.host}/a`), request })).status).toBe(200);
    expect(away.seen).toEqual([['/b', undefined]]);
  });
});

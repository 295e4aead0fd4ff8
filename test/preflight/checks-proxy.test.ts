// The checks by a real squid: one that lets CONNECT and WebSocket upgrades through, and one that does not; and by a proxy
// that wants TLS and a password. The names are known to the proxy alone, so whatever answers came by it.
import { createServer as createTLSServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckOutcome, type CheckTarget, runCheck } from '../../src/preflight/index.ts';
import { type CheckServer, json, webServer } from '../support/check-servers.ts';
import { type Authority, makeRoot } from '../support/pki.ts';
import { freePort } from '../support/port.ts';
import { startProxy } from '../support/proxy.ts';
import { plant } from '../support/secrets.ts';
import { startSquid, type TestSquid } from '../support/squid.ts';

const NAME = 'control.test';
let root: Authority;
let secured: CheckServer;
let plain: CheckServer;
let open: TestSquid;
let shut: TestSquid;

const check = (proxy: string, target: Partial<CheckTarget> & Pick<CheckTarget, 'kind'>): Promise<CheckOutcome> => {
  const env = { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
  return runCheck(
    { host: NAME, port: secured.port, ...target },
    { env, timeoutMs: 10_000, now: new Date(), caPEM: root.pem },
  );
};

beforeAll(async () => {
  root = await makeRoot('Proxied Root');
  const { pem, keyPEM } = await root.issue({ names: [NAME] });
  const directory = { newNonce: 'https://a.test/', newAccount: 'https://a.test/', newOrder: 'https://a.test/' };
  const answers = { '/directory': json(directory), '/v2/': json({}), '/agent': json({}) };
  secured = await webServer(answers, { certPEM: pem, keyPEM: plant(keyPEM) });
  plain = await webServer(answers);
  [open, shut] = await Promise.all([
    startSquid({ names: [NAME], allow: true }),
    startSquid({ names: [NAME], allow: false }),
  ]);
});

afterAll(async () => {
  await Promise.all([secured, plain, open, shut].map((server) => server?.stop()));
});

describe('a proxy that lets through', () => {
  it('is used for all that is HTTP or WebSocket, and is named', async () => {
    for (const kind of ['https', 'acme', 'registry', 'websocket'] as const) {
      const url = kind === 'websocket' ? `wss://${NAME}:${secured.port}/agent` : undefined;
      const outcome = await check(open.url, { kind, ...(url !== undefined && { url }) });
      expect(outcome).toMatchObject({ ok: true, facts: { issuer: 'Proxied Root' } });
      expect(outcome.detail).toContain(`by the proxy ${new URL(open.url).host}`);
    }
  });

  it('passes a WebSocket without TLS too', async () => {
    const outcome = await check(open.url, { kind: 'websocket', url: `ws://${NAME}:${plain.port}/agent` });
    expect(outcome).toMatchObject({ ok: true, facts: { status: 101 } });
  });

  it('says so where it does not reach a host itself', async () => {
    const outcome = await check(open.url, { kind: 'https', port: await freePort() });
    expect(outcome).toMatchObject({ ok: false, stage: 'proxy', facts: { status: 503 } });
    expect(outcome.hint).toMatch(/the proxy itself does not reach the host/);
  });
});

describe('a proxy that does not', () => {
  it('is told: CONNECT refused', async () => {
    const outcome = await check(shut.url, { kind: 'websocket', url: `wss://${NAME}:${secured.port}/agent` });
    expect(outcome).toMatchObject({ ok: false, stage: 'proxy', facts: { status: 403 } });
    expect(outcome.detail).toMatch(/expected a way through, got status 403 \(ERR_ACCESS_DENIED\)/);
    expect(outcome.hint).toMatch(/ask whoever runs it to allow/);
  });

  it('is told: the upgrade taken out, by whom', async () => {
    const outcome = await check(shut.url, { kind: 'websocket', url: `ws://${NAME}:${plain.port}/agent` });
    expect(outcome).toMatchObject({ ok: false, stage: 'protocol', facts: { status: 200 } });
    expect(outcome.detail).toMatch(/expected an upgrade to a WebSocket \(101\), got status 200 from "1\.1 squid\.test/);
  });

  it('is told: nobody there, a name nobody knows, no proxy at all', async () => {
    const gone = await check(`http://127.0.0.1:${await freePort()}`, { kind: 'https' });
    expect(gone).toMatchObject({
      ok: false,
      stage: 'proxy',
      detail: expect.stringMatching(/nobody listens.*it is the proxy/),
    });
    expect(await check('socks5://x:1', { kind: 'https' })).toMatchObject({ ok: false, stage: 'proxy' });
    const web = await check(`http://127.0.0.1:${plain.port}`, { kind: 'https' });
    expect(web).toMatchObject({ ok: false, stage: 'proxy' });
  });
});

describe('a proxy with a password', () => {
  it('gets it, by TLS as well, and no line tells it', async () => {
    const authorization = `Basic ${Buffer.from('carrier:open sesame').toString('base64')}`;
    const behind = `127.0.0.1:${secured.port}`;
    const routes = { [`${NAME}:${secured.port}`]: behind, [`${NAME}:443`]: behind };
    const proxy = await startProxy({ routes, authorization });
    const { pem, keyPEM } = await root.issue({ ips: ['127.0.0.1'] });
    const sockets = new Set<Socket>();
    const front = createTLSServer({ cert: pem, key: plant(keyPEM) });
    front.on('connect', (request, client: Socket) => {
      const behind = connect(Number(proxy.host.split(':')[1]), '127.0.0.1');
      for (const each of [client, behind]) sockets.add(each.on('error', () => {}));
      behind.write(
        `CONNECT ${request.url} HTTP/1.1\r\nhost: x\r\nproxy-authorization: ${request.headers['proxy-authorization']}\r\n\r\n`,
      );
      behind.pipe(client).pipe(behind);
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as import('node:net').AddressInfo;
    const word = plant('open%20sesame');
    try {
      expect(await check(`http://carrier:${word}@${proxy.host}`, { kind: 'https' })).toMatchObject({ ok: true });
      expect(await check(`https://carrier:${word}@127.0.0.1:${port}`, { kind: 'https' })).toMatchObject({ ok: true });
      // On the port of the web a handshake alone goes the way of HTTP.
      const handshake = await check(`http://carrier:${word}@${proxy.host}`, { kind: 'tls', port: 443 });
      expect(handshake).toMatchObject({ ok: true, detail: expect.stringContaining(`by the proxy ${proxy.host}`) });
      const wrong = await check(`http://carrier:wrong-word@${proxy.host}`, { kind: 'https' });
      expect(wrong).toMatchObject({ ok: false, stage: 'proxy', facts: { status: 407 } });
      expect(wrong.hint).toMatch(/wants a user and password/);
      expect(JSON.stringify(wrong)).not.toMatch(/wrong-word|carrier|Basic/);
    } finally {
      for (const socket of sockets) socket.destroy();
      front.close();
      await proxy.stop();
    }
  });
});

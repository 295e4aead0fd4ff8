// The checks, straight to true servers: what each kind takes for an answer, and in which words it says what is wrong.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CheckOutcome, type CheckTarget, runCheck } from '../../src/preflight/index.ts';
import { type CheckServer, json, redirect, type Served, tcpServer, webServer } from '../support/check-servers.ts';
import { startExim } from '../support/exim.ts';
import { type Exchange, fakeRegistry } from '../support/fake-registry.ts';
import { type Authority, bundlePEM, type Issued, makeRoot } from '../support/pki.ts';
import { freePort } from '../support/port.ts';
import { ACCOUNT, basic, buildImage, layerTar, pushImage, startRegistry } from '../support/registry.ts';
import { plant } from '../support/secrets.ts';
import { startTokenServer } from '../support/token-server.ts';

const HOST = '127.0.0.1';
const DAY = 86_400_000;
const servers: { stop(): Promise<void> }[] = [];
let root: Authority;
let good: Served;

const keep = async <S extends { stop(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
  const server = await starting;
  servers.push(server);
  return server;
};
const servedOf = ({ pem, keyPEM }: Issued): Served => ({ certPEM: pem, keyPEM: plant(keyPEM) });
const check = (
  target: Partial<CheckTarget> & Pick<CheckTarget, 'kind'>,
  more: { timeoutMs?: number; env?: Record<string, string>; now?: Date; trusting?: boolean } = {},
): Promise<CheckOutcome> => {
  const { timeoutMs = 10_000, env = {}, now = new Date(), trusting = true } = more;
  const context = { env, timeoutMs, now, ...(trusting ? { caPEM: root.pem } : {}) };
  return runCheck({ host: HOST, port: 443, ...target }, context);
};

beforeAll(async () => {
  root = await makeRoot('Ferry Test Root');
  good = servedOf(await root.issue({ names: ['localhost'], ips: [HOST] }));
});

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
});

describe('dns', () => {
  it('takes the names of this host’s own file', async () => {
    expect(await check({ kind: 'dns', host: 'localhost' })).toMatchObject({ ok: true, stage: 'dns' });
  });
});

describe('tcp', () => {
  it('connects, and says that nobody listens where nobody does', async () => {
    const { port } = await keep(tcpServer());
    expect(await check({ kind: 'tcp', port })).toMatchObject({ ok: true, stage: 'tcp', facts: { address: HOST } });
    const closed = await check({ kind: 'tcp', port: await freePort() });
    expect(closed).toMatchObject({ ok: false, stage: 'tcp', facts: { why: 'ECONNREFUSED' } });
    expect(closed.detail).toMatch(/nobody listens/);
  });

  it('tries IPv6 and IPv4: a server of one family is found under a name of both', async () => {
    const four = await keep(tcpServer());
    const six = await keep(tcpServer(undefined, '::1'));
    for (const [{ port }, address] of [[four, HOST] as const, [six, '::1'] as const]) {
      expect(await check({ kind: 'tcp', host: 'localhost', port })).toMatchObject({ ok: true, facts: { address } });
    }
  });
});

describe('tls', () => {
  const served = async (issued: Issued) => keep(webServer({}, servedOf(issued)));

  it('says by whom a good certificate is and until when', async () => {
    const { port } = await keep(webServer({}, good));
    const outcome = await check({ kind: 'tls', port });
    expect(outcome).toMatchObject({ ok: true, stage: 'tls', facts: { issuer: 'Ferry Test Root' } });
    expect(outcome.detail).toMatch(/certificate by "Ferry Test Root" until \d{4}-\d\d-\d\d/);
  });

  it('tells an authority that is not known here, as of a proxy that opens TLS', async () => {
    const other = await makeRoot('Corp Inspection\u202e CA');
    const { port } = await served(await other.issue({ ips: [HOST] }));
    const outcome = await check({ kind: 'tls', port });
    expect(outcome).toMatchObject({ ok: false, stage: 'tls', facts: { fault: 'authority' } });
    expect(outcome.detail).toContain('got one by "Corp Inspection\\u{202e} CA"');
    expect(outcome.hint).toMatch(/proxy or firewall that opens TLS/);
  });

  it('tells an expired one, one ahead of its time, and one for another name', async () => {
    const expired = await served(await root.issue({ ips: [HOST], notAfter: new Date(Date.now() - DAY) }));
    expect(await check({ kind: 'tls', port: expired.port })).toMatchObject({ ok: false, facts: { fault: 'expired' } });
    const early = await served(await root.issue({ ips: [HOST], notBefore: new Date(Date.now() + DAY) }));
    expect(await check({ kind: 'tls', port: early.port })).toMatchObject({ ok: false, facts: { fault: 'not-yet' } });
    const other = await served(await root.issue({ names: ['other.test'] }));
    const outcome = await check({ kind: 'tls', port: other.port });
    expect(outcome).toMatchObject({ ok: false, facts: { fault: 'name' } });
    expect(outcome.detail).toContain('expected a certificate for 127.0.0.1, got one for other.test');
  });

  it('judges dates by the clock that it is given', async () => {
    const { port } = await keep(webServer({}, good));
    const outcome = await check({ kind: 'tls', port }, { now: new Date(Date.now() + 1000 * DAY) });
    expect(outcome).toMatchObject({ ok: false, facts: { fault: 'expired' } });
  });

  it('tells a server that speaks something else, one that hangs up, and one that is silent', async () => {
    const plain = await keep(webServer({}));
    expect(await check({ kind: 'tls', port: plain.port })).toMatchObject({ facts: { code: 'PLAIN_HTTP_REFUSED' } });
    const deaf = await keep(tcpServer((socket) => socket.once('data', () => socket.destroy())));
    expect(await check({ kind: 'tls', port: deaf.port })).toMatchObject({
      stage: 'tls',
      facts: { code: 'CONNECTION_LOST' },
    });
    const silent = await keep(tcpServer());
    const outcome = await check({ kind: 'tls', port: silent.port }, { timeoutMs: 100 });
    expect(outcome).toMatchObject({ ok: false, stage: 'tls', facts: { code: 'NO_ANSWER' } });
    expect(outcome.detail).toMatch(/no answer within 0\.1 s/);
  });

  it('refuses an authority file that is none', async () => {
    const { port } = await keep(webServer({}, good));
    const context = { env: {}, timeoutMs: 5000, now: new Date(), caPEM: 'no certificate' };
    expect(await runCheck({ kind: 'tls', host: HOST, port }, context)).toMatchObject({ ok: false, stage: 'tls' });
  });
});

describe('https', () => {
  it('takes any word of the server itself, and shows no query', async () => {
    const { port } = await keep(webServer({ '/in': redirect('/out?token=s3cret'), '/out': json({}) }, good));
    const url = `https://${HOST}:${port}`;
    expect(await check({ kind: 'https', url: `${url}/nothing` })).toMatchObject({ ok: true, facts: { status: 404 } });
    const outcome = await check({ kind: 'https', url: `${url}/in?key=s3cret` });
    expect(outcome).toMatchObject({ ok: true, facts: { status: 200 } });
    expect(JSON.stringify(outcome)).not.toContain('s3cret');
  });

  it('does not take failures, loops, ways out of TLS and garbage', async () => {
    const { port } = await keep(
      webServer(
        { '/502': json({}, 502), '/loop': redirect('/loop'), '/out': redirect('http://portal.test/login') },
        good,
      ),
    );
    const at = (path: string) => check({ kind: 'https', url: `https://${HOST}:${port}${path}` });
    expect(await at('/502')).toMatchObject({ ok: false, stage: 'http', facts: { status: 502 } });
    expect((await at('/loop')).detail).toMatch(/more than 5 redirects/);
    expect((await at('/out')).detail).toMatch(/got a way out of TLS, to http:\/\/portal\.test/);
    const garbage = await keep(tcpServer((socket) => socket.end('\u001b[2J who are you\n')));
    const outcome = await check({ kind: 'https', url: `http://${HOST}:${garbage.port}/` });
    expect(outcome).toMatchObject({ ok: false, stage: 'http' });
    expect(outcome.detail).toMatch(/something that is no HTTP/);
    expect(outcome.detail).not.toContain('\u001b');
  });

  it('ends a header without end and a body without end', async () => {
    const flood = (head: string) =>
      keep(
        tcpServer((socket) => {
          socket.write(head);
          const pour = () => {
            while (socket.writable && socket.write('x'.repeat(65_536)));
            if (socket.writable) socket.once('drain', pour);
          };
          pour();
        }),
      );
    const headers = await flood('HTTP/1.1 200 OK\r\nx: ');
    const url = (port: number) => `http://${HOST}:${port}/directory`;
    expect(await check({ kind: 'https', url: url(headers.port) })).toMatchObject({ ok: false, stage: 'http' });
    const body = await flood('HTTP/1.1 200 OK\r\n\r\n{"');
    expect((await check({ kind: 'acme', url: url(body.port) })).detail).toMatch(/got more than 1 MiB/);
  });
});

describe('acme', () => {
  it('takes a directory, and nothing else', async () => {
    const to = (name: string) => `https://ca.test/${name}`;
    const directory = { newNonce: to('n'), newAccount: to('a'), newOrder: to('o') };
    const page: Parameters<typeof webServer>[0][string] = (_, response) => response.end('<h1>Login</h1>');
    const { port } = await keep(
      webServer({ '/directory': json(directory), '/half': json({ newNonce: to('n') }), '/page': page }, good),
    );
    expect(await check({ kind: 'acme', port })).toMatchObject({ ok: true, stage: 'protocol' });
    const at = (path: string) => check({ kind: 'acme', url: `https://${HOST}:${port}${path}` });
    expect((await at('/half')).detail).toMatch(/JSON without newAccount, newOrder/);
    expect((await at('/page')).detail).toMatch(/expected an ACME directory, got something else/);
    expect((await at('/none')).detail).toMatch(/got status 404/);
  });
});

describe('oidc', () => {
  it('takes an issuer that is the address that was asked for, with keys', async () => {
    const answers: Record<string, ReturnType<typeof json>> = {};
    const { port } = await keep(webServer(answers, good));
    const base = `https://${HOST}:${port}`;
    const document = (realm: string, issuer: string, jwks = '/keys') => {
      answers[`/${realm}/.well-known/openid-configuration`] = json({ issuer, jwks_uri: base + jwks });
    };
    answers['/keys'] = json({ keys: [{ kty: 'EC' }] });
    answers['/nokeys'] = json({ keys: [] });
    document('a', `${base}/a`);
    document('b', `https://public.test/b?x=1`);
    document('c', `${base}/c`, '/nokeys');
    const at = (path: string) => check({ kind: 'oidc', url: base + path });
    expect(await at('/a')).toMatchObject({ ok: true, facts: { keys: 1 } });
    expect(await at('/a/.well-known/openid-configuration')).toMatchObject({ ok: true });
    expect((await at('/b')).detail).toBe(`compare the issuer: expected ${base}/b, got https://public.test/b`);
    expect((await at('/c')).detail).toMatch(/expected the keys of the issuer \(jwks_uri\), got none/);
    expect((await at('/d')).detail).toMatch(/got status 404/);
  });
});

describe('websocket', () => {
  it('wants 101 with the proof, and names who answered otherwise', async () => {
    const upgradeTaken: Parameters<typeof webServer>[0][string] = (_, response) => response.end();
    const { port } = await keep(webServer({ '/plain': upgradeTaken }, good));
    const url = (path: string) => `wss://${HOST}:${port}${path}`;
    expect(await check({ kind: 'websocket', url: url('/agent') })).toMatchObject({ ok: true, facts: { status: 101 } });
    const forged = await check({ kind: 'websocket', url: url('/forged') });
    expect(forged).toMatchObject({ ok: false, stage: 'protocol' });
    const proxy = await keep(
      tcpServer((socket) =>
        socket.once('data', () => socket.end('HTTP/1.1 426 Upgrade Required\r\nVia: 1.1 edge\r\n\r\n')),
      ),
    );
    const taken = await check({ kind: 'websocket', url: `ws://${HOST}:${proxy.port}/agent` });
    expect(taken.detail).toMatch(/expected an upgrade to a WebSocket \(101\), got status 426 from "1\.1 edge"/);
    expect(taken.hint).toMatch(/must pass WebSocket upgrades/);
  });
});

describe('registry and blobs', () => {
  const layers = [layerTar({ 'hello.txt': 'hello' })];

  it('asks a real registry, with TLS and a login', async () => {
    const tls = { caPEM: root.pem, server: good, client: good };
    const registry = await keep(startRegistry({ tls, auth: true }));
    const { reference } = await pushImage(registry, { repository: 'app/server', tag: '1', layers });
    const port = Number(registry.host.split(':')[1]);
    const login = Buffer.from(`${ACCOUNT.username}:${ACCOUNT.password}`).toString('base64');
    const dir = await mkdtemp(join(tmpdir(), 'ferry-test-login-'));
    servers.push({ stop: () => rm(dir, { recursive: true, force: true }) });
    await writeFile(join(dir, 'config.json'), JSON.stringify({ auths: { [registry.host]: { auth: login } } }));
    const env = { DOCKER_CONFIG: dir };
    expect(await check({ kind: 'registry', port })).toMatchObject({
      ok: true,
      detail: expect.stringMatching(/wants credentials/),
    });
    const denied = await check({ kind: 'registry', port, images: [reference] });
    expect(denied).toMatchObject({ ok: false, stage: 'protocol', facts: { code: 'DENIED' } });
    const asked = { port, images: [`ghcr.io/other/image:1`, reference] };
    const has = await check({ kind: 'registry', ...asked }, { env });
    expect(has).toMatchObject({ ok: true, detail: expect.stringMatching(/has app\/server/) });
    expect(await check({ kind: 'blobs', ...asked }, { env })).toMatchObject({
      ok: true,
      facts: { blobHost: registry.host },
    });
    expect(JSON.stringify(has)).not.toMatch(new RegExp(`${ACCOUNT.password}|${login}`));
    const gone = await check({ kind: 'registry', port, images: [reference.replace(':1', ':2')] }, { env });
    expect(gone).toMatchObject({ ok: false });
    expect(basic(ACCOUNT.username, ACCOUNT.password)).toContain(login);
  });

  it('gets a token, and finds the host that blobs come from', async () => {
    const [registry, store, tokens] = [
      await keep(fakeRegistry()),
      await keep(fakeRegistry()),
      await keep(startTokenServer()),
    ];
    const image = buildImage({ layers });
    registry.rule({
      on: /\/v2\/$/,
      times: 9,
      act: ({ response }) => void response.writeHead(200, { 'docker-distribution-api-version': 'registry/2.0' }).end(),
    });
    registry.add('app', '1', image);
    store.add('app', '1', image);
    tokens.guard(registry);
    let storeHost = store.host;
    const lead = {
      on: /\/blobs\//,
      times: 99,
      act: ({ request, response }: Exchange) => {
        response.writeHead(307, { location: `http://${storeHost}${request.url}?sig=s3cret` }).end();
      },
    };
    const free = await keep(fakeRegistry());
    free.add('app', '1', image);
    free.rule(lead);
    const target = (host: string) => ({
      port: Number(host.split(':')[1]),
      images: [`${host}/app:1`],
      url: `http://${host}`,
    });
    expect(await check({ kind: 'registry', ...target(registry.host) })).toMatchObject({ ok: true });
    expect(tokens.seen.length).toBe(1);
    const led = await check({ kind: 'blobs', ...target(free.host) });
    expect(led).toMatchObject({ ok: true, facts: { blobHost: store.host } });
    expect(led.detail).toContain(`${store.host}, where ${free.host} sends for them`);
    storeHost = `${HOST}:${await freePort()}`;
    const shut = await check({ kind: 'blobs', ...target(free.host) });
    expect(shut).toMatchObject({ ok: false, stage: 'tcp', facts: { why: 'ECONNREFUSED' } });
    expect(JSON.stringify(shut)).not.toContain('s3cret');
  });

  it('does not take a web page for a registry', async () => {
    const { port } = await keep(webServer({ '/v2/': (_, response) => response.end('<h1>Welcome</h1>') }, good));
    expect((await check({ kind: 'registry', port })).detail).toMatch(/expected a registry, got a page that is none/);
    expect((await check({ kind: 'blobs', port })).hint).toMatch(/give a release manifest/);
  });
});

describe('smtp', () => {
  let ports: Readonly<Record<'plain' | 'right' | 'incomplete' | 'otherName' | 'otherAuthority' | 'tlsFirst', number>>;
  const smtp = (port: number, more: { url?: string } = {}) => check({ kind: 'smtp', port, ...more });

  // A real mail server: greeting, replies and TLS (GnuTLS) are its own.
  beforeAll(async () => {
    const between = await root.intermediate();
    const leaf = await between.issue({ ips: [HOST] });
    const right = { ...servedOf(leaf), certPEM: bundlePEM(leaf, between) };
    const stranger = await makeRoot('Mail Inspection CA');
    const exim = startExim({
      plain: {},
      right: { served: right },
      incomplete: { served: servedOf(leaf) },
      otherName: { served: servedOf(await root.issue({ names: ['other.test'], key: 'RSA-2048' })) },
      otherAuthority: { served: servedOf(await stranger.issue({ ips: [HOST] })) },
      tlsFirst: { served: right, isTLSFirst: true },
    });
    ({ ports } = await keep(exim));
  });

  it('goes through STARTTLS with a chain that is right', async () => {
    const outcome = await smtp(ports.right);
    expect(outcome).toMatchObject({ ok: true, stage: 'protocol', facts: { issuer: 'Test Intermediate' } });
    expect(outcome.detail).toMatch(/takes mail, with STARTTLS; certificate by "Test Intermediate" until \d{4}-/);
  });

  it('tells a chain with a gap, another name and another authority after STARTTLS', async () => {
    const gap = await smtp(ports.incomplete);
    expect(gap).toMatchObject({ ok: false, stage: 'tls', facts: { fault: 'authority' } });
    const name = await smtp(ports.otherName);
    expect(name).toMatchObject({ ok: false, stage: 'tls', facts: { fault: 'name' } });
    expect(name.detail).toContain('expected a certificate for 127.0.0.1, got one for other.test');
    const authority = await smtp(ports.otherAuthority);
    expect(authority).toMatchObject({ ok: false, stage: 'tls', facts: { fault: 'authority' } });
    expect(authority.detail).toContain('got one by "Mail Inspection CA"');
  });

  it('wants STARTTLS where people log in', async () => {
    const plain = await smtp(ports.plain);
    expect(plain).toMatchObject({ ok: false, stage: 'protocol' });
    expect(plain.detail).toMatch(/STARTTLS: expected it to be offered, got none/);
  });

  it('begins with TLS where the address says so, and not where it does not', async () => {
    const secure = await smtp(ports.tlsFirst, { url: `smtps://${HOST}` });
    expect(secure).toMatchObject({ ok: true, detail: expect.stringMatching(/with TLS from the start/) });
    const mistaken = await smtp(ports.right, { url: `smtps://${HOST}` });
    expect(mistaken).toMatchObject({ ok: false, stage: 'tls', facts: { code: 'PLAIN_HTTP_REFUSED' } });
  });

  it('tells refusals, garbage, endless replies, silence, and words ahead of TLS', async () => {
    const says = async (...lines: string[]) => {
      const { port } = await keep(
        tcpServer((socket) => {
          const rest = [...lines];
          const next = () => socket.write(rest.shift() ?? '');
          next();
          socket.on('data', next);
        }),
      );
      return check({ kind: 'smtp', port }, { timeoutMs: 2000 });
    };
    expect((await says('554 go away\r\n')).detail).toBe(`the greeting of ${HOST}: expected 220, got 554`);
    expect((await says('\u001b[31mhello\r\n')).detail).toMatch(/got something that is no SMTP/);
    expect((await says('220-'.repeat(10_000))).detail).toMatch(/got far more than a reply/);
    const forged = await says('220 a\r\n', '250 STARTTLS\r\n', '220 go\r\n250 forged\r\n');
    expect(forged.detail).toMatch(/expected TLS, got more words in the clear/);
    const { port } = await keep(tcpServer());
    const silent: CheckServer['port'] = port;
    expect((await check({ kind: 'smtp', port: silent }, { timeoutMs: 100 })).detail).toMatch(
      /wait for the greeting .*no answer within 0\.1 s/,
    );
  });
});

describe('runCheck', () => {
  it('throws the reason of its signal, and nothing else', async () => {
    const { port } = await keep(tcpServer());
    const ending = new AbortController();
    const checking = runCheck(
      { kind: 'tls', host: HOST, port },
      { env: {}, timeoutMs: 60_000, now: new Date(), signal: ending.signal },
    );
    ending.abort(new Error('enough'));
    await expect(checking).rejects.toThrow('enough');
    expect(await check({ kind: 'https', url: 'gopher://x' })).toMatchObject({ ok: false });
  });
});

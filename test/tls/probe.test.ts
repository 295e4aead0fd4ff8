import { type AddressInfo, createServer as createTCPServer, type Server, type Socket } from 'node:net';
import { createSecureContext, createServer, type TlsOptions } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fingerprintOf, probe, readMaterial, spkiOf, TLSError } from '../../src/tls/index.ts';
import { type Authority, bundlePEM, type Issued, makeRoot } from '../support/pki.ts';
import { plant } from '../support/secrets.ts';

let root: Authority;
let leaf: Issued;
let other: Issued;
const servers: Server[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  root = await makeRoot();
  leaf = await root.issue({ names: ['atrium.test'], ips: ['127.0.0.1'], notAfter: new Date(Date.now() - 1000) });
  other = await root.issue({ names: ['other.test'] });
  for (const { keyPEM } of [leaf, other]) plant(keyPEM);
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function serve(options: TlsOptions = {}): Promise<number> {
  const server = createServer({ cert: leaf.pem, key: leaf.keyPEM, ...options }, (socket) =>
    socket.on('error', () => {}),
  );
  server.on('tlsClientError', () => {});
  return listen(server);
}

async function refused(options: { port: number; host?: string; timeoutMs?: number; name?: string }): Promise<string> {
  const error: unknown = await probe({ host: '127.0.0.1', timeoutMs: 5000, ...options }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof TLSError)) throw new Error(`expected a TLSError, got ${error}`);
  expect(error.code).toBe('TLS_PROBE_FAILED');
  return error.message;
}

const look = (port: number, name?: string) =>
  probe({ host: '127.0.0.1', port, timeoutMs: 5000, ...(name !== undefined && { name }) });

describe('probe', () => {
  it('says what is served, also by an authority that nobody trusts and after its end', async () => {
    const [certificate] = (await readMaterial({ cert: Buffer.from(bundlePEM(leaf)), certWhat: 'x' })).chain;
    expect(await look(await serve())).toEqual({
      fingerprint: fingerprintOf(certificate as NonNullable<typeof certificate>),
      names: ['atrium.test', '127.0.0.1'],
      notAfter: certificate?.validToDate,
      issuer: 'Test Root',
      spki: spkiOf(leaf.keyPEM),
    });
  });

  it('asks for a name, of a star for one under it, and for none where none is given', async () => {
    const asked: string[] = [];
    const port = await serve({
      SNICallback: (name, answer) => {
        asked.push(name);
        answer(null, createSecureContext({ cert: other.pem, key: other.keyPEM }));
      },
    });
    expect((await look(port, 'other.test')).names).toEqual(['other.test']);
    expect((await look(port, '*.other.test')).names).toEqual(['other.test']);
    expect((await look(port, '127.0.0.1')).names).toEqual(['atrium.test', '127.0.0.1']);
    expect((await look(port)).names).toEqual(['atrium.test', '127.0.0.1']);
    expect(asked).toEqual(['other.test', 'probe.other.test']);
  });

  it.each(['TLSv1', 'TLSv1.2', 'TLSv1.3'] as const)(
    'sees what is served by %s, and to those who show one too',
    async (version) => {
      const options: TlsOptions = { minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' };
      expect((await look(await serve(options))).issuer).toBe('Test Root');
      const asking = await serve({ ...options, requestCert: true, rejectUnauthorized: true, ca: [root.pem] });
      expect((await look(asking)).issuer).toBe('Test Root');
    },
  );

  it('says that nobody listens', async () => {
    const server = createTCPServer();
    const port = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    servers.pop();
    expect(await refused({ port })).toBe(
      `probe 127.0.0.1:${port}: expected a certificate, got no answer: nobody listens there`,
    );
    expect(await refused({ port, host: '::1' })).toMatch(/^probe \[::1\]:\d+: expected a certificate, got no /);
  });

  it('says that something else than TLS is spoken', async () => {
    const port = await listen(createTCPServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(await refused({ port })).toMatch(/got something else than TLS$/);
  });

  it('says that the connection was ended', async () => {
    const port = await listen(createTCPServer((socket) => socket.destroy()));
    expect(await refused({ port })).toMatch(/got the end of the connection$/);
  });

  it('says that nothing came in time, and leaves nothing open', async () => {
    const closed = new Promise<void>((resolve) => {
      const server = createTCPServer((socket) =>
        socket
          .on('close', () => resolve())
          .on('error', () => {})
          .resume(),
      );
      void listen(server).then((port) =>
        refused({ port, timeoutMs: 50 }).then((said) =>
          expect(said).toMatch(/got a connection, and no TLS within 0\.05 s$/),
        ),
      );
    });
    await closed;
  });

  it('ends when it is told to', async () => {
    const stop = new AbortController();
    const port = await listen(
      createTCPServer((socket) => socket.on('error', () => {}).once('data', () => stop.abort(new Error('enough')))),
    );
    await expect(probe({ host: '127.0.0.1', port, timeoutMs: 5000, signal: stop.signal })).rejects.toThrow('enough');
    await expect(probe({ host: '127.0.0.1', port, timeoutMs: 5000, signal: stop.signal })).rejects.toThrow('enough');
  });
});

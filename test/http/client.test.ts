// One request: what people meet when a server is not there, not trusted, silent or gone; limits; and aborts.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHTTP } from '../../src/http/index.ts';
import { speaksTLS } from '../../src/http/probe.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { listen } from '../support/fake-registry.ts';

let certificates: TestCertificates;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  certificates = await makeCertificates();
});
afterAll(async () => {
  for (const stop of stops) await stop();
});

async function start(listener: Parameters<typeof listen>[0], options = {}) {
  const server = await listen(listener, options);
  stops.push(server.stop);
  return server;
}

async function failure(url: string, options = {}): Promise<{ code: string; message: string; cause: unknown }> {
  const client = openHTTP(options);
  try {
    const response = await client.send(new URL(url), { headers: { authorization: 'Bearer secret' } });
    for await (const chunk of response.body()) void chunk;
    throw new Error('it was answered');
  } catch (error) {
    return error as { code: string; message: string; cause: unknown };
  } finally {
    await client.close();
  }
}

describe('a server that', () => {
  it('nobody knows is UNKNOWN_HOST', async () => {
    expect(await failure('https://registry.invalid/v2/')).toMatchObject({
      code: expect.stringMatching(/^(UNKNOWN_HOST|UNREACHABLE)$/), // the latter where no name server answers at all
      message: expect.stringContaining('reach registry.invalid: '),
    });
  });

  it('does not listen is UNREACHABLE', async () => {
    const { host, stop } = await listen(() => {});
    await stop();
    expect(await failure(`http://${host}/`)).toMatchObject({
      code: 'UNREACHABLE',
      message: `reach ${host}: nobody listens there (ECONNREFUSED)`,
    });
  });

  it('has a certificate of an unknown authority is TLS_NOT_TRUSTED, and trusted with its CA', async () => {
    const { host } = await start((_, response) => void response.end('ok'), { tls: certificates });
    expect(await failure(`https://${host}/`)).toMatchObject({ code: 'TLS_NOT_TRUSTED' });
    const client = openHTTP({ caPEM: `a comment\n${certificates.caPEM}` });
    expect((await client.send(new URL(`https://${host}/`))).status).toBe(200);
    await client.close();
  });

  it('speaks plain HTTP where TLS is expected is PLAIN_HTTP_REFUSED', async () => {
    const { host } = await start((_, response) => void response.end('ok'));
    expect(await failure(`https://${host}/`)).toMatchObject({
      code: 'PLAIN_HTTP_REFUSED',
      message: `reach ${host}: expected TLS, got an answer that is none`,
    });
  });

  it('wants a client certificate gets the one that was given', async () => {
    const { host } = await start((_, response) => void response.end('ok'), {
      tls: certificates,
      clientCA: certificates.caPEM,
    });
    const { caPEM, client: clientCert } = certificates;
    const client = openHTTP({ caPEM, clientCert });
    expect((await client.send(new URL(`https://${host}/`))).status).toBe(200);
    await client.close();
    expect((await failure(`https://${host}/`, { caPEM })).code).toMatch(/^(TLS_FAILED|CONNECTION_LOST)$/);
  });

  it('says nothing is IDLE_TIMEOUT, before the answer and in its middle; and no header is in the error', async () => {
    const { host } = await start((request, response) => {
      if (request.url === '/middle') response.writeHead(200, { 'content-length': 100 }).write('only this');
    });
    for (const path of ['/silent', '/middle?sig=secret']) {
      const error = await failure(`http://${host}${path}`, { idleTimeoutMs: 50 });
      expect(error).toMatchObject({ code: 'IDLE_TIMEOUT', cause: undefined });
      expect(JSON.stringify({ ...error, message: error.message })).not.toContain('secret');
    }
  });

  it('goes away in the middle is CONNECTION_LOST', async () => {
    const { host } = await start((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('only this', () => response.socket?.destroy());
    });
    expect(await failure(`http://${host}/x`)).toMatchObject({
      code: 'CONNECTION_LOST',
      message: expect.stringContaining(`GET http://${host}/x: `),
    });
  });
});

describe('openHTTP', () => {
  it.each(['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'])(
    'trusts the authorities of this system (%s), and a CA file beside them',
    async (name) => {
      const dir = await mkdtemp(join(tmpdir(), 'ferry-test-ca-'));
      await writeFile(join(dir, 'ca.pem'), certificates.caPEM);
      const other = await makeCertificates();
      const [ours, theirs] = await Promise.all(
        [certificates, other].map((tls) => start((_, response) => void response.end('ok'), { tls })),
      );
      const script = `
      const { openHTTP } = await import(${JSON.stringify(fileURLToPath(new URL('../../src/http/index.ts', import.meta.url)))});
      const client = openHTTP({ caPEM: ${JSON.stringify(other.caPEM)} });
      for (const host of ${JSON.stringify([ours?.host, theirs?.host])}) {
        console.log((await client.send(new URL('https://' + host))).status);
      }
      await client.close();`;
      const env = { ...process.env, [name]: join(dir, 'ca.pem') };
      const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env });
      expect(stdout).toBe('200\n200\n');
      await rm(dir, { recursive: true });
    },
  );

  it('refuses a CA file without a certificate and a key that is none, quoting neither', async () => {
    expect(await failure('https://127.0.0.1:9/', { caPEM: 'hello' })).toMatchObject({
      code: 'CERTIFICATE_FILE_INVALID',
    });
    const clientCert = { certPEM: certificates.client.certPEM, keyPEM: 'PRIVATE nonsense' };
    const error = await failure('https://127.0.0.1:9/', { clientCert });
    expect(error).toMatchObject({ code: 'CERTIFICATE_FILE_INVALID', cause: undefined });
    expect(error.message).not.toContain('nonsense');
  });

  it('holds to the limit of connections per host', async () => {
    let [open, peak] = [0, 0];
    const waiting: (() => void)[] = [];
    const { host } = await start((_, response) => {
      open += 1;
      peak = Math.max(peak, open);
      waiting.push(() => {
        open -= 1;
        response.end('ok');
      });
      if (waiting.length === 3) for (const go of waiting.splice(0)) go();
    });
    const client = openHTTP({ connectionsPerHost: 3 });
    const sending = Array.from({ length: 12 }, async () => (await client.send(new URL(`http://${host}/`))).discard());
    await Promise.all(sending);
    expect(peak).toBe(3);
    await client.close();
  });

  it('lets a slow reader slow the server', async () => {
    const chunk = Buffer.alloc(1 << 20);
    let written = 0;
    const { host } = await start((_, response) => {
      const more = () => {
        while (written < 256 << 20) {
          written += chunk.length;
          if (!response.write(chunk)) {
            response.once('drain', more);
            return;
          }
        }
        response.end();
      };
      more();
    });
    const client = openHTTP();
    const body = (await client.send(new URL(`http://${host}/`))).body();
    await body.next();
    // everything that the two sockets' buffers can take goes out in some turns of the event loop, and no more
    for (let turn = 0; turn < 2000; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBeLessThan(64 << 20);
    await body.return(undefined);
    await client.close();
  });

  it("ends with the signal's own reason, waiting or reading", async () => {
    const { host } = await start((request, response) => {
      if (request.url === '/body') response.writeHead(200, { 'content-length': 100 }).write('some');
    });
    const reason = new Error('stopped by a person');
    for (const path of ['/silent', '/body']) {
      const control = new AbortController();
      const client = openHTTP({ signal: control.signal });
      const reading = (async () => {
        const response = await client.send(new URL(`http://${host}${path}`));
        for await (const chunk of response.body()) chunk.length > 0 && control.abort(reason);
      })();
      if (path === '/silent') setImmediate(() => control.abort(reason));
      await expect(reading).rejects.toBe(reason);
      await expect(client.send(new URL(`http://${host}/`))).rejects.toBe(reason);
      await client.close();
    }
  });
});

describe('speaksTLS', () => {
  it('tells TLS, plain HTTP, a client certificate wanted, a closed port and a mute one apart', async () => {
    const secure = await start(() => {}, { tls: certificates });
    const mutual = await start(() => {}, { tls: certificates, clientCA: certificates.caPEM });
    const plain = await start(() => {});
    const gone = await listen(() => {});
    await gone.stop();
    const ask = (port: number) => speaksTLS({ hostname: '127.0.0.1', port });
    expect(await Promise.all([secure.port, mutual.port, plain.port, gone.port].map(ask))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

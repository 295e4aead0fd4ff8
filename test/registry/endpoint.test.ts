// Where a reference is asked for: mirrors, Docker Hub's API, plain HTTP or TLS.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseReference } from '../../src/oci/index.ts';
import { type EndpointOptions, Endpoints } from '../../src/registry/endpoint.ts';
import { openRegistry } from '../../src/registry/index.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { startProxy } from '../support/proxy.ts';
import { buildImage } from '../support/registry-images.ts';
import { testTiming } from '../support/timing.ts';

let certificates: TestCertificates;
let plain: FakeRegistry;
let secure: FakeRegistry;
const image = buildImage({});
beforeAll(async () => {
  certificates = await makeCertificates(['registry.example']);
  plain = await fakeRegistry();
  secure = await fakeRegistry({ tls: certificates });
  for (const registry of [plain, secure]) registry.add('app', 'v1', image);
});
afterAll(async () => {
  await plain.stop();
  await secure.stop();
});

const find = async (text: string, options: EndpointOptions = {}) => {
  const { base, host, repository } = await new Endpoints(options).find(parseReference(text));
  return [base.href, host, repository];
};

describe('Endpoints', () => {
  it('asks the registry of the reference, by TLS', async () => {
    expect(await find('ghcr.io/atrium/server:1')).toEqual([
      'https://ghcr.io/v2/atrium/server/',
      'ghcr.io',
      'atrium/server',
    ]);
    expect(await find('r.example:5000/a:1')).toEqual(['https://r.example:5000/v2/a/', 'r.example:5000', 'a']);
  });

  it("asks Docker Hub's API where docker.io is meant", async () => {
    expect(await find('docker.io/library/alpine:3')).toEqual([
      'https://registry-1.docker.io/v2/library/alpine/',
      'docker.io',
      'library/alpine',
    ]);
  });

  it('asks the mirror, below its prefix, and no other registry there', async () => {
    const mirrors = new Map([['ghcr.io', 'mirror.example:5055/proxy/ghcr/']]);
    expect(await find('ghcr.io/a/b:1', { mirrors })).toEqual([
      'https://mirror.example:5055/v2/proxy/ghcr/a/b/',
      'mirror.example:5055',
      'proxy/ghcr/a/b',
    ]);
    expect(await find('quay.io/a/b:1', { mirrors })).toEqual(['https://quay.io/v2/a/b/', 'quay.io', 'a/b']);
  });

  it.each(['', 'http://x', 'a b', 'me:secret@host', 'host/UPPER', 'host/a?b'])(
    'refuses the mirror %j',
    async (mirror) => {
      await expect(find('ghcr.io/a:1', { mirrors: new Map([['ghcr.io', mirror]]) })).rejects.toMatchObject({
        code: 'MIRROR_INVALID',
      });
    },
  );

  it('speaks plain HTTP to hosts that were named, with their port', async () => {
    const plainHTTP = new Set(['r.example:5000']);
    expect((await find('r.example:5000/a:1', { plainHTTP }))[0]).toBe('http://r.example:5000/v2/a/');
    expect((await find('r.example:5001/a:1', { plainHTTP }))[0]).toBe('https://r.example:5001/v2/a/');
  });

  it('speaks plain HTTP to a port of this host unless it answers TLS', async () => {
    expect((await find(`${plain.host}/app:v1`))[0]).toBe(`http://${plain.host}/v2/app/`);
    expect((await find(`${secure.host}/app:v1`))[0]).toBe(`https://${secure.host}/v2/app/`);
    expect((await find(`${plain.host.replace('127.0.0.1', 'localhost')}/app:v1`))[0]).toMatch(/^http:\/\/localhost:/);
  });
});

describe('a registry behind a proxy', () => {
  it('is reached through the tunnel; plain HTTP there is refused unless it was named', async () => {
    const routes = {
      'registry.example:443': secure.host,
      'plain.example:443': plain.host,
      'plain.example:80': plain.host,
    };
    const proxy = await startProxy({ routes });
    const env = { HTTPS_PROXY: proxy.host, HTTP_PROXY: proxy.host };
    const options = { env, caPEM: certificates.caPEM, timing: testTiming() };
    const client = openRegistry(options);
    const named = openRegistry({ ...options, plainHTTP: new Set(['plain.example']) });
    try {
      const resolved = await client.resolve(parseReference('registry.example/app:v1'));
      expect(resolved.descriptor).toEqual(image.target.descriptor);
      expect(proxy.seen).toEqual(['CONNECT registry.example:443']);
      const reference = parseReference('plain.example/app:v1');
      await expect(client.resolve(reference)).rejects.toMatchObject({ code: 'PLAIN_HTTP_REFUSED' });
      expect((await named.resolve(reference)).descriptor).toEqual(image.target.descriptor);
      expect(proxy.seen.at(-1)).toBe('GET http://plain.example/v2/app/manifests/v1');
    } finally {
      await client.close();
      await named.close();
      await proxy.stop();
    }
  });
});

describe('a registry that is not there', () => {
  it('is given up after two tries more, for its name is likely wrong', async () => {
    const gone = await fakeRegistry();
    await gone.stop();
    const timing = testTiming();
    const client = openRegistry({ timing });
    await expect(client.resolve(parseReference(`${gone.host}/app:v1`))).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: `reach ${gone.host}: nobody listens there (ECONNREFUSED)`,
    });
    expect(timing.waits.length).toBe(2);
    await client.close();
  });
});

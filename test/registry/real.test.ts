// Against Debian's docker-registry: plain, with TLS, with a password; every kind of image it takes.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageClosure, parsePlatform, parseReference } from '../../src/oci/index.ts';
import { openRegistry, type RegistryOptions } from '../../src/registry/index.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { collect } from '../support/collect.ts';
import { ACCOUNT, basic, pushBusybox, pushImage, startRegistry, type TestRegistry } from '../support/registry.ts';
import { sha256 } from '../support/registry-images.ts';
import { testTiming } from '../support/timing.ts';

let certificates: TestCertificates;
let plain: TestRegistry;
let secure: TestRegistry;
beforeAll(async () => {
  certificates = await makeCertificates();
  plain = await startRegistry();
  secure = await startRegistry({ tls: certificates, auth: true });
});
afterAll(async () => {
  await plain.stop();
  await secure.stop();
});

async function withClient<T>(
  options: RegistryOptions,
  use: (client: ReturnType<typeof openRegistry>) => Promise<T>,
): Promise<T> {
  const client = openRegistry({ timing: testTiming(), ...options });
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

describe('resolve', () => {
  it.each([
    ['an OCI index', { platforms: ['linux/amd64', 'linux/arm64/v8'], attestations: true }],
    ['an OCI manifest', {}],
    ['a Docker manifest list', { platforms: ['linux/amd64', 'linux/arm/v7'], mediaTypes: 'docker' as const }],
    ['a Docker manifest', { mediaTypes: 'docker' as const }],
  ])('gives %s as it was pushed, by tag and by digest', async (_, spec) => {
    const pushed = await pushImage(plain, { repository: 'kinds/app', tag: 'v1', ...spec });
    const { target } = pushed;
    await withClient({}, async (client) => {
      const byTag = await client.resolve(parseReference(pushed.reference));
      expect(byTag.descriptor).toEqual(target.descriptor);
      expect(Buffer.from(byTag.bytes)).toEqual(target.bytes);
      const pinned = parseReference(`${pushed.reference}@${target.descriptor.digest}`);
      expect((await client.resolve(pinned)).descriptor).toEqual(target.descriptor);
      const byDigest = parseReference(`${plain.host}/kinds/app@${target.descriptor.digest}`);
      expect((await client.resolve(byDigest)).descriptor).toEqual(target.descriptor);
    });
  });

  it('says IMAGE_NOT_FOUND for an unknown tag and for an unknown repository', async () => {
    await pushImage(plain, { repository: 'kinds/known', tag: 'v1' });
    await withClient({}, async (client) => {
      await expect(client.resolve(parseReference(`${plain.host}/kinds/known:v9`))).rejects.toMatchObject({
        code: 'IMAGE_NOT_FOUND',
        message: `resolve ${plain.host}/kinds/known:v9: ${plain.host} has no such image or tag (status 404, MANIFEST_UNKNOWN)`,
      });
      const unknown = parseReference(`${plain.host}/nobody/here:v1@sha256:${'0'.repeat(64)}`);
      await expect(client.resolve(unknown)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    });
  });

  it('says DIGEST_CHANGED when the registry has the tag and not the digest it was pinned to', async () => {
    const { target } = await pushImage(plain, { repository: 'kinds/moved', tag: 'v1' });
    const pinned = parseReference(`${plain.host}/kinds/moved:v1@sha256:${'0'.repeat(64)}`);
    await withClient({}, (client) =>
      expect(client.resolve(pinned)).rejects.toMatchObject({
        code: 'DIGEST_CHANGED',
        message: expect.stringContaining(`expected sha256:${'0'.repeat(64)}, got ${target.descriptor.digest}`),
      }),
    );
  });
});

describe('a closure', () => {
  it('is fetched whole, attestations too, and every blob comes byte for byte', async () => {
    const layers = [
      { bytes: Buffer.alloc(700_000, 'a'), compression: 'zstd' as const },
      { bytes: Buffer.alloc(2_000_000, 'b'), compression: 'none' as const },
      { bytes: Buffer.alloc(1024), compression: 'gzip' as const },
    ];
    const platforms = ['linux/amd64', 'linux/arm64'];
    const pushed = await pushImage(plain, {
      repository: 'whole/app',
      tag: 'v1',
      layers,
      platforms,
      attestations: true,
    });
    const reference = parseReference(pushed.reference);
    await withClient({}, async (client) => {
      const closure = await imageClosure({
        name: pushed.reference,
        target: await client.resolve(reference),
        platforms: [parsePlatform('linux/arm64')],
        fetch: (descriptor) => client.fetchDocument(reference, descriptor),
      });
      expect(closure.blobs.length).toBe(5);
      for (const blob of closure.blobs) {
        const bytes = await collect(client.fetchBlob(reference, blob));
        expect({ digest: sha256(bytes), size: bytes.length }).toEqual({ digest: blob.digest, size: blob.size });
      }
    });
  });
});

describe('a registry with TLS and a password', () => {
  let dir: string;
  let image: Awaited<ReturnType<typeof pushBusybox>>;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'ferry-test-docker-'));
    const auth = basic(ACCOUNT.username, ACCOUNT.password).replace('Basic ', '');
    await writeFile(join(dir, 'config.json'), JSON.stringify({ auths: { [secure.host]: { auth } } }));
    image = await pushBusybox(secure, { repository: 'private/tool', tag: 'v1', files: { hello: 'hello\n' } });
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('is read with the CA and the login of docker', async () => {
    const options = { caPEM: certificates.caPEM, env: { DOCKER_CONFIG: dir } };
    await withClient(options, async (client) => {
      const reference = parseReference(image.reference);
      expect((await client.resolve(reference)).descriptor).toEqual(image.target.descriptor);
      const layer = image.platforms[0]?.layers[0];
      if (!layer) throw new Error('no layer');
      expect((await collect(client.fetchBlob(reference, layer.descriptor))).equals(layer.bytes)).toBe(true);
    });
  });

  it('says DENIED without a login, with a hint what to do; and with a wrong one, where that came from', async () => {
    await withClient({ caPEM: certificates.caPEM }, (client) =>
      expect(client.resolve(parseReference(image.reference))).rejects.toMatchObject({
        code: 'DENIED',
        message: `resolve ${image.reference}: ${secure.host} denied access (status 401, UNAUTHORIZED)`,
        hint: expect.stringContaining(`docker login ${secure.host}`),
      }),
    );
    const wrong = join(dir, 'wrong');
    await mkdir(wrong);
    const auth = Buffer.from('carrier:not the password').toString('base64');
    await writeFile(join(wrong, 'config.json'), JSON.stringify({ auths: { [secure.host]: { auth } } }));
    await withClient({ caPEM: certificates.caPEM, env: { DOCKER_CONFIG: wrong } }, async (client) => {
      const error = await client.resolve(parseReference(image.reference)).catch((thrown) => thrown);
      expect(error).toMatchObject({ code: 'DENIED', hint: expect.stringContaining(join(wrong, 'config.json')) });
      expect(JSON.stringify([error, error.message, error.hint])).not.toMatch(/not the password|Y2Fycmllcj/);
    });
  });

  it('says TLS_NOT_TRUSTED without the CA, and does not fall back to plain HTTP', async () => {
    await withClient({ env: { DOCKER_CONFIG: dir } }, (client) =>
      expect(client.resolve(parseReference(image.reference))).rejects.toMatchObject({ code: 'TLS_NOT_TRUSTED' }),
    );
  });
});

describe('a mirror', () => {
  it('is asked in place of the registry, below its prefix; plain HTTP counts for the mirror', async () => {
    const pushed = await pushImage(plain, { repository: 'proxied/ghcr/atrium/server', tag: '2.1.0' });
    const mirrors = new Map([['ghcr.io', `${plain.host}/proxied/ghcr`]]);
    await withClient({ mirrors }, async (client) => {
      const reference = parseReference('ghcr.io/atrium/server:2.1.0');
      expect((await client.resolve(reference)).descriptor).toEqual(pushed.target.descriptor);
      const config = pushed.platforms[0]?.config;
      if (!config) throw new Error('no config');
      expect(Buffer.from(await client.fetchDocument(reference, config.descriptor))).toEqual(config.bytes);
    });
  });
});

// Tokens: who asks for them with what, how long they are kept, what happens when they end.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseReference } from '../../src/oci/index.ts';
import { openRegistry, type RegistryClient, type RegistryOptions } from '../../src/registry/index.ts';
import { collect } from '../support/collect.ts';
import { answer, dropAfter, type FakeRegistry, fakeRegistry, storedBytes } from '../support/fake-registry.ts';
import { basic } from '../support/registry.ts';
import { type BuiltImage, buildImage, noise, sha256 } from '../support/registry-images.ts';
import { type TestTiming, testTiming } from '../support/timing.ts';
import { type StartTokenServerOptions, startTokenServer, type TokenServer } from '../support/token-server.ts';

let registry: FakeRegistry;
let timing: TestTiming;
let image: BuiltImage;
let dir: string;
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  registry = await fakeRegistry();
  image = buildImage({});
  registry.add('app', 'v1', image);
  timing = testTiming();
  dir = await mkdtemp(join(tmpdir(), 'ferry-test-docker-'));
  stops.push(
    () => registry.stop(),
    () => rm(dir, { recursive: true, force: true }),
  );
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function tokens(options: StartTokenServerOptions = {}): Promise<TokenServer> {
  const server = await startTokenServer(options);
  stops.push(() => server.stop());
  server.guard(registry);
  return server;
}

function open(options: RegistryOptions = {}): RegistryClient {
  const client = openRegistry({ timing, env: { DOCKER_CONFIG: dir }, ...options });
  stops.push(() => client.close());
  return client;
}

const login = (entry: unknown) =>
  writeFile(join(dir, 'config.json'), JSON.stringify({ auths: { [registry.host]: entry } }));
const reference = (name = 'app') => parseReference(`${registry.host}/${name}:v1`);
const sent = () => registry.seen.map(({ headers }) => headers.authorization);

describe('a token', () => {
  it('is asked for without credentials when there are none, with the scope of the challenge', async () => {
    const server = await tokens();
    await open().resolve(reference());
    expect(server.seen).toEqual([
      {
        method: 'GET',
        parameters: { service: 'test, "quoted"', scope: 'repository:app:pull' },
        authorization: undefined,
      },
    ]);
    expect(sent()).toEqual([undefined, 'Bearer t1']);
  });

  it('is asked for once by many requests at the same time, and kept', async () => {
    const server = await tokens();
    const client = open();
    const config = image.platforms[0]?.config.descriptor;
    if (!config) throw new Error('no config');
    await Promise.all(Array.from({ length: 20 }, () => client.fetchDocument(reference(), config)));
    await client.resolve(reference());
    expect(server.seen.length).toBe(1);
    expect(sent().slice(-1)).toEqual(['Bearer t1']);
  });

  it('is one for each repository', async () => {
    const server = await tokens();
    registry.add('other', 'v1', image);
    const client = open();
    await client.resolve(reference());
    await client.resolve(reference('other'));
    expect(server.seen.map(({ parameters }) => parameters['scope'])).toEqual([
      'repository:app:pull',
      'repository:other:pull',
    ]);
  });

  it('ends after 60 s where the server does not say when', async () => {
    const server = await tokens();
    const client = open();
    await client.resolve(reference());
    timing.clock += 54_000;
    await client.resolve(reference());
    expect(server.seen.length).toBe(1);
    timing.clock += 2000;
    await client.resolve(reference());
    expect(server.seen.length).toBe(2);
  });

  it('is kept as long as expires_in says, and comes as access_token too', async () => {
    const server = await tokens({ fields: { expires_in: 300 }, name: 'access_token' });
    const client = open();
    await client.resolve(reference());
    timing.clock += 290_000;
    await client.resolve(reference());
    expect(server.seen.length).toBe(1);
    timing.clock += 10_000;
    await client.resolve(reference());
    expect(server.seen.length).toBe(2);
  });

  it('that the registry refuses before its time is replaced', async () => {
    const server = await tokens({ fields: { expires_in: 3600 } });
    const client = open();
    await client.resolve(reference());
    server.endAll();
    await client.resolve(reference());
    expect(server.seen.length).toBe(2);
    expect(sent()).toEqual([undefined, 'Bearer t1', 'Bearer t1', 'Bearer t2']);
  });

  it('is refreshed for the rest of a blob after a drop', async () => {
    const server = await startTokenServer({ fields: { expires_in: 3600 } });
    stops.push(() => server.stop());
    const bytes = noise('long blob', 300_000);
    const blob = { mediaType: 'application/octet-stream', digest: sha256(bytes), size: bytes.length };
    registry.put('app', storedBytes(blob, bytes));
    let drops = 0;
    // one rule that guards and, the first time a good token comes, drops the line and ends all tokens
    const inner: Parameters<FakeRegistry['rule']>[0][] = [];
    server.guard({ ...registry, rule: (rule) => void inner.push(rule) });
    registry.rule({
      on: /blobs/,
      times: 100,
      act: (exchange) =>
        inner[0]?.act({
          ...exchange,
          serve: () => {
            drops += 1;
            if (drops > 1) exchange.serve();
            else dropAfter(200_000)(exchange);
            server.endAll();
          },
        }),
    });
    expect((await collect(open().fetchBlob(reference(), blob))).equals(bytes)).toBe(true);
    expect(server.seen.length).toBe(2);
    expect(registry.seen.map(({ headers }) => [headers.authorization, headers.range !== undefined])).toEqual([
      [undefined, false],
      ['Bearer t1', false],
      ['Bearer t1', true],
      ['Bearer t2', true],
    ]);
  });

  it('that is never good enough is DENIED after one more try', async () => {
    const server = await tokens();
    server.guard(registry);
    const { realm } = server;
    const challenge = { 'www-authenticate': `Bearer realm="${realm}",error="insufficient_scope"` };
    const stubborn = await fakeRegistry();
    stops.push(() => stubborn.stop());
    stubborn.rule({ on: /./, times: 100, act: answer(401, challenge) });
    const client = open();
    const resolving = client.resolve(parseReference(`${stubborn.host}/app:v1`));
    await expect(resolving).rejects.toMatchObject({ code: 'DENIED', facts: { status: 401 } });
    expect(stubborn.seen.length).toBe(2);
    expect(server.seen[0]?.parameters['scope']).toBe('repository:app:pull');
  });

  it('is asked for again when the token server stumbles', async () => {
    const server = await tokens();
    const flaky = await fakeRegistry();
    stops.push(() => flaky.stop());
    flaky.add('app', 'v1', image);
    flaky.rule({ on: /token/, act: answer(503) });
    flaky.rule({ on: /token/, act: ({ response }) => void response.socket?.destroy() });
    flaky.rule({ on: /token/, act: ({ response }) => void response.end('{"token":"t9"}') });
    flaky.rule({
      on: /manifests/,
      act: answer(401, { 'www-authenticate': `Bearer realm="http://${flaky.host}/token"` }),
    });
    expect((await open().resolve(parseReference(`${flaky.host}/app:v1`))).descriptor).toEqual(image.target.descriptor);
    expect(flaky.seen.at(-1)?.headers.authorization).toBe('Bearer t9');
    expect(server.seen).toEqual([]);
  });
});

describe('credentials', () => {
  it('go to the token server as Basic, and never to the registry', async () => {
    const authorization = basic('me', 'pass:word');
    const server = await tokens({ accept: (seen) => seen.authorization === authorization });
    await login({ auth: Buffer.from('me:pass:word').toString('base64') });
    await open().resolve(reference());
    expect(server.seen.map((seen) => seen.authorization)).toEqual([authorization]);
    expect(sent()).toEqual([undefined, 'Bearer t1']);
  });

  it('go as a form when they are an identity token', async () => {
    const server = await tokens({
      accept: ({ parameters }) => parameters['refresh_token'] === 'identity1',
      name: 'access_token',
    });
    await login({ auth: Buffer.from('<token>:').toString('base64'), identitytoken: 'identity1' });
    await open().resolve(reference());
    expect(server.seen).toEqual([
      {
        method: 'POST',
        parameters: {
          grant_type: 'refresh_token',
          client_id: 'ferry',
          refresh_token: 'identity1',
          service: 'test, "quoted"',
          scope: 'repository:app:pull',
        },
        authorization: undefined,
      },
    ]);
  });

  it('that are refused are DENIED, saying where they came from and not what they are', async () => {
    await tokens({ accept: () => false });
    await login({ auth: Buffer.from('me:hush hush').toString('base64') });
    const lines: string[] = [];
    const error = await open({ onRetry: (why) => lines.push(why) })
      .resolve(reference())
      .catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'DENIED',
      message: expect.stringMatching(/^get a token for .*: .* denied access \(status 403, DENIED\)$/),
      hint: expect.stringContaining(join(dir, 'config.json')),
    });
    const shown = JSON.stringify([error, error.message, error.hint, error.stack, lines]);
    expect(shown).not.toMatch(/hush|bWU6aHVzaCBodXNo/);
  });

  it('are kept from a token server in plain HTTP that is not this host', async () => {
    await login({ auth: Buffer.from('me:hush').toString('base64') });
    registry.rule({ on: /./, act: answer(401, { 'www-authenticate': 'Bearer realm="http://tokens.example/token"' }) });
    await expect(open().resolve(reference())).rejects.toMatchObject({ code: 'REGISTRY_ANSWER' });
  });

  it('are not given for the demand of a store, neither to it nor to the registry', async () => {
    const store = await fakeRegistry();
    stops.push(() => store.stop());
    store.rule({ on: /./, times: 100, act: answer(401, { 'www-authenticate': 'Basic realm="give"' }) });
    registry.rule({ on: /manifests/, times: 100, act: answer(307, { location: `http://${store.host}/x` }) });
    await login({ auth: Buffer.from('me:hush').toString('base64') });
    await expect(open().resolve(reference())).rejects.toMatchObject({ code: 'DENIED' });
    const all = [...store.seen, ...registry.seen].map(({ headers }) => headers.authorization);
    expect(all.filter((value) => value !== undefined)).toEqual([]);
  });

  it('are asked for by the name of the mirror', async () => {
    const authorization = basic('me', 'x');
    const server = await tokens({ accept: (seen) => seen.authorization === authorization });
    await login({ auth: Buffer.from('me:x').toString('base64') });
    const client = open({
      mirrors: new Map([['ghcr.io', registry.host]]),
      env: { DOCKER_CONFIG: dir, GHCR_TOKEN: 'not for the mirror' },
    });
    await client.resolve(parseReference('ghcr.io/app:v1'));
    expect(server.seen.length).toBe(1);
  });

  it('that are a registry token go as they are', async () => {
    registry.rule({
      on: /./,
      times: 100,
      act: ({ request, serve, response }) => {
        if (request.headers.authorization === 'Bearer direct') serve();
        else response.writeHead(401, { 'www-authenticate': 'Bearer realm="http://127.0.0.1:9/"' }).end();
      },
    });
    await login({ registrytoken: 'direct' });
    expect((await open().resolve(reference())).descriptor).toEqual(image.target.descriptor);
  });
});

// Docker's own DNS, asked inside of a running container of a real stack, and the program that asks it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectEngine, type Engine } from '../../src/docker/index.ts';
import { lookAtDockerDNS } from '../../src/preflight/docker-dns.ts';
import { jsonResult, runMain } from '../support/cli.ts';
import { busyboxImage, startEngine, type TestEngine } from '../support/engine.ts';

const LIMIT = { timeoutMs: 10_000 };
const PROJECT = 'com.docker.compose.project';
const SERVICE = 'com.docker.compose.service';

const MANIFEST = `product: atrium
release: "1"
platforms: [linux/amd64]
images: [ghcr.io/o/app:1]
files: [{name: compose.yaml, from: ./compose.yaml}]
compose: {project: atrium, file: compose.yaml}
requirements:
  - {direction: internal, destination: "DNS of Docker", purpose: containers find each other}
`;

let host: TestEngine;
let engine: Engine;
let image: string;
let web: string;

const service = (name: string, ...more: string[]) => [
  ...['run', '-d', `--label=${PROJECT}=atrium`, `--label=${SERVICE}=${name}`, `--network-alias=${name}`, ...more],
  ...[image, '/bin/busybox', 'sleep', '600'],
];

beforeAll(async () => {
  host = await startEngine({ network: true });
  engine = await connectEngine({ env: { DOCKER_HOST: host.host } });
  ({ name: image } = await busyboxImage(host, { name: 'ghcr.io/o/app:1' }));
  await host.docker('network', 'create', 'atrium_default');
  web = await host.docker(...service('web', '--network=atrium_default', '--name=atrium_web_1'));
  await host.docker(...service('db', '--network=atrium_default', '--name=atrium_db_1'));
});
afterAll(async () => {
  engine?.close();
  // an engine that ends waits for its containers
  await host?.docker('rm', '-f', 'atrium_web_1', 'atrium_db_1').catch(() => {});
  await host?.stop();
});

const run = (...words: string[]) => engine.execInContainer(web, words, LIMIT);
const look = (project: string | undefined, of: Engine = engine) =>
  lookAtDockerDNS({ engine: of, site: { project, isInstalled: true }, ...LIMIT });

describe('execInContainer', () => {
  it('tells what a program printed on both of its streams, and how it ended', async () => {
    const { exitCode, output } = await run('/bin/busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7');
    expect(exitCode).toBe(7);
    expect(output.split('\n').toSorted()).toEqual(['', 'err', 'out']);
  });

  it('says 126 or 127 for a program that the container does not have', async () => {
    expect([126, 127]).toContain((await run('getent', 'hosts', 'db')).exitCode);
  });

  it('waits no longer than it is told', async () => {
    const never = engine.execInContainer(web, ['/bin/busybox', 'sleep', '5'], { timeoutMs: 300 });
    await expect(never).rejects.toMatchObject({ code: expect.stringMatching(/^ENGINE_/) });
  });

  it('refuses a container that is not there', async () => {
    const gone = engine.execInContainer('a'.repeat(64), ['true'], LIMIT);
    await expect(gone).rejects.toMatchObject({ code: 'ENGINE_FAILED', facts: { status: 404 } });
  });
});

describe('ferry preflight --air-gapped beside a running stack', () => {
  it('is fine with the engine, its room, and DNS in the stack', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferry-stack-'));
    try {
      const manifest = join(folder, 'm.yaml');
      await writeFile(manifest, MANIFEST);
      const args = ['preflight', manifest, '--air-gapped', '--json', '--state', join(folder, 'none')];
      const ran = await runMain(args, { env: { DOCKER_HOST: host.host } });
      const rows = jsonResult(ran)['rows'] as { check: string; ok: boolean; required: boolean; result: string }[];
      const of = (check: string) => rows.find((row) => row.check === check);
      expect(of('docker-dns')).toMatchObject({ ok: true, required: true, result: expect.stringContaining(' finds ') });
      expect(of('engine')).toMatchObject({ ok: true, required: true, result: expect.stringContaining(host.host) });
      expect(of('space')).toMatchObject({
        required: true,
        result: expect.stringContaining(`free at ${host.dataRoot}`),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("Docker's own DNS", () => {
  it('finds a service of the stack by its name, asked in one of its containers', async () => {
    const looked = await look('atrium');
    expect(looked.ok, looked.result).toBe(true);
    expect(looked.result).toMatch(/^atrium_(?:web|db)_1 finds (?:web|db) at \d+\.\d+\.\d+\.\d+$/);
    const address = String(looked.facts?.['address']);
    const name = String(looked.facts?.['name']);
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    expect(await host.docker('inspect', '--format', format, `atrium_${name}_1`)).toBe(address);
  });

  it('fails where a container asks for a service in vain', async () => {
    const [one] = (await engine.containers()).filter(({ id }) => id === web);
    const odd = { ...one, labels: { [PROJECT]: 'atrium', [SERVICE]: 'nobody.invalid' } };
    const lying = { ...engine, containers: async () => [odd] } as unknown as Engine;
    const looked = await lookAtDockerDNS({
      ...{ engine: lying, site: { project: 'atrium', isInstalled: true }, timeoutMs: 800 },
    });
    expect(looked).toMatchObject({
      ok: false,
      result: expect.stringMatching(/^atrium_web_1 asked for nobody\.invalid: /),
    });
  });

  it('is not asked where no stack is known, none runs, or nothing can ask', async () => {
    expect(await look(undefined)).toEqual({ ok: null, result: 'not asked: no compose project is known here' });
    expect(await look('other')).toMatchObject({
      ok: null,
      result: expect.stringContaining('no container of other runs'),
    });
    const bare = { ...engine, execInContainer: async () => ({ exitCode: 127, output: '' }) } as Engine;
    expect(await look('atrium', bare)).toMatchObject({
      ok: null,
      result: expect.stringContaining('getent or nslookup'),
    });
  });

  it('understands getent', async () => {
    const glibc = {
      ...engine,
      execInContainer: async () => ({ exitCode: 0, output: '172.18.0.3      db\n' }),
    } as Engine;
    expect(await look('atrium', glibc)).toMatchObject({ ok: true, facts: { address: '172.18.0.3' } });
    const none = { ...engine, execInContainer: async () => ({ exitCode: 2, output: '' }) } as Engine;
    expect(await look('atrium', none)).toMatchObject({ ok: false });
  });
});

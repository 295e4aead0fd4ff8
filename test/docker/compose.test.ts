// Compose as a program: the real docker-compose with a real engine, and small programs that write down what they are told.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Compose, connectEngine, type Engine, projectContainers } from '../../src/docker/index.ts';
import { busyboxImage, startEngine, type TestEngine } from '../support/engine.ts';

const NAME = 'registry.example/atrium/web:1';
const PROJECT = 'atrium';

let daemon: TestEngine;
let engine: Engine;
let dir: string;

beforeAll(async () => {
  daemon = await startEngine();
  await busyboxImage(daemon, { name: NAME, cmd: ['/bin/busybox', 'sleep', '600'] });
  dir = await mkdtemp('/tmp/fc-');
  engine = await connectEngine({ env: { DOCKER_HOST: daemon.host, PATH: '/usr/bin:/bin', HOME: dir } });
});

afterAll(async () => {
  engine?.close();
  await daemon?.stop();
  await rm(dir, { recursive: true, force: true });
});

afterEach(async () => {
  for (const { id } of projectContainers(await engine.containers(), PROJECT)) await engine.removeContainer(id);
  await engine.removeNetworks(PROJECT);
});

async function composeFile(services: Readonly<Record<string, object>>, rest: object = {}): Promise<string> {
  const path = join(dir, 'compose.yaml');
  const all = Object.entries(services).map(([name, more]) => [
    name,
    { image: NAME, network_mode: 'none', init: true, ...more },
  ]);
  await writeFile(path, JSON.stringify({ services: Object.fromEntries(all), ...rest }));
  return path;
}

const LIMIT = { timeoutMs: 60_000 };
const up = async (file: string, options: object = {}) =>
  (await engine.findCompose()).up({ project: PROJECT, files: [file] }, { ...LIMIT, ...options });
const running = async () =>
  projectContainers(await engine.containers(), PROJECT)
    .filter(({ state }) => state === 'running')
    .map(({ service }) => service)
    .toSorted();
const idOf = async (wanted: string) =>
  projectContainers(await engine.containers(), PROJECT).find(({ service }) => service === wanted)?.id;

/** A `docker` (or other) that says it is Compose of this version, and writes down its words and surroundings. */
async function pretend(program: string, version: string): Promise<{ path: string; told(): Promise<string> }> {
  const bin = await mkdtemp(join(dir, 'bin-'));
  const log = join(bin, 'log');
  const script = `#!/bin/sh
case "$*" in *version*) echo ${version}; exit;; esac
{ echo "$0 $*"; env; } >>${log}
`;
  await writeFile(join(bin, program), script);
  await chmod(join(bin, program), 0o755);
  return { path: `${bin}:/usr/bin:/bin`, told: () => readFile(log, 'utf8') };
}

async function composeWith(env: Readonly<Record<string, string>>): Promise<Compose> {
  const other = await connectEngine({ env: { DOCKER_HOST: daemon.host, HOME: dir, ...env } });
  try {
    return await other.findCompose();
  } finally {
    other.close();
  }
}

describe('findCompose', () => {
  it('finds docker-compose where the client has no plugin', async () => {
    expect(await engine.findCompose()).toMatchObject({ words: ['docker-compose'], version: '1.29.2' });
  });

  it('takes the plugin first, and tells it never to pull', async () => {
    const { path, told } = await pretend('docker', 'v2.29.1');
    const compose = await composeWith({ PATH: path });
    expect(compose).toMatchObject({ words: ['docker', 'compose'], version: '2.29.1' });
    await compose.up({ project: PROJECT, files: ['/a', '/b'] }, { ...LIMIT, services: ['web'], isForced: true });
    expect(await told()).toContain(
      'docker compose --project-name atrium --file /a --file /b up --detach --no-build --pull never --force-recreate --no-deps web\n',
    );
  });

  it('gives it the engine that is connected, and nothing of the environment that could lead elsewhere', async () => {
    const { path, told } = await pretend('docker', '2.29.1');
    const astray = {
      DOCKER_CONTEXT: 'other',
      COMPOSE_FILE: '/else',
      COMPOSE_PROJECT_NAME: 'else',
      COMPOSE_PROFILES: 'x',
    };
    const compose = await composeWith({ PATH: path, ...astray, SECRET: 'x' });
    await compose.up({ project: PROJECT, files: ['/a'] }, LIMIT);
    const lines = (await told()).split('\n');
    expect(lines).toContain(`DOCKER_HOST=${daemon.host}`);
    expect(lines.filter((line) => /^(DOCKER_CONTEXT|COMPOSE_(?!HTTP)|SECRET)/.test(line))).toEqual([]);
  });

  it('says so when there is neither', async () => {
    await expect(composeWith({ PATH: '/nowhere' })).rejects.toMatchObject({ code: 'COMPOSE_MISSING' });
  });
});

describe('Compose.up', () => {
  it('brings the services up, and leaves those alone that have not changed', async () => {
    const file = await composeFile({ web: {}, db: {} });
    await up(file);
    expect(await running()).toEqual(['db', 'web']);
    const [web, db] = [await idOf('web'), await idOf('db')];
    await composeFile({ web: { environment: ['A=1'] }, db: {} });
    await up(file);
    expect([(await idOf('web')) === web, (await idOf('db')) === db]).toEqual([false, true]);
  });

  it('makes again what it is told to, and nothing else', async () => {
    const file = await composeFile({ web: { depends_on: ['db'] }, db: {} });
    await up(file);
    const [web, db] = [await idOf('web'), await idOf('db')];
    await up(file, { services: ['web'], isForced: true });
    expect([(await idOf('web')) === web, (await idOf('db')) === db]).toEqual([false, true]);
  });

  it('leaves services alone that the file no longer has', async () => {
    const file = await composeFile({ web: {}, former: {} });
    await up(file);
    await composeFile({ web: {} });
    await up(file);
    expect(await running()).toEqual(['former', 'web']);
  });

  it('does not try to pull an image that is absent: it names it', async () => {
    const file = await composeFile({ web: {}, db: { image: 'registry.example/atrium/absent:1' } });
    await expect(up(file)).rejects.toMatchObject({
      code: 'COMPOSE_FAILED',
      message:
        'start project atrium: service db: expected image registry.example/atrium/absent:1 in the engine, got none',
    });
    expect(await running()).toEqual([]);
  });

  it('finds one that is absent behind a variable too, in a file of any length', async () => {
    const image = '$NAMED';
    const file = await composeFile({ web: { image, environment: [`LONG=${'x'.repeat(40_000)}`] } });
    await writeFile(join(dir, '.env'), 'NAMED=registry.example/atrium/absent:2\n');
    await expect(up(file)).rejects.toMatchObject({
      message: expect.stringContaining('expected image registry.example/atrium/absent:2'),
    });
    await rm(join(dir, '.env'));
  });

  it('takes the image of the override', async () => {
    const file = await composeFile({ web: { image: 'registry.example/atrium/absent:1' } });
    const override = join(dir, 'override.yaml');
    await writeFile(override, JSON.stringify({ services: { web: { image: NAME, pull_policy: 'never' } } }));
    await (await engine.findCompose()).up({ project: PROJECT, files: [file, override] }, LIMIT);
    expect(await running()).toEqual(['web']);
  });

  it('tells the last words of one that fails', async () => {
    const file = await composeFile({ web: { init: false, entrypoint: ['/not/there'] } });
    await expect(up(file)).rejects.toMatchObject({
      code: 'COMPOSE_FAILED',
      message: expect.stringMatching(
        /^start project atrium: expected docker-compose up to succeed, got status 1: ".*\/not\/there/,
      ),
      facts: { output: expect.stringContaining('/not/there') },
    });
  });

  it('tells of a file that is no compose file', async () => {
    const path = join(dir, 'bad.yaml');
    await writeFile(path, 'services: 3\n');
    await expect(up(path)).rejects.toMatchObject({ code: 'COMPOSE_FAILED' });
  });

  it('ends one that takes too long', async () => {
    const { path } = await pretend('docker', '2.29.1');
    await writeFile(
      join(path.split(':')[0] ?? '', 'docker'),
      '#!/bin/sh\ncase "$*" in *version*) echo 2.0.0; exit;; esac\nsleep 600\n',
    );
    const compose = await composeWith({ PATH: path });
    await expect(compose.up({ project: PROJECT, files: ['/a'] }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'COMPOSE_FAILED',
      message: expect.stringContaining('got nothing for 0 s'),
    });
  });

  it('stops at the signal, with its reason', async () => {
    const file = await composeFile({ web: {} });
    await expect(up(file, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('removeContainer, removeNetworks', () => {
  it('leave volumes, and networks that somebody uses', async () => {
    const volumes = { volumes: ['data:/data', '/anonymous'] };
    const file = await composeFile({ web: { ...volumes, network_mode: 'host' } }, { volumes: { data: {} } });
    await up(file);
    await daemon.docker(
      'network',
      'create',
      '--driver',
      'bridge',
      '--label',
      `com.docker.compose.project=${PROJECT}`,
      'kept',
    );
    const volumesBefore = await daemon.docker('volume', 'ls', '-q');
    expect(volumesBefore.split('\n')).toHaveLength(2);
    for (const { id } of projectContainers(await engine.containers(), PROJECT)) await engine.removeContainer(id);
    await engine.removeNetworks(PROJECT);
    expect(await running()).toEqual([]);
    expect(await daemon.docker('volume', 'ls', '-q')).toBe(volumesBefore);
    expect(await daemon.docker('network', 'ls', '-q', '--filter', 'name=kept')).toBe('');
  });

  it('are content with what is gone or stopped', async () => {
    const file = await composeFile({ web: { init: true } });
    await up(file);
    const id = (await idOf('web')) ?? '';
    await engine.stopContainer(id);
    await engine.stopContainer(id);
    await engine.removeContainer(id);
    await engine.removeContainer(id);
    await engine.stopContainer(id);
    expect(await running()).toEqual([]);
  });
});

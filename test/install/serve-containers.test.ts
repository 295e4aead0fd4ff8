/**
 * A certificate that containers of a release serve: a real nginx in a container (the host's own files, seen through
 * mounts) is signalled or restarted; and of a project that Compose made, all that run are told, and no other container.
 */

import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectEngine, type Engine } from '../../src/docker/index.ts';
import type { ReleaseDocument } from '../../src/manifest/index.ts';
import { busyboxImage, startEngine, type TestEngine } from '../support/engine.ts';
import { untilListening } from '../support/listening.ts';
import { nginxConfig } from '../support/nginx.ts';
import { freePort } from '../support/port.ts';
import { makeBrokenPair, makePair, type Pair, type Serving, ServingLab, SOON_MS, servedAt } from './serving.ts';

const IMAGE = 'ghcr.io/atrium/proxy:1';
const PROJECT = 'atrium';

let test: TestEngine;
let engine: Engine;
let lab: ServingLab;
let next: Pair;
let port: number;

beforeAll(async () => {
  test = await startEngine();
  const links = { 'lib -> usr/lib': '', 'lib64 -> usr/lib64': '', 'run/made': '' };
  await busyboxImage(test, { name: IMAGE, layers: [{ files: links }] });
  engine = await connectEngine({ env: { DOCKER_HOST: test.host } });
});
afterAll(async () => {
  engine?.close();
  await test?.stop();
});
beforeEach(async () => {
  lab = await ServingLab.create();
  next = await makePair();
  port = await freePort();
});
afterEach(async () => {
  const all = (await test.docker('ps', '--all', '--quiet')).split('\n').filter((id) => id !== '');
  if (all.length > 0) await test.docker('rm', '--force', ...all);
  await lab.remove();
});

type Reload = NonNullable<NonNullable<ReleaseDocument['tls']>['reload']>;

/** A release with a project, and how its proxy is told. */
const release = (reload: Reload, project: string | undefined = PROJECT) =>
  ({
    tls: { dir: '/etc/atrium/tls', names: ['atrium.test'], reload },
    ...(project && { compose: { project } }),
  }) as unknown as ReleaseDocument;
const byService = (how: Reload) => release({ service: 'proxy', ...how });

const labelsOf = (project: string, service: string) => [
  `com.docker.compose.project=${project}`,
  `com.docker.compose.service=${service}`,
  'com.docker.compose.oneoff=False',
];

interface Container {
  readonly name: string;
  readonly project?: string;
  readonly service?: string;
  readonly mounts?: readonly string[];
  readonly network?: readonly string[];
  readonly command: readonly string[];
}

function run({
  name,
  project = PROJECT,
  service = 'proxy',
  mounts = [],
  network = ['--net=none'],
  command,
}: Container) {
  const options = [
    ...labelsOf(project, service).flatMap((label) => ['--label', label]),
    ...mounts.flatMap((mount) => ['--volume', mount]),
    ...network,
  ];
  return test.docker('run', '--detach', '--name', name, ...options, IMAGE, ...command);
}

/** An nginx in a container, that sees the folder, or what else is said. */
async function runNginx({
  mounts = [`${lab.tls}:/tls:ro`],
  listen = `127.0.0.1:${port}`,
  network = ['--net=host'],
} = {}) {
  const config = join(lab.dir, 'nginx');
  await mkdir(config);
  await writeFile(join(config, 'nginx.conf'), nginxConfig({ tls: '/tls', listen, root: '/run' }));
  const host = ['/usr:/usr:ro', '/etc/passwd:/etc/passwd:ro', '/etc/group:/etc/group:ro', `${config}:/config:ro`];
  const command = ['/usr/sbin/nginx', '-c', '/config/nginx.conf'];
  const id = await run({ name: 'atrium-proxy-1', mounts: [...host, ...mounts], network, command });
  expect(await untilListening({ port }, () => true)).toBe(true);
  return id;
}

/** Notes each HUP in a file of its own name. */
const noting = (name: string, more: Partial<Container> = {}): Promise<string> =>
  run({
    name,
    mounts: [`${lab.dir}/heard:/heard`],
    command: ['/bin/busybox', 'sh', '-c', noteLine(name)],
    ...more,
  });
const noteLine = (name: string) =>
  `trap "echo hup >>/heard/${name}" HUP; trap "exit 0" TERM; : >/heard/${name}.ready; while :; do busybox sleep 0.1; done`;

async function untilReady(...names: readonly string[]): Promise<void> {
  const wanted = names.map((name) => `${name}.ready`);
  await expect.poll(() => readdir(join(lab.dir, 'heard')), { timeout: 10_000 }).toEqual(expect.arrayContaining(wanted));
}

const heard = async () => (await readdir(join(lab.dir, 'heard'))).filter((name) => !name.endsWith('.ready')).toSorted();
const started = (id: string) => test.docker('inspect', '--format', '{{.State.StartedAt}} {{.State.Status}}', id);
const probed = (): Serving => ({ engine, probe: { host: '127.0.0.1', port } });

describe('nginx in a container', () => {
  it('is signalled, and serves the new one', async () => {
    const id = await runNginx();
    const before = await started(id);
    const { error, outcome, plan } = await lab.install(next, { ...probed(), release: byService({ signal: 'SIGHUP' }) });
    expect(error).toBeUndefined();
    expect(plan).toMatchObject({ usesEngine: true, reload: 'SIGHUP to service proxy of atrium', warnings: [] });
    expect(outcome.serve).toEqual({ reloaded: 'SIGHUP atrium-proxy-1', served: `127.0.0.1:${port}` });
    expect([await servedAt(port), await started(id)]).toEqual([next.fingerprint, before]);
  });

  it('is restarted where it mounts each file by itself, which is said, and sees the new ones', async () => {
    const mounts = ['fullchain.pem', 'privkey.pem'].map((name) => `${lab.tls}/${name}:/tls/${name}:ro`);
    const id = await runNginx({ mounts });
    const before = await started(id);
    const { error, plan, outcome } = await lab.install(next, { ...probed(), release: byService({ signal: 'SIGHUP' }) });
    expect(error).toBeUndefined();
    expect(plan.warnings).toEqual([
      `atrium-proxy-1 mounts ${lab.tls}/fullchain.pem by itself and not its folder, so it is restarted: after SIGHUP it would still see the old file`,
    ]);
    expect(outcome).toMatchObject({ serve: { reloaded: 'restart atrium-proxy-1' } });
    expect(outcome.recreate).toBeUndefined();
    expect(await servedAt(port)).toBe(next.fingerprint);
    expect(await started(id)).not.toBe(before);
  });

  it('refuses the file at its restart and ends: it is started again with the former one', async () => {
    const id = await runNginx();
    const options = { ...probed(), probeTimeoutMs: 1500, release: byService({ restart: true }) };
    const { error } = await lab.install(await makeBrokenPair(), { ...options });
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect(error?.hint).toContain(`the former certificate is back, and served at 127.0.0.1:${port}`);
    expect([await lab.chain(), await servedAt(port)]).toEqual([lab.old.chainPEM, lab.old.fingerprint]);
    expect(await started(id)).toMatch(/ running$/);
  });

  it('refuses the file at a signal, and goes on with the former one', async () => {
    await runNginx();
    const options = { ...probed(), probeTimeoutMs: SOON_MS, release: byService({ signal: 'SIGHUP' }) };
    const { error } = await lab.install(await makeBrokenPair(), options);
    expect(error).toMatchObject({ code: 'TLS_NOT_SERVED' });
    expect([await lab.chain(), await servedAt(port)]).toEqual([lab.old.chainPEM, lab.old.fingerprint]);
  });

  it('is found and told by a recovery, from the journal alone', async () => {
    await runNginx();
    const options = { ...probed(), release: byService({ signal: 'SIGHUP' }) };
    await lab.cutOff(next, options, { in: 'switch', isDone: true });
    expect(await servedAt(port)).toBe(lab.old.fingerprint);
    const asked = Object.create(engine, { close: { value: () => {} } }) as Engine;
    expect(await lab.recover(asked)).toMatchObject({ recovered: 'finished' });
    expect(await servedAt(port)).toBe(next.fingerprint);
  });

  it('is looked at where it publishes 443', async () => {
    await test.docker('network', 'create', 'front');
    try {
      await runNginx({ listen: '443', network: ['--net=front', '--publish', `127.0.0.1:${port}:443`] });
      const { error, plan } = await lab.install(next, { engine, release: byService({ signal: 'SIGHUP' }) });
      expect(error).toBeUndefined();
      expect(plan).toMatchObject({ probe: `127.0.0.1:${port}`, served: { fingerprint: lab.old.fingerprint } });
      expect(await servedAt(port)).toBe(next.fingerprint);
    } finally {
      await test.docker('rm', '--force', 'atrium-proxy-1');
      await test.docker('network', 'rm', 'front');
    }
  });
});

describe('who is told', () => {
  beforeEach(() => mkdir(join(lab.dir, 'heard')));

  it('is all of a service that run, and nobody else; one that is stopped stays so', async () => {
    await Promise.all([
      noting('atrium-proxy-1'),
      noting('atrium-proxy-2'),
      noting('atrium-proxy-3'),
      noting('atrium-web-1', { service: 'web' }),
      noting('other-proxy-1', { project: 'other' }),
    ]);
    await untilReady('atrium-proxy-1', 'atrium-proxy-2', 'atrium-proxy-3', 'atrium-web-1', 'other-proxy-1');
    await test.docker('stop', '--time', '0', 'atrium-proxy-3');
    const { error, outcome } = await lab.install(next, { engine, release: byService({ signal: 'SIGHUP' }) });
    expect(error).toBeUndefined();
    expect(outcome.serve?.reloaded?.split(', ').toSorted()).toEqual(['SIGHUP atrium-proxy-1', 'SIGHUP atrium-proxy-2']);
    await expect.poll(heard, { timeout: 10_000 }).toEqual(['atrium-proxy-1', 'atrium-proxy-2']);
    expect(await started('atrium-proxy-3')).toMatch(/ exited$/);
  });

  it('is the service of a project that docker-compose brought up, in all its containers', async () => {
    const folder = await mkdtemp('/tmp/fcompose-');
    try {
      const command = ['/bin/busybox', 'sh', '-c', noteLine('$$HOSTNAME')];
      const proxy = { image: IMAGE, network_mode: 'none', volumes: [`${lab.dir}/heard:/heard`], command, scale: 2 };
      await writeFile(join(folder, 'compose.json'), JSON.stringify({ version: '2.4', services: { proxy } }));
      const compose = await engine.findCompose();
      await compose.up({ project: PROJECT, files: [join(folder, 'compose.json')] }, { timeoutMs: 60_000 });
      const names = (await engine.containers()).map(({ id }) => id.slice(0, 12)).toSorted();
      expect(names.length).toBe(2);
      await untilReady(...names);
      expect((await lab.install(next, { engine, release: byService({ signal: 'SIGHUP' }) })).error).toBeUndefined();
      await expect.poll(heard, { timeout: 10_000 }).toEqual(names);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is never a container of another project, or of none, whatever its name', async () => {
    await noting('front', { project: 'other' });
    await test.docker('run', '--detach', '--name', 'bare', '--net=none', IMAGE, '/bin/busybox', 'sleep', '60');
    await untilReady('front');
    const plan = (container: string, project?: string) =>
      lab.plan(next, { engine, release: release({ container, signal: 'SIGHUP' }, project) });
    await expect(plan('front')).rejects.toMatchObject({
      code: 'RELOAD_FORBIDDEN',
      message: 'reload container front: expected one of project atrium, got one of project other',
    });
    await expect(plan('bare')).rejects.toMatchObject({
      code: 'RELOAD_FORBIDDEN',
      message: 'reload container bare: expected one of project atrium, got one of no project',
    });
    await expect(plan('front', '')).rejects.toMatchObject({ code: 'RELOAD_FORBIDDEN' });
    expect(await plan('front', 'other')).toMatchObject({ reload: 'SIGHUP to container front of other' });
    expect([await heard(), await lab.chain()]).toEqual([[], lab.old.chainPEM]);
  });

  it('is nobody, though a journal names it, once a container of another project has the name', async () => {
    await noting('front');
    await untilReady('front');
    const options = { engine, release: release({ container: 'front', signal: 'SIGHUP' }) };
    await lab.cutOff(next, options, { in: 'switch', isDone: true });
    await test.docker('rm', '--force', 'front');
    await rm(join(lab.dir, 'heard', 'front.ready'));
    await noting('front', { project: 'other' });
    await untilReady('front');
    const asked = Object.create(engine, { close: { value: () => {} } }) as Engine;
    const { recovered, warnings } = await lab.recover(asked);
    expect([recovered, warnings.join()]).toEqual(['finished', expect.stringContaining('nothing was reloaded')]);
    expect(await heard()).toEqual([]);
  });

  it('is nobody where the service does not run: nothing is started, and that is said', async () => {
    const id = await noting('atrium-proxy-1');
    await test.docker('stop', '--time', '0', 'atrium-proxy-1');
    const { error, plan } = await lab.install(next, { engine, release: byService({ restart: true }) });
    expect([error, plan.usesEngine]).toEqual([undefined, false]);
    expect(plan.warnings).toEqual([
      'nothing was reloaded: service proxy of atrium does not run; whoever serves these files reads them when it starts',
    ]);
    expect(await started(id)).toMatch(/ exited$/);
    expect(await lab.chain()).toBe(next.chainPEM);
  });

  it('is nobody without an engine, and that is said', async () => {
    const { plan, error } = await lab.install(next, { release: byService({ signal: 'SIGHUP' }) });
    expect(error).toBeUndefined();
    expect(plan.warnings).toEqual([expect.stringContaining('no engine answers that runs service proxy')]);
  });
});

describe('a command', () => {
  it('reaches the engine that is meant, and finds the programs of the system wherever it is run from', async () => {
    const reloadCommand = `docker ps >${lab.dir}/ps; echo "$PATH $DOCKER_HOST $FERRY_TRANSACTION" >${lab.dir}/env`;
    expect((await lab.install(next, { engine, reloadCommand })).error).toBeUndefined();
    expect(await readFile(join(lab.dir, 'ps'), 'utf8')).toContain('CONTAINER');
    const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    expect(await readFile(join(lab.dir, 'env'), 'utf8')).toBe(`${path} ${test.host} 000000000001\n`);
  });
});

describe('a reload that the engine refuses', () => {
  it('is a failure that says so, and the former files are back', async () => {
    await run({ name: 'atrium-proxy-1', command: ['/bin/busybox', 'sleep', '600'] });
    const refusing = Object.create(engine, {
      signalContainer: { value: (id: string) => engine.signalContainer(id, 'SIGNONE') },
    }) as Engine;
    const { error } = await lab.install(next, { engine: refusing, release: byService({ signal: 'SIGHUP' }) });
    expect(error).toMatchObject({ code: 'RELOAD_FAILED' });
    expect(error?.message).toMatch(/^reload by SIGHUP to service proxy of atrium: expected it to succeed, got /);
    expect(await lab.chain()).toBe(lab.old.chainPEM);
    expect(await readFile(join(lab.tls, 'privkey.pem'), 'utf8')).toBe(lab.old.keyPEM);
  });
});

/**
 * A private Docker Engine for tests: its own data root, socket and pid file in one short-named folder under /tmp (a unix
 * socket's path has about a hundred bytes), no network set-up, never the user's Docker. Every process of it is ended by
 * its pid, what it left mounted is unmounted, and the folder goes. Several may run at once. Needs root and docker.io.
 */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endEngineProcesses } from './engine-processes.ts';
import { type ImageOptions, makeImage, saveTar, type TestImage } from './images.ts';

const DOCKERD = '/usr/sbin/dockerd';
const DOCKER = '/usr/bin/docker';
const INSTALL =
  'apt-get install -y --no-install-recommends docker.io docker-registry skopeo umoci iptables pigz busybox-static podman';

/** A running engine. `stop` may be called twice. */
export interface TestEngine {
  /** Path of its unix socket. */
  readonly socket: string;
  /** The same as `DOCKER_HOST` has it: `unix://…`. */
  readonly host: string;
  readonly pid: number;
  /** Its own folder. */
  readonly root: string;
  readonly dataRoot: string;
  /** Runs Docker's own client against it. Answers stdout without the last newline. @throws with stderr when it fails. */
  docker(...args: string[]): Promise<string>;
  /** Kills it with all that it keeps running, as a power cut would; nothing is tidied. */
  kill(): Promise<void>;
  /** Starts it again on what it left, and waits until it answers. */
  restart(): Promise<void>;
  /** Ends it, and all that it has kept running. */
  stop(): Promise<void>;
}

export interface StartEngineOptions {
  readonly args?: readonly string[];
  /** An existing folder, which stays. @default a new one */
  readonly dataRoot?: string;
  /** Networks for containers, in a network namespace of the engine's own that goes with it. @default false */
  readonly network?: boolean;
}

/** Starts a private dockerd and waits until it answers. @throws when it is not installed, with the command that does it. */
export async function startEngine(options: StartEngineOptions = {}): Promise<TestEngine> {
  if (!existsSync(DOCKERD)) throw new Error(`no ${DOCKERD} here; run: ${INSTALL}`);
  const root = await mkdtemp('/tmp/fe-');
  const socket = join(root, 's');
  const dataRoot = options.dataRoot ?? join(root, 'data');
  const args = ['--data-root', dataRoot, '--exec-root', join(root, 'x'), '--pidfile', join(root, 'pid')];
  args.push(
    '-H',
    `unix://${socket}`,
    '--iptables=false',
    '--ip6tables=false',
    ...(options.network ? [] : ['--bridge=none']),
    ...(options.args ?? []),
  );
  let child = spawnEngine(root, args, options);
  const atExit = () => child.kill('SIGTERM');
  process.once('exit', atExit);
  let stopping: Promise<void> | undefined;
  const stop = () => {
    process.removeListener('exit', atExit);
    stopping ??= stopEngine(root, child);
    return stopping;
  };
  await untilAnswering(root, socket, child).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const docker = (...command: string[]) => runDocker(root, socket, command);
  const restart = async () => {
    await endEngineProcesses(root);
    // what lies under /run is gone after a power cut
    unmountBelow(join(root, 'x'));
    for (const name of ['x', 'pid']) await rm(join(root, name), { recursive: true, force: true });
    child = spawnEngine(root, args, options);
    await untilAnswering(root, socket, child);
  };
  const kill = () => killEngine(root, child);
  const { pid = 0 } = child;
  return { socket, host: `unix://${socket}`, pid, root, dataRoot, docker, kill, restart, stop };
}

/** In a network namespace of its own, whose loopback is up: no bridge of it is on the machine, then or later. */
const IN_NAMESPACE = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

function spawnEngine(root: string, args: readonly string[], { network }: StartEngineOptions): ChildProcess {
  const log = openSync(join(root, 'log'), 'w');
  const command = [...(network ? IN_NAMESPACE : []), DOCKERD, ...args];
  // pdeathsig: a test process that is killed takes its engine along
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', ...command], {
    stdio: ['ignore', log, log],
    env: { ...process.env, DOCKER_TMPDIR: '' },
  });
  closeSync(log);
  return child;
}

/** Makes a small image whose first layer holds a static busybox, so that it really runs, and loads it under its name. */
export async function busyboxImage(engine: TestEngine, options: Omit<ImageOptions, 'busybox'>): Promise<TestImage> {
  const image = makeImage({ ...options, busybox: true });
  const folder = await mkdtemp('/tmp/fi-');
  try {
    await writeFile(join(folder, 'image.tar'), saveTar([image]));
    await engine.docker('load', '-i', join(folder, 'image.tar'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return image;
}

/** Waits until GET /_ping on a unix socket says 200; false when it did not within `timeoutMs`. */
export async function answersPing(
  socket: string,
  options: { timeoutMs: number; alive?: () => boolean },
): Promise<boolean> {
  const end = performance.now() + options.timeoutMs;
  while (performance.now() < end && options.alive?.() !== false) {
    if (await ping(socket)) return true;
    await delay(50);
  }
  return false;
}

async function untilAnswering(root: string, socket: string, child: ChildProcess): Promise<void> {
  const alive = () => child.exitCode === null && child.signalCode === null;
  if (await answersPing(socket, { timeoutMs: 60_000, alive })) return;
  const log = await readFile(join(root, 'log'), 'utf8');
  throw new Error(`dockerd did not start (it needs root). The end of its log:\n${log.slice(-2000)}`);
}

function ping(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({ socketPath, path: '/_ping', agent: false, timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('error', () => resolve(false));
    asked.on('timeout', () => asked.destroy());
    asked.end();
  });
}

function runDocker(root: string, socket: string, args: readonly string[]): Promise<string> {
  // its own configuration folder: the user's contexts, helpers and proxies are none of a test's business
  const env = {
    PATH: process.env['PATH'],
    HOME: root,
    DOCKER_CONFIG: join(root, 'config'),
    DOCKER_HOST: `unix://${socket}`,
  };
  return new Promise((resolve, reject) => {
    execFile(DOCKER, args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`docker ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }));
      else resolve(stdout.replace(/\n$/, ''));
    });
  });
}

async function stopEngine(root: string, child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child, 20_000);
  // its containers too: those of an engine that was killed before outlive it
  await killEngine(root, child);
  unmountBelow(root);
  await rm(root, { recursive: true, force: true, maxRetries: 5 });
}

async function killEngine(root: string, child: ChildProcess): Promise<void> {
  // first: it would write down how its containers end
  child.kill('SIGKILL');
  await ended(child, 5_000);
  await endEngineProcesses(root);
}

async function ended(child: ChildProcess, timeoutMs: number): Promise<boolean> {
  const end = performance.now() + timeoutMs;
  while (child.exitCode === null && child.signalCode === null && performance.now() < end) await delay(20);
  return child.exitCode !== null || child.signalCode !== null;
}

function unmountBelow(root: string): void {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(`${root}/`));
  for (const point of points.toReversed()) execFileSync('umount', ['-l', point]);
}

/**
 * Docker Compose, the program: the only file that runs it. `docker compose` (v2) where the client has that plugin, else
 * `docker-compose` (v1). It is given the engine that we are connected to and hardly anything else of the environment: a
 * recovery after a power cut has no shell, and must bring up the same. Nothing is pulled or built.
 */
import { lastWords, type ProgramEnd, readFileBounded, runProgram } from '../content/index.ts';
import { parseComposeImages } from '../manifest/index.ts';
import type { EngineAddress, EngineEnvironment } from './address.ts';
import { formatAddress } from './address.ts';
import type { EngineAPI } from './api.ts';
import { DockerError } from './error.ts';

/** The labels by which Compose knows its containers (v1 and v2). */
export const COMPOSE_LABELS = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  oneOff: 'com.docker.compose.oneoff',
  files: 'com.docker.compose.project.config_files',
  folder: 'com.docker.compose.project.working_dir',
} as const;

/** What is brought up. */
export interface ComposeProject {
  readonly project: string;
  /** Absolute paths, the one that stands first says where relative ones begin. */
  readonly files: readonly string[];
}

export interface UpOptions {
  /** These and no others, without what they depend on. @default all */
  readonly services?: readonly string[];
  /** Makes containers anew even when nothing of them has changed. @default false */
  readonly isForced?: boolean;
  /** Milliseconds, then it has failed. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The program that was found. */
export interface Compose {
  /** `docker`, `compose`; or `docker-compose`. */
  readonly words: readonly string[];
  /** As it says: `2.29.1`. */
  readonly version: string;
  /**
   * Brings the containers of a project up, in the background; the volumes stay. Containers of services that the files
   * no longer have are left alone.
   * @throws {DockerError} `COMPOSE_FAILED` with its last words; the reason of the signal
   */
  up(project: ComposeProject, options: UpOptions): Promise<void>;
}

const LOOK_MS = 60_000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;
/** Engines are slow while they unpack: v1 gives up after a minute by itself. */
const HTTP_TIMEOUT_S = '600';
const PASSED = ['PATH', 'HOME', 'DOCKER_CONFIG', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH'] as const;

/** What a program needs of the environment to reach this engine and no other; a context would win over DOCKER_HOST. */
export function programEnvironment(address: EngineAddress, env: EngineEnvironment): Readonly<Record<string, string>> {
  const passed = PASSED.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/root',
    LANG: 'C.UTF-8',
    ...Object.fromEntries(passed),
    DOCKER_HOST: formatAddress(address),
  };
}

export interface FindComposeOptions {
  readonly address: EngineAddress;
  readonly env: EngineEnvironment;
  readonly api: EngineAPI;
}

/**
 * Looks for Compose on this host.
 * @throws {DockerError} `COMPOSE_MISSING`; `COMPOSE_UNSUPPORTED` for an engine behind ssh: what the services mount from
 *   their host was installed on this one.
 */
export async function findCompose({ address, env, api }: FindComposeOptions): Promise<Compose> {
  if (address.kind === 'ssh') throw unsupported(address);
  const environment = { ...programEnvironment(address, env), COMPOSE_HTTP_TIMEOUT: HTTP_TIMEOUT_S };
  for (const words of [['docker', 'compose'], ['docker-compose']]) {
    const found = await runProgram([...words, 'version', '--short'], { env: environment, timeoutMs: LOOK_MS });
    if (found.status !== 0) continue;
    const version = found.stdout.trim().replace(/^v/, '').slice(0, 40);
    const compose = { words, version, env: environment, api };
    return { words, version, up: (project, options) => up(compose, project, options) };
  }
  throw new DockerError('find compose: expected `docker compose` or `docker-compose` on this host, got neither', {
    code: 'COMPOSE_MISSING',
  });
}

interface FoundCompose {
  readonly words: readonly string[];
  readonly version: string;
  readonly env: Readonly<Record<string, string>>;
  readonly api: EngineAPI;
}

async function up(compose: FoundCompose, project: ComposeProject, options: UpOptions): Promise<void> {
  const isFirst = compose.version.startsWith('1.');
  if (isFirst) await refuseAbsent(compose, project, options);
  const words = [
    'up',
    '--detach',
    '--no-build',
    ...(isFirst ? [] : ['--pull', 'never']),
    ...(options.isForced ? ['--force-recreate'] : []),
    ...(options.services ? ['--no-deps', ...options.services] : []),
  ];
  await run(compose, project, { ...options, words });
}

/** v1 pulls what is absent and can't be told not to; on an isolated host it would wait for the network first. */
async function refuseAbsent(compose: FoundCompose, project: ComposeProject, options: UpOptions): Promise<void> {
  for (const [service, image] of await imagesOf(compose, project, options)) {
    if (options.services !== undefined && !options.services.includes(service)) continue;
    if (!/^[\w][\w./:@-]*$/.test(image)) continue; // goes into a path
    if ((await compose.api.find({ method: 'GET', path: `/images/${image}/json` })) !== undefined) continue;
    throw new DockerError(
      `start project ${project.project}: service ${service}: expected image ${image} in the engine, got none`,
      { code: 'COMPOSE_FAILED', facts: { project: project.project, service, image } },
    );
  }
}

/** The image of each service: from the files as they are, or, where they are not plain, as Compose reads them. */
async function imagesOf(
  compose: FoundCompose,
  project: ComposeProject,
  options: UpOptions,
): Promise<ReadonlyMap<string, string>> {
  const read = project.files.map((path) => readFileBounded(path, { max: MAX_FILE_BYTES }));
  const texts = (await Promise.all(read)).map((bytes) => bytes.toString('utf8'));
  const isPlain = !texts.some((text) => /\$|\b(extends|include)\b/.test(text));
  const plain = isPlain
    ? texts
    : [(await run(compose, project, { ...options, words: ['config'], keep: MAX_FILE_BYTES })).stdout];
  const images = plain.flatMap((text) => parseComposeImages(Buffer.from(text)));
  return new Map(images.map(({ service, image }) => [service, image])); // of two files the later one counts
}

async function run(
  { words: program, env }: FoundCompose,
  { project, files }: ComposeProject,
  { words, timeoutMs, signal, keep }: UpOptions & { readonly words: readonly string[]; readonly keep?: number },
): Promise<ProgramEnd> {
  const where = ['--project-name', project, ...files.flatMap((file) => ['--file', file])];
  const end = await runProgram([...program, ...where, ...words], { env, timeoutMs, signal, ...(keep && { keep }) });
  if (end.ended === 'stopped') throw signal?.reason;
  if (end.status === 0 && end.ended === undefined) return end;
  const got = end.ended === 'timeout' ? `nothing for ${Math.round(timeoutMs / 1000)} s` : `status ${end.status}`;
  throw new DockerError(
    `start project ${project}: expected ${program.join(' ')} ${words[0]} to succeed, got ${got}: ${lastWords(end)}`,
    { code: 'COMPOSE_FAILED', facts: { project, files, status: end.status, output: end.output.slice(-4096) } },
  );
}

function unsupported(address: EngineAddress): DockerError {
  return new DockerError(
    `find compose: expected an engine at a socket or tcp address, got ${formatAddress(address)}: what its services mount from their host is on this one`,
    { code: 'COMPOSE_UNSUPPORTED' },
  );
}

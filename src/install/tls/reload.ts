/**
 * How whoever serves a certificate is told of another one, as data of a journal, and the telling. A release may signal
 * or restart containers of its own Compose project and nothing else (FORMAT §3): they are looked for by its labels
 * every time, so that no other one is ever touched, and the ones that an activation has made anew are found. Only those
 * that run are told: nothing is started but what ran before, on the way back.
 */

import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isErrno, lastWords, runProgram } from '../../content/index.ts';
import { DockerError, type Engine, type ProjectContainer, projectContainers } from '../../docker/index.ts';
import { messageOf } from '../../errors.ts';
import { InstallError } from '../error.ts';
import { engineFor, type Site } from '../steps/step.ts';

/** The operator's own command. */
export interface CommandReload {
  readonly kind: 'command';
  readonly words: readonly string[];
}

/** A signal to, or a restart of, containers of one project. */
export interface ContainerReload {
  readonly kind: 'containers';
  readonly project: string;
  /** Those of this service; `null`: the one that has the name `container`. */
  readonly service: string | null;
  readonly container: string | null;
  /** `SIGHUP`; `null`: they are restarted. */
  readonly signal: string | null;
  /** The folder of the files, on this host. */
  readonly folder: string;
  /** The IDs of those that ran before anything was changed. */
  readonly running: readonly string[];
}

export type Reload = CommandReload | ContainerReload;

/** A proxy reads two small files; one that hangs must not hold the site. */
const COMMAND_LIMIT_MS = 60_000;
/** Whoever recovers, by sudo or at boot, must find the same programs. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface ReloadOptions {
  /** Starts what ran before and has ended since: it may have ended of the new files. */
  readonly isWayBack: boolean;
  /** @default {@link COMMAND_LIMIT_MS} */
  readonly commandLimitMs?: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Tells whoever serves; answers who was told, `undefined` where nobody runs who could be.
 * @throws {InstallError} `RELOAD_FAILED`; the reason of the signal
 */
export async function reload(data: Reload, site: Site, options: ReloadOptions): Promise<string | undefined> {
  return data.kind === 'command' ? runReload(data, site, options) : tellContainers(data, site, options);
}

async function runReload({ words }: CommandReload, site: Site, options: ReloadOptions): Promise<string> {
  const { commandLimitMs: timeoutMs = COMMAND_LIMIT_MS, signal } = options;
  const told = { PATH, FERRY_TRANSACTION: site.id, FERRY_STATE: site.state.dir };
  const env = { HOME: '/root', LANG: 'C.UTF-8', ...site.engine?.environment, ...told };
  const end = await runProgram(words, { env, timeoutMs, signal });
  if (end.ended === 'stopped') throw signal?.reason;
  const shown = commandName(words);
  if (end.ended === 'timeout') throw failed(shown, `no end of it within ${timeoutMs / 1000} s`);
  if (end.status !== 0) throw failed(shown, `status ${end.status}: ${lastWords(end)}`);
  return shown;
}

async function tellContainers(data: ContainerReload, site: Site, options: ReloadOptions): Promise<string | undefined> {
  const told: string[] = [];
  try {
    const engine = engineFor(site);
    for (const container of findOwn(await engine.containers(), data)) {
      const hasEnded = container.state !== 'running' && data.running.includes(container.id);
      if (container.state !== 'running' && !(options.isWayBack && hasEnded)) continue;
      options.signal?.throwIfAborted();
      const isSignalled = container.state === 'running' && (await takesSignal(container, data));
      if (isSignalled) await engine.signalContainer(container.id, data.signal ?? '');
      else await engine.restartContainer(container.id);
      told.push(`${isSignalled ? data.signal : 'restart'} ${container.name}`);
    }
  } catch (error) {
    if (!(error instanceof DockerError)) throw error;
    throw failed(describeContainers(data), messageOf(error), error);
  }
  return told.length === 0 ? undefined : told.join(', ');
}

/** The containers that a release means, whatever they do: of its own project alone. Pure. */
export function findOwn(
  containers: Awaited<ReturnType<Engine['containers']>>,
  { project, service, container }: Pick<ContainerReload, 'project' | 'service' | 'container'>,
): readonly ProjectContainer[] {
  return projectContainers(containers, project).filter((one) =>
    service === null ? one.name === container : one.service === service,
  );
}

/** Whether a container is told by a signal: one that cannot see the files by it is restarted. */
async function takesSignal(container: ProjectContainer, data: ContainerReload): Promise<boolean> {
  return data.signal !== null && (await findSingleMount(container, data.folder)) === undefined;
}

/**
 * What a container mounts of a folder that is less than the folder: a file, or a version of ours. Such a mount holds the
 * inode that was there when it was started, so only a start shows it another one.
 */
export async function findSingleMount(
  { mounts }: Pick<ProjectContainer, 'mounts'>,
  folder: string,
): Promise<string | undefined> {
  const folders = [folder, await realOf(folder)];
  for (const { type, source } of mounts) {
    if (type !== 'bind') continue;
    // a link may stand for the file; where that leads counts, and where the link stands
    const names = [
      source,
      join(await realOf(dirname(source)), source.slice(dirname(source).length)),
      await realOf(source),
    ];
    if (names.some((name) => folders.some((one) => name.startsWith(`${one}/`)))) return source;
  }
  return undefined;
}

async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return path;
    throw error;
  }
}

/** In words, for a plan: `SIGHUP to service proxy of atrium`. */
export function describeReload(data: Reload): string {
  return data.kind === 'command' ? commandName(data.words) : describeContainers(data);
}

function describeContainers({ signal, service, container, project }: ContainerReload): string {
  const who = service === null ? `container ${container}` : `service ${service}`;
  return `${signal === null ? 'restart of' : `${signal} to`} ${who} of ${project}`;
}

/** Only the program's name: its arguments may hold a password. */
function commandName(words: readonly string[]): string {
  const isShell = words[0] === '/bin/sh' && words[1] === '-c';
  const program = isShell ? (words[2] ?? '').trim().split(/\s+/)[0] : words[0];
  return `command ${program}`;
}

function failed(who: string, got: string, cause?: unknown): InstallError {
  return new InstallError(`reload by ${who}: expected it to succeed, got ${got}`, {
    code: 'RELOAD_FAILED',
    hint: 'do the same by hand to see all that it says',
    cause,
    facts: { reload: who },
  });
}

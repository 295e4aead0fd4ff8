/**
 * Who tells whoever serves the certificate, the first that applies: the command line's command, the one of `site.yaml`,
 * the release's own containers. Looks at the engine and changes nothing.
 */

import { COMPOSE_LABELS, type Engine, type EngineContainer, type ProjectContainer } from '../../docker/index.ts';
import type { ReleaseDocument, SitePolicy } from '../../manifest/index.ts';
import { InstallError } from '../error.ts';
import { hostPath } from '../files/host-path.ts';
import { type ContainerReload, findOwn, findSingleMount, type Reload } from './reload.ts';

export interface ReloadPlanOptions {
  /** The one whose containers serve. */
  readonly release?: ReleaseDocument | undefined;
  readonly engine: Engine | undefined;
  readonly policy: SitePolicy;
  /** Of the files, without the prefix. */
  readonly dir: string;
  readonly prefix: string;
  /** A shell's line, from the command line. */
  readonly reloadCommand?: string | undefined;
}

/** What was found. */
export interface ReloadPlan {
  readonly reload?: Reload;
  /** Why nobody is told, unless there is somebody. */
  readonly none?: string;
  /** The containers that serve and run, whoever tells them. */
  readonly running: readonly ProjectContainer[];
  readonly warnings: readonly string[];
}

/** @throws {InstallError} `RELOAD_FORBIDDEN` for a container that is none of the release's; {DockerError} */
export async function planReload(options: ReloadPlanOptions): Promise<ReloadPlan> {
  const own = await planContainers(options);
  const words = commandOf(options);
  if (words !== undefined) return { reload: { kind: 'command', words }, running: own.running, warnings: [] };
  return own;
}

/** The command of the operator, which goes before what a release says. */
function commandOf({ reloadCommand, policy }: ReloadPlanOptions): readonly string[] | undefined {
  return reloadCommand === undefined ? policy.tls?.reload : ['/bin/sh', '-c', reloadCommand];
}

async function planContainers(options: ReloadPlanOptions): Promise<ReloadPlan> {
  const { release, engine, dir, prefix } = options;
  const wanted = release?.tls?.reload;
  const nobody = (none: string): ReloadPlan => ({ none, running: [], warnings: [] });
  if (wanted === undefined) return nobody('nobody is named who serves these files');
  const { service = null, container = null, signal = null } = wanted;
  const who = service === null ? `container ${container}` : `service ${service}`;
  const project = release?.compose?.project;
  if (project === undefined) throw forbidden(who, 'a release with a Compose project', 'one without');
  if (engine === undefined) return nobody(`no engine answers that runs ${who}`);
  const named = { project, service, container };
  const there = await engine.containers();
  refuseForeign(there, named);
  const running = findOwn(there, named).filter(({ state }) => state === 'running');
  if (running.length === 0) return nobody(`${who} of ${project} does not run`);
  const ids = running.map(({ id }) => id);
  const data: ContainerReload = { kind: 'containers', ...named, signal, folder: hostPath(prefix, dir), running: ids };
  return { reload: data, running, warnings: await mountLines(running, data) };
}

/** A name is anybody's; the label is what makes a container the release's. */
function refuseForeign(
  there: readonly EngineContainer[],
  { project, container }: Pick<ContainerReload, 'project' | 'container'>,
): void {
  const found = container === null ? undefined : there.find(({ name }) => name === container);
  if (found === undefined) return;
  const other = found.labels[COMPOSE_LABELS.project];
  if (other === project) return;
  throw forbidden(
    `container ${container}`,
    `one of project ${project}`,
    other === undefined ? 'one of no project' : `one of project ${other}`,
  );
}

async function mountLines(
  containers: readonly ProjectContainer[],
  { signal, folder }: ContainerReload,
): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const container of signal === null ? [] : containers) {
    const source = await findSingleMount(container, folder);
    if (source === undefined) continue;
    lines.push(
      `${container.name} mounts ${source} by itself and not its folder, so it is restarted: after ${signal} it would still see the old file`,
    );
  }
  return lines;
}

function forbidden(who: string, expected: string, got: string): InstallError {
  return new InstallError(`reload ${who}: expected ${expected}, got ${got}`, {
    code: 'RELOAD_FORBIDDEN',
    facts: { who },
  });
}

/**
 * The containers that Compose made for a project, by its labels: found, stopped, and removed with the networks that
 * nobody uses any more. Volumes are data, and nobody's here.
 */
import type { EngineAPI } from './api.ts';
import { COMPOSE_LABELS } from './compose.ts';
import type { EngineContainer } from './containers.ts';
import { DockerError } from './error.ts';
import { asList, asObject, asText } from './wire.ts';

/** A container of a project, and of which of its services. */
export interface ProjectContainer extends EngineContainer {
  readonly service: string;
}

/** Those of one project that are there to stay; what `compose run` made is not. Pure. */
export function projectContainers(
  containers: readonly EngineContainer[],
  project: string,
): readonly ProjectContainer[] {
  return containers.flatMap((container) => {
    const { labels } = container;
    const service = labels[COMPOSE_LABELS.service];
    const isOurs = labels[COMPOSE_LABELS.project] === project && labels[COMPOSE_LABELS.oneOff] !== 'True';
    return isOurs && service !== undefined ? [{ ...container, service }] : [];
  });
}

const STOP_SECONDS = 10;

/** Stops a container as `docker stop` does. No error when it is stopped, or gone. */
export async function stopContainer(api: EngineAPI, id: string): Promise<void> {
  const query = { t: String(STOP_SECONDS) };
  await api.find({ method: 'POST', path: `/containers/${id}/stop`, query }).catch((error: unknown) => {
    if (error instanceof DockerError && error.facts['status'] === 304) return;
    throw error;
  });
}

/**
 * Sends a signal to a container's first process. One that does not run gets none.
 * @param signal `SIGHUP`
 * @throws {DockerError} `ENGINE_FAILED`, with `facts.status` 404 for one that is gone and 409 for one that does not run
 */
export async function signalContainer(api: EngineAPI, id: string, signal: string): Promise<void> {
  await api.ask({ method: 'POST', path: `/containers/${id}/kill`, query: { signal } });
}

/** Stops a container as `docker stop` does, and starts it: one that does not run too. @throws {DockerError} */
export async function restartContainer(api: EngineAPI, id: string): Promise<void> {
  await api.ask({ method: 'POST', path: `/containers/${id}/restart`, query: { t: String(STOP_SECONDS) } });
}

/** Removes a container, running or not, and none of its volumes. No error when it is gone. */
export async function removeContainer(api: EngineAPI, id: string): Promise<void> {
  await api.find({ method: 'DELETE', path: `/containers/${id}`, query: { force: '1', v: '0' } });
}

/** Removes the networks that Compose made for a project, but those that somebody uses. */
export async function removeNetworks(api: EngineAPI, project: string): Promise<void> {
  const filters = JSON.stringify({ label: [`${COMPOSE_LABELS.project}=${project}`] });
  const networks = asList(await api.ask({ method: 'GET', path: '/networks', query: { filters } }));
  for (const network of networks.map(asObject)) {
    const id = asText(network['Id']);
    if (!/^[0-9a-f]{64}$/.test(id)) continue; // goes into a path
    await api.find({ method: 'DELETE', path: `/networks/${id}` }).catch((error: unknown) => {
      if (error instanceof DockerError && [403, 409].includes(Number(error.facts['status']))) return;
      throw error;
    });
  }
}

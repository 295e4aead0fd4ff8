/**
 * The engine's containers, as far as an import cares: which run, on what image, how they feel and what they mount. Only
 * looked at: Ferry makes none but pins (`pin.ts`).
 */
import type { Digest } from '../oci/index.ts';
import type { EngineAPI } from './api.ts';
import { parseImageID } from './name.ts';
import { asList, asObject, asText } from './wire.ts';

const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;
const HEALTHS = ['healthy', 'unhealthy', 'starting'] as const;

/** A container of the engine, running or not. */
export interface EngineContainer {
  /** 64 lower-case hex digits. */
  readonly id: string;
  /** Without the slash that engines put before it. */
  readonly name: string;
  /** The image as it was named when the container was made; an ID where that is all there is. */
  readonly image: string;
  readonly imageID: Digest | undefined;
  /** `unknown`: a state that Docker has no word for. */
  readonly state: (typeof STATES)[number] | 'unknown';
  /** `none`: its image and its maker asked for no check, or it never ran. */
  readonly health: (typeof HEALTHS)[number] | 'none';
  /** The first process, on the engine's host; only while it runs. */
  readonly pid?: number;
  /** When it was last started, as the engine writes it; only of one that ever ran. */
  readonly startedAt?: string;
  /** How often the engine has started it again by itself. */
  readonly restarts: number;
  /** Only of one that has ended. */
  readonly exitCode?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly ContainerMount[];
  /** What of its ports the host has; empty of one that does not run. */
  readonly ports: readonly ContainerPort[];
  /** `host`, `bridge`, `none`, the name of a network, `container:ID`; empty where the engine does not say. */
  readonly networkMode: string;
}

/** A port of a container that is published on the engine's host. */
export interface ContainerPort {
  /** The address that it is published at: `0.0.0.0` for all of IPv4. */
  readonly host: string;
  readonly hostPort: number;
  /** In the container. */
  readonly port: number;
  /** `tcp`, `udp`, `sctp` */
  readonly protocol: string;
}

/** What a container sees of the host. */
export interface ContainerMount {
  /** `bind`, `volume`, `tmpfs`, … */
  readonly type: string;
  /** On the engine's host; empty where there is none. */
  readonly source: string;
  /** In the container. */
  readonly destination: string;
}

type Fields = Readonly<Record<string, unknown>>;

const PARALLEL = 8;

/** All containers, in the engine's order. One that goes while we ask is left out. @throws {DockerError} */
export async function listContainers(api: EngineAPI): Promise<EngineContainer[]> {
  const list = asList(await api.ask({ method: 'GET', path: '/containers/json', query: { all: '1' } })).map(asObject);
  const containers: (EngineContainer | undefined)[] = [];
  const next = list.entries();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      for (const [at, listed] of next) containers[at] = await findContainer(api, listed);
    }),
  );
  return containers.filter((container) => container !== undefined);
}

/** One that never ran has nothing more to tell than the list does; pins are such. */
async function findContainer(api: EngineAPI, listed: Fields): Promise<EngineContainer | undefined> {
  const id = asText(listed['Id']);
  if (!/^[0-9a-f]{64}$/.test(id)) return undefined; // goes into a path
  const container = fromList(id, listed);
  if (container.state === 'created') return container;
  const found = await api.find({ method: 'GET', path: `/containers/${id}/json` });
  return found === undefined ? undefined : withDetails(container, asObject(found));
}

function fromList(id: string, listed: Fields): EngineContainer {
  return {
    id,
    name: asName(asList(listed['Names'])[0]),
    image: asText(listed['Image']),
    imageID: parseImageID(listed['ImageID']),
    state: asState(listed['State']),
    health: 'none',
    restarts: 0,
    labels: asLabels(listed['Labels']),
    mounts: asMounts(listed['Mounts']),
    ports: asPorts(listed['Ports']),
    networkMode: asText(asObject(listed['HostConfig'])['NetworkMode']),
  };
}

function withDetails(listed: EngineContainer, fields: Fields): EngineContainer {
  const told = asObject(fields['State']);
  const state = asState(told['Status']);
  const [pid, exitCode, restarts] = [told['Pid'], told['ExitCode'], fields['RestartCount']];
  const hasEnded = state === 'exited' || state === 'dead';
  return {
    ...listed,
    name: asName(fields['Name']) || listed.name,
    image: asText(asObject(fields['Config'])['Image']) || listed.image,
    imageID: parseImageID(fields['Image']) ?? listed.imageID,
    state,
    health: HEALTHS.find((health) => health === asObject(told['Health'])['Status']) ?? 'none',
    ...(asText(told['StartedAt']) !== '' && { startedAt: asText(told['StartedAt']) }),
    restarts: Number.isSafeInteger(restarts) ? Number(restarts) : 0,
    ...(Number.isSafeInteger(pid) && Number(pid) > 0 && { pid: Number(pid) }),
    ...(hasEnded && Number.isSafeInteger(exitCode) && { exitCode: Number(exitCode) }),
    mounts: asMounts(fields['Mounts']),
  };
}

/** The first of the names is the container's own; others are those that links gave it. */
function asName(value: unknown): string {
  return asText(value).replace(/^\//, '');
}

function asState(value: unknown): EngineContainer['state'] {
  return STATES.find((state) => state === value) ?? 'unknown';
}

function asLabels(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(asObject(value)).map(([key, text]) => [key, asText(text)]));
}

function asMounts(value: unknown): ContainerMount[] {
  return asList(value)
    .map(asObject)
    .map((mount) => ({
      type: asText(mount['Type']),
      source: asText(mount['Source']),
      destination: asText(mount['Destination']),
    }))
    .filter(({ destination }) => destination !== '');
}

/** `[{"IP":"0.0.0.0","PrivatePort":443,"PublicPort":8443,"Type":"tcp"}]`; one that is only exposed has no public port. */
function asPorts(value: unknown): ContainerPort[] {
  return asList(value)
    .map(asObject)
    .map((port) => ({
      host: asText(port['IP']),
      hostPort: Number(port['PublicPort']),
      port: Number(port['PrivatePort']),
      protocol: asText(port['Type']),
    }))
    .filter(({ hostPort, port }) => hostPort > 0 && port > 0);
}

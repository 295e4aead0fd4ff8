/**
 * What engine this is: read once from `/version` and `/info`. Classic and containerd image store are told apart by
 * DriverStatus `driver-type` (moby daemon/containerd/service.go), podman by its Components.
 */
import type { Platform } from '../oci/index.ts';
import { normalizePlatform } from '../oci/index.ts';
import type { EngineAddress } from './address.ts';
import { formatAddress } from './address.ts';
import type { EngineAPI } from './api.ts';
import { DockerError } from './error.ts';
import type { EnginePatience } from './watch.ts';
import { asList, asObject, asText } from './wire.ts';

/** How the engine keeps images, and so what it must be sent. */
export type Store = 'classic' | 'containerd' | 'podman';

export interface EngineFacts {
  /** Address, as in DOCKER_HOST. */
  readonly socket: string;
  /** The engine's own ID; empty when it has none. */
  readonly id: string;
  readonly name: 'docker' | 'podman';
  readonly version: string;
  /** `1.41`. */
  readonly apiVersion: string;
  readonly store: Store;
  readonly rootless: boolean;
  readonly platform: Platform;
  /** Folder where the engine keeps images, on the engine's host: free space is to be asked there. */
  readonly dataRoot?: string;
  /** Whether that host is this one, as far as the address tells. */
  readonly local: boolean;
}

/** A line to an engine, and what is at its other end. */
export interface Connection {
  readonly api: EngineAPI;
  readonly facts: EngineFacts;
  readonly patience: EnginePatience;
}

/** Minor numbers of the API 1.x that things came with. Engines before 23.0 (1.42) can't unpack zstd. */
export const ZSTD_SINCE = 42;
/** 24.0: the containerd store loads images at all. */
export const CONTAINERD_LOAD_SINCE = 43;
/** 25.0: the containerd store takes an index with parts missing. */
export const PARTIAL_SINCE = 44;
/** 28.0: `GET /images/{name}/json?manifests=1` tells which manifests are whole. */
export const MANIFESTS_SINCE = 48;

/** Asks the engine what it is. @throws {DockerError} `ENGINE_UNSUPPORTED`, and what failing to connect means */
export async function readFacts(api: EngineAPI, address: EngineAddress): Promise<EngineFacts> {
  const deadlineMs = 60_000;
  const version = asObject(await api.ask({ method: 'GET', path: '/version', deadlineMs }));
  const info = asObject(await api.ask({ method: 'GET', path: '/info', deadlineMs }));
  const store = storeOf(version, info);
  const facts = {
    socket: formatAddress(address),
    // podman makes up a new one for each answer
    id: store === 'podman' ? '' : asText(info['ID']),
    name: store === 'podman' ? ('podman' as const) : ('docker' as const),
    version: asText(version['Version']),
    apiVersion: asText(version['ApiVersion']),
    store,
    rootless: asList(info['SecurityOptions']).some((option) => asText(option).startsWith('name=rootless')),
    platform: platformOf(version, info),
    local: address.kind === 'unix',
    ...dataRootOf(store, info),
  };
  checkSupported(facts);
  return facts;
}

/** Whether the engine speaks API 1.`minor` or later. */
export function hasAPI(facts: Pick<EngineFacts, 'apiVersion'>, minor: number): boolean {
  const [major = 0, has = 0] = facts.apiVersion.split('.').map(Number);
  return major > 1 || (major === 1 && has >= minor);
}

function storeOf(version: Readonly<Record<string, unknown>>, info: Readonly<Record<string, unknown>>): Store {
  const components = asList(version['Components']).map((component) => asText(asObject(component)['Name']));
  if (components.some((name) => /podman/i.test(name))) return 'podman';
  const status = asList(info['DriverStatus']).map((pair) => asList(pair).map(asText));
  const type = status.find(([key]) => key === 'driver-type')?.[1] ?? '';
  return type.startsWith('io.containerd.snapshotter') ? 'containerd' : 'classic';
}

function platformOf(version: Readonly<Record<string, unknown>>, info: Readonly<Record<string, unknown>>): Platform {
  const os = asText(version['Os']) || asText(info['OSType']);
  const architecture = asText(version['Arch']) || asText(info['Architecture']);
  const variant = /^arm(v[5-9])/.exec(asText(info['Architecture']))?.[1]; // uname's armv7l
  return normalizePlatform({ os, architecture, ...(architecture === 'arm' && variant ? { variant } : {}) });
}

/** A system containerd keeps its content under its own root, not under dockerd's (reference: daemon/command/daemon.go). */
function dataRootOf(store: Store, info: Readonly<Record<string, unknown>>): { dataRoot?: string } {
  const root = asText(info['DockerRootDir']);
  if (store !== 'containerd') return root === '' ? {} : { dataRoot: root };
  const address = asText(asObject(info['Containerd'] ?? {})['Address']);
  if (address === '' || address.startsWith('/run/containerd/')) return { dataRoot: '/var/lib/containerd' };
  return root === '' ? {} : { dataRoot: `${root}/containerd/daemon` };
}

function checkSupported(facts: EngineFacts): void {
  const unsupported = (expected: string, got: string) =>
    new DockerError(`read facts of engine at ${facts.socket}: expected ${expected}, got ${got}`, {
      code: 'ENGINE_UNSUPPORTED',
      facts: { engine: facts.socket, version: facts.version },
    });
  if (facts.platform.os !== 'linux') throw unsupported('Linux containers', facts.platform.os || 'no platform');
  if (facts.store === 'containerd' && !hasAPI(facts, CONTAINERD_LOAD_SINCE)) {
    throw unsupported('24.0 or later for the containerd image store', facts.version);
  }
}

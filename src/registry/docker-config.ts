/**
 * `config.json` of Docker's client (docker/cli cli/config/configfile/file.go), in DOCKER_CONFIG or ~/.docker: read,
 * never written. Podman's auth.json has the same shape.
 */
import { join } from 'node:path';
import { findFileBounded, parseJSON } from '../content/index.ts';
import type { Environment } from '../http/index.ts';
import type { Credentials } from './credential.ts';
import { RegistryError } from './error.ts';

const MAX_CONFIG_BYTES = 1024 * 1024;
/** The key under which Docker keeps Docker Hub's login. */
const HUB_KEY = 'https://index.docker.io/v1/';

export interface DockerConfig {
  /** The name of the helper for a host: `x` for the program `docker-credential-x`. */
  helperFor(host: string): string | undefined;
  /** What the host is called in this file and by helpers. */
  keyOf(host: string): string;
  /** @throws {RegistryError} `CREDENTIALS_INVALID` for an entry that can't be read */
  findAuth(host: string): Credentials | undefined;
}

/** Docker's configuration, or `undefined` when there is none. @throws {ContentError} `JSON_INVALID`; {RegistryError} `CREDENTIALS_INVALID` */
export async function findDockerConfig(env: Environment): Promise<DockerConfig | undefined> {
  const dir = env['DOCKER_CONFIG'] || (env['HOME'] ? join(env['HOME'], '.docker') : undefined);
  if (dir === undefined) return undefined;
  const path = join(dir, 'config.json');
  const bytes = await findFileBounded(path, { max: MAX_CONFIG_BYTES });
  if (bytes === undefined) return undefined;
  const root = asObject(parseJSON(bytes, path));
  if (!root) throw unreadable(path, 'an object');
  const [auths, helpers] = [asObject(root['auths']) ?? {}, asObject(root['credHelpers']) ?? {}];
  return {
    helperFor: (host) => asText(findEntry(helpers, host)) ?? asText(root['credsStore']),
    keyOf,
    findAuth: (host) => readAuth(asObject(findEntry(auths, host)), `${path} (${host})`),
  };
}

/** Keys are hosts, or addresses from Docker's early days: `https://host/v1/`. */
function findEntry(entries: Readonly<Record<string, unknown>>, host: string): unknown {
  const key = Object.keys(entries).find((each) => each === host || each === keyOf(host) || hostOf(each) === host);
  return key === undefined ? undefined : entries[key];
}

function keyOf(host: string): string {
  return host === 'docker.io' || host === 'index.docker.io' ? HUB_KEY : host;
}

function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function readAuth(entry: Readonly<Record<string, unknown>> | undefined, source: string): Credentials | undefined {
  if (!entry) return undefined;
  const [identity, registry] = [asText(entry['identitytoken']), asText(entry['registrytoken'])];
  if (identity !== undefined) return { kind: 'identity', token: identity, source };
  if (registry !== undefined) return { kind: 'registry', token: registry, source };
  const auth = asText(entry['auth']);
  const text = auth === undefined ? undefined : Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const username = text === undefined ? asText(entry['username']) : text.slice(0, Math.max(0, text.indexOf(':')));
  const password = text === undefined ? asText(entry['password']) : text.slice(text.indexOf(':') + 1);
  if (text === undefined && (username === undefined || password === undefined)) return undefined;
  if (!username || password === undefined) throw unreadable(source, 'user:password in base64 as "auth"');
  return { kind: 'password', username, password, source };
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function unreadable(source: string, expected: string): RegistryError {
  return new RegistryError(`read ${source}: expected ${expected}, got something else`, { code: 'CREDENTIALS_INVALID' });
}

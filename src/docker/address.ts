/**
 * Where the engine is: DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH as Docker's own client reads them
 * (docker/cli opts/hosts.go and cli/connhelper). Pure; contexts are not read: DOCKER_HOST alone decides.
 */
import { join } from 'node:path';
import { DockerError } from './error.ts';

/** The variables that matter here. */
export type EngineEnvironment = Readonly<Record<string, string | undefined>>;

/** An engine's address, read and checked. */
export type EngineAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TLSFiles }
  | { readonly kind: 'ssh'; readonly destination: string; readonly args: readonly string[] };

/** Where the certificates are. A client certificate that is not there is not used; the CA must be. */
export interface TLSFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Reads the engine's address. @throws {DockerError} `ENGINE_ADDRESS` for one that is not understood */
export function parseAddress(env: EngineEnvironment): EngineAddress {
  const text = env['DOCKER_HOST']?.trim() ?? '';
  if (text === '') return { kind: 'unix', path: DEFAULT_SOCKET };
  if (text.startsWith('unix://')) return { kind: 'unix', path: text.slice('unix://'.length) || DEFAULT_SOCKET };
  const url = URL.parse(text.includes('://') ? text : `tcp://${text}`);
  if (url?.protocol === 'ssh:') return sshAddress(url, text);
  if (url?.protocol === 'tcp:') return tcpAddress(url, text, env);
  throw badAddress(text, 'unix://, tcp:// or ssh://');
}

/** The address as text, for people: no password can be in it. */
export function formatAddress(address: EngineAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}`;
  return address.kind === 'tcp' ? `tcp://${address.host}:${address.port}` : address.destination;
}

function tcpAddress(url: URL, text: string, env: EngineEnvironment): EngineAddress {
  if (url.hostname === '' || url.username !== '' || !['', '/'].includes(url.pathname)) {
    throw badAddress(text, 'tcp://host:port');
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // any text switches it on, "0" too: Docker's client asks only whether the variable is empty
  if (!env['DOCKER_TLS_VERIFY']) return { kind: 'tcp', host, port: Number(url.port || 2375) };
  const folder = env['DOCKER_CERT_PATH'] || join(env['HOME'] ?? '/root', '.docker');
  const tls = { ca: join(folder, 'ca.pem'), cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  return { kind: 'tcp', host, port: Number(url.port || 2376), tls };
}

/** What `ssh` is called with; `--` keeps a host from being read as an option (as docker/cli connhelper/ssh does). */
function sshAddress(url: URL, text: string): EngineAddress {
  const socket = url.pathname === '/' ? '' : url.pathname;
  if (url.hostname === '' || url.password !== '' || url.search !== '')
    throw badAddress(text, 'ssh://[user@]host[:port]');
  if (!/^[\w./-]*$/.test(socket)) throw badAddress(text, 'a plain socket path after the host');
  const user = url.username === '' ? [] : ['-l', decodeURIComponent(url.username)];
  const port = url.port === '' ? [] : ['-p', url.port];
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const docker = socket === '' ? ['docker'] : ['docker', '--host', `unix://${socket}`];
  const args = ['-o', 'ConnectTimeout=30', '-T', ...user, ...port, '--', host, ...docker, 'system', 'dial-stdio'];
  return { kind: 'ssh', destination: text, args };
}

function badAddress(text: string, expected: string): DockerError {
  const shown = JSON.stringify(text.replace(/\/\/[^@/]*@/, '//…@').slice(0, 200));
  return new DockerError(`read DOCKER_HOST: expected ${expected}, got ${shown}`, { code: 'ENGINE_ADDRESS' });
}

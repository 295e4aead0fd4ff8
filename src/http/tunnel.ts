/**
 * A socket to host and port, as an HTTP client gets one: straight, or by CONNECT (RFC 9110 §9.3.6) through the proxy
 * of the environment, which may itself speak TLS and want a password. Each step is told before it begins, so that a
 * caller whose time is over can say at which. Pools and retries are agents.ts's and retry.ts's: this is one connection.
 */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { FerryError } from '../errors.ts';
import { destroyedBy, dial } from './dial.ts';
import { HTTPError } from './error.ts';
import { type Environment, findProxy } from './proxy.ts';
import { type Resolved, type ResolveOptions, resolveHost } from './resolve.ts';
import { type Peer, secure } from './secure.ts';
import { trustStore } from './trust-store.ts';

/** Where on the way something happens. */
export type Stage = 'dns' | 'proxy' | 'tcp' | 'tls' | 'http';

/** How a way is made, and who is told of it. */
export interface WayOptions {
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY. */
  readonly env: Environment;
  /** More authorities, PEM. */
  readonly caPEM?: string;
  /** By which certificates are judged. */
  readonly now: Date;
  /** The limit in time; what is open when it is aborted is destroyed, whoever holds it. */
  readonly signal: AbortSignal;
  /** Told before each step, in words that go before "no answer": `resolve ghcr.io`. */
  readonly onStage?: (stage: Stage, doing: string) => void;
  /** Told of each server whose certificate was found good, proxies left out. */
  readonly onPeer?: (peer: Peer) => void;
  /** Other name servers and files than the system's. @default those of the system */
  readonly names?: Omit<ResolveOptions, 'signal'>;
}

/** Where to. */
export interface Place {
  /** A name or an IP, with or without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Opens a way to a place: by the proxy if there is one for `https://host:port`, else straight. Its errors have
 * `facts.stage`; of whatever fails before the proxy has said yes it is `proxy`.
 *
 * @throws {HTTPError} `UNKNOWN_HOST`, `UNREACHABLE`, `PROXY_REFUSED`, `CERTIFICATE_FILE_INVALID`; the signal's reason
 */
export async function openTunnel(to: Place, options: WayOptions): Promise<{ socket: Duplex; proxy: URL | undefined }> {
  const host = to.host.replace(/^\[|\]$/g, '');
  const proxy = findProxy(new URL(`https://${host.includes(':') ? `[${host}]` : host}:${to.port}`), options.env);
  if (proxy === undefined) return { socket: (await openStraight({ host, port: to.port }, options)).socket, proxy };
  const socket = await openProxy(proxy, options);
  return { socket: await throughProxy(socket, { host, port: to.port, proxy, options }), proxy };
}

/** Opens a way to a place past any proxy. @throws {HTTPError} `UNKNOWN_HOST`, `UNREACHABLE`; the signal's reason */
export async function openStraight(to: Place, options: WayOptions): Promise<{ socket: Socket; resolved: Resolved }> {
  const { signal, onStage } = options;
  const host = to.host.replace(/^\[|\]$/g, '');
  onStage?.('dns', `resolve ${host}`);
  const resolved = await resolveHost(host, { ...options.names, signal });
  const shown = resolved.source === 'address' ? '' : ` at ${resolved.addresses.slice(0, 3).join(', ')}`;
  onStage?.('tcp', `connect to ${host} port ${to.port}${shown}`);
  return { socket: await dial(resolved.addresses, to.port, { host, signal }), resolved };
}

/** A connection to the proxy itself, TLS where it is an https one. @throws {HTTPError} `PROXY_REFUSED` */
export async function openProxy(proxy: URL, options: WayOptions): Promise<Duplex> {
  const { now, signal, onStage, caPEM } = options;
  const host = proxy.hostname.replace(/^\[|\]$/g, '');
  const port = Number(proxy.port || (proxy.protocol === 'https:' ? 443 : 80));
  const told = (_: Stage, doing: string) => onStage?.('proxy', `${doing}, the proxy`);
  try {
    const { socket } = await openStraight({ host, port }, { ...options, onStage: told });
    if (proxy.protocol === 'http:') return socket;
    told('tls', `TLS with ${host} port ${port}`);
    const context = trustStore(caPEM === undefined ? {} : { caPEM });
    return (await secure(socket, { host, port, context, now, signal })).socket;
  } catch (error) {
    if (!(error instanceof FerryError) || error.code === 'CERTIFICATE_FILE_INVALID') throw error;
    const facts = { ...error.facts, stage: 'proxy', proxy: proxy.host };
    throw new HTTPError(`${error.message}; it is the proxy`, { code: 'PROXY_REFUSED', facts });
  }
}

/** `Proxy-Authorization` by the user and password of the proxy's address; none where it has none. */
export function proxyHeaders({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const secret = `${decoded(username)}:${decoded(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(secret).toString('base64')}` };
}

interface Tunnelled extends Place {
  readonly proxy: URL;
  readonly options: WayOptions;
}

function throughProxy(socket: Duplex, { host, port, proxy, options }: Tunnelled): Promise<Duplex> {
  const { signal, onStage } = options;
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  onStage?.('proxy', `ask the proxy ${proxy.host} for a way to ${target}`);
  return new Promise((resolve, reject) => {
    const fail = (got: string, more: Readonly<Record<string, unknown>>) => {
      socket.destroy();
      reject(refused(target, proxy, { got, ...more }));
    };
    const asking = request({
      method: 'CONNECT',
      path: target,
      headers: { host: target, 'user-agent': 'ferry', ...proxyHeaders(proxy) },
      createConnection: () => socket,
    });
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    destroyedBy(asking, signal);
    asking.once('connect', ({ statusCode = 0, headers }, _, head) => {
      signal.removeEventListener('abort', aborted);
      const said = refusalOf(headers['x-squid-error']);
      if (statusCode < 200 || statusCode > 299)
        return fail(`status ${statusCode}${said && ` (${said})`}`, { status: statusCode });
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asking.on('error', (error) => {
      const why = 'code' in error ? String(error.code) : '';
      fail(why.startsWith('HPE_') ? 'something that is no HTTP' : `the end of the connection (${why})`, { why });
    });
    asking.end();
  });
}

function refused(target: string, proxy: URL, { got, ...more }: { got: string } & Record<string, unknown>): HTTPError {
  return new HTTPError(`reach ${target} by the proxy ${proxy.host}: expected a way through, got ${got}`, {
    code: 'PROXY_REFUSED',
    facts: { stage: 'proxy', proxy: proxy.host, ...more },
  });
}

/** squid's own word for why: `ERR_ACCESS_DENIED 0`. Of other text nothing is taken. */
export function refusalOf(header: string | readonly string[] | undefined): string {
  return /^(ERR_[A-Z0-9_]{1,60})\b/.exec(typeof header === 'string' ? header : '')?.[1] ?? '';
}

/** A percent sign that stands for itself is left as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * One request on a connection of its own, and its answer: what a check sends, so that each step of the way is seen.
 * Headers are bounded, a body is read by whoever wants it. `Upgrade` (RFC 9110 §7.8) is told as the status 101. What
 * is asked for in numbers goes through client.ts, which keeps connections.
 */
import { type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';
import { shownURL } from './address.ts';
import type { HTTPClient, HTTPRequest } from './client.ts';
import { destroyedBy } from './dial.ts';
import { HTTPError } from './error.ts';
import { findProxy } from './proxy.ts';
import { HTTPResponse } from './response.ts';
import { secure } from './secure.ts';
import { trustStore } from './trust-store.ts';
import { openProxy, openStraight, openTunnel, proxyHeaders, refusalOf, type WayOptions } from './tunnel.ts';

const MAX_HEADER_BYTES = 32 * 1024;

/** A client whose every request has a connection of its own; what is open ends with the options' signal. */
export function openExchange(options: WayOptions): HTTPClient {
  const reached = new Set<string>();
  const send = async (url: URL, asked: HTTPRequest = {}): Promise<HTTPResponse> => {
    const response = await exchange(url, asked, options);
    reached.add(url.host);
    return response;
  };
  return { send, hasReached: (host) => reached.has(host), close: async () => {} };
}

/**
 * Sends one request to an http or https address.
 *
 * @throws {HTTPError} with `facts.stage`: `UNKNOWN_HOST`, `UNREACHABLE`, `PROXY_REFUSED`, `TLS_NOT_TRUSTED`, `TLS_FAILED`,
 *   `PLAIN_HTTP_REFUSED`, `CONNECTION_LOST`, `CERTIFICATE_FILE_INVALID`; the signal's reason
 */
export async function exchange(url: URL, asked: HTTPRequest, options: WayOptions): Promise<HTTPResponse> {
  const { signal, onStage } = options;
  signal.throwIfAborted();
  const way = await (url.protocol === 'https:' ? openSecure(url, options) : openPlain(url, options));
  onStage?.('http', `${asked.method ?? 'GET'} ${shownURL(url)}`);
  const answer = await ask(way, { url, asked, signal });
  const said = refusalOf(answer.headers['x-squid-error']);
  if (way.isProxy && (answer.statusCode === 407 || said !== '')) {
    answer.destroy();
    throw lost(url, `an answer of ${url.host}, got status ${answer.statusCode}${said && ` (${said})`} of the proxy`, {
      code: 'PROXY_REFUSED',
      facts: { stage: 'proxy', status: answer.statusCode, why: said },
    });
  }
  const facts = { method: asked.method ?? 'GET', url };
  const { statusCode = 0, headers } = answer;
  return new HTTPResponse({ statusCode, headers, body: answer }, facts, signal);
}

/** A connection, and what is asked for over it: the path, or to a proxy the whole address. */
interface Way {
  readonly socket: Duplex;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly isProxy: boolean;
}

async function openSecure(url: URL, options: WayOptions): Promise<Way> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 443);
  const { caPEM, now, signal } = options;
  const { socket } = await openTunnel({ host, port }, options);
  options.onStage?.('tls', `TLS with ${host} port ${port}`);
  const context = trustStore(caPEM === undefined ? {} : { caPEM });
  const secured = await secure(socket, { host, port, context, now, signal });
  options.onPeer?.(secured.peer);
  return { socket: secured.socket, path: url.pathname + url.search, headers: {}, isProxy: false };
}

/** Plain HTTP is not tunnelled: a proxy is asked for the whole address (RFC 9112 §3.2.2). */
async function openPlain(url: URL, options: WayOptions): Promise<Way> {
  const proxy = findProxy(url, options.env);
  if (proxy) {
    const socket = await openProxy(proxy, options);
    const path = `${url.origin}${url.pathname}${url.search}`;
    return { socket, path, headers: proxyHeaders(proxy), isProxy: true };
  }
  const { socket } = await openStraight({ host: url.hostname, port: Number(url.port || 80) }, options);
  return { socket, path: url.pathname + url.search, headers: {}, isProxy: false };
}

interface Asking {
  readonly url: URL;
  readonly asked: HTTPRequest;
  readonly signal: AbortSignal;
}

function ask({ socket, path, headers }: Way, { url, asked, signal }: Asking): Promise<IncomingMessage> {
  const { method = 'GET', body } = asked;
  return new Promise((resolve, reject) => {
    const sending = request({
      method,
      path,
      headers: {
        host: url.host,
        'accept-encoding': 'identity',
        'user-agent': 'ferry',
        ...headers,
        ...asked.headers,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      createConnection: () => socket,
    });
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    destroyedBy(sending, signal);
    const over = (settle: () => void) => {
      signal.removeEventListener('abort', aborted);
      settle();
    };
    sending.once('response', (answer) => over(() => resolve(answer)));
    sending.once('upgrade', (answer) => over(() => resolve(answer)));
    sending.on('error', (error) => over(() => reject(unanswered(url, error))));
    sending.end(body);
  });
}

function unanswered(url: URL, error: Error): HTTPError {
  const why = 'code' in error ? String(error.code) : '';
  const alert = /ALERT_(.+)$/.exec(why)?.[1]?.toLowerCase().replaceAll('_', ' ');
  if (alert !== undefined) {
    const facts = { stage: 'tls', why };
    return lost(url, `an answer, got the end of TLS: ${alert} (${why})`, { code: 'TLS_FAILED', facts });
  }
  const got = why.startsWith('HPE_') ? `something that is no HTTP (${why})` : `the end of the connection (${why})`;
  return lost(url, `an answer, got ${got}`, { code: 'CONNECTION_LOST', facts: { stage: 'http', why } });
}

function lost(
  url: URL,
  expected: string,
  { code, facts }: { code: HTTPError['code']; facts: Readonly<Record<string, unknown>> },
): HTTPError {
  const message = `GET ${shownURL(url)}: expected ${expected}`;
  return new HTTPError(message, { code, facts: { url: shownURL(url), host: url.host, ...facts } });
}

/**
 * One request, one answer: no redirect is followed and nothing is tried again here (follow.ts, retry.ts). A body is
 * read as it is asked for, so a slow reader slows the server; every failure comes out as HTTPError or as the reason
 * of the signal that ended it.
 */
import { type AgentOptions, Agents } from './agents.ts';
import { asHTTPError, type FailureFacts } from './failure.ts';
import { HTTPResponse } from './response.ts';

export interface HTTPOptions extends AgentOptions {
  /** Ends every request of this client. */
  readonly signal?: AbortSignal;
}

export interface HTTPRequest {
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST';
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Speaks HTTP/1.1; made by {@link openHTTP}. */
export interface HTTPClient {
  /**
   * Sends one request; resolves when the answer's headers are here. The body must be read or discarded, for its
   * connection counts against the limit per host until then.
   *
   * @throws {HTTPError} `UNKNOWN_HOST`, `UNREACHABLE`, `TLS_NOT_TRUSTED`, `TLS_FAILED`, `PLAIN_HTTP_REFUSED`,
   *   `PROXY_REFUSED`, `CONNECTION_LOST`, `IDLE_TIMEOUT`
   */
  send(url: URL, request?: HTTPRequest): Promise<HTTPResponse>;
  /** Whether this server has answered before: a failure now is the network's weather, not a wrong name. */
  hasReached(host: string): boolean;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A client with its own connections. */
export function openHTTP(options: HTTPOptions = {}): HTTPClient {
  const agents = new Agents(options);
  const reached = new Set<string>();
  const send = async (url: URL, request: HTTPRequest = {}): Promise<HTTPResponse> => {
    const signal = either(options.signal, request.signal);
    const response = await dispatch(agents, url, { ...request, signal });
    reached.add(url.host);
    return response;
  };
  return { send, hasReached: (host) => reached.has(host), close: () => agents.close() };
}

async function dispatch(agents: Agents, url: URL, request: HTTPRequest): Promise<HTTPResponse> {
  const { method = 'GET', headers = {}, body, signal } = request;
  signal?.throwIfAborted();
  const { dispatcher, proxy } = agents.routeTo(url);
  const facts: FailureFacts = { method, url, proxy };
  try {
    const answer = await dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      // Bytes as they are stored: a transport encoding would be another thing to be wrong.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'ferry', ...headers },
      ...(body === undefined ? {} : { body }),
      ...(signal ? { signal } : {}),
    });
    return new HTTPResponse(answer, facts, signal);
  } catch (error) {
    signal?.throwIfAborted();
    throw asHTTPError(error, facts);
  }
}

function either(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b);
}

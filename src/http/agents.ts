/**
 * Connections: pools of undici, one for each way to a server (direct, by each proxy; plain, TLS), with the limit per
 * host in them. HTTP/1.1 only: blobs want several connections, and a Range on one must not wait for another.
 */
import { Agent, type Dispatcher, Pool, ProxyAgent } from 'undici';
import { type Environment, findProxy } from './proxy.ts';
import { type TLSOptions, trustStore } from './trust-store.ts';

export interface AgentOptions extends TLSOptions {
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY. @default {} */
  readonly env?: Environment;
  /** Connections to one host at a time; further requests wait their turn. @default 6 */
  readonly connectionsPerHost?: number;
  /** Milliseconds without a byte after which a server counts as gone. There is no limit on the whole. @default 60_000 */
  readonly idleTimeoutMs?: number;
  /** Milliseconds for a connection to come about. @default 15_000 */
  readonly connectTimeoutMs?: number;
}

/** A way to a server. */
export interface Route {
  readonly dispatcher: Dispatcher;
  readonly proxy: URL | undefined;
}

/** The pools of one client, made when they are first needed. */
export class Agents {
  readonly #options: AgentOptions;
  readonly #made = new Map<string, Dispatcher>();
  #context: ReturnType<typeof trustStore> | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** @throws {HTTPError} `CERTIFICATE_FILE_INVALID`, `PROXY_REFUSED` for settings that can't be used */
  routeTo(url: URL): Route {
    const proxy = findProxy(url, this.#options.env ?? {});
    const key = `${url.protocol} ${proxy?.href ?? ''}`;
    const dispatcher = this.#made.get(key) ?? this.#make(url.protocol === 'https:', proxy);
    this.#made.set(key, dispatcher);
    return { dispatcher, proxy };
  }

  /** Ends all connections, also those with an answer under way. */
  async close(): Promise<void> {
    await Promise.all([...this.#made.values()].map((dispatcher) => dispatcher.destroy()));
    this.#made.clear();
  }

  #make(secure: boolean, proxy: URL | undefined): Dispatcher {
    const { connectionsPerHost = 6, idleTimeoutMs = 60_000, connectTimeoutMs = 15_000 } = this.#options;
    const tls = secure || proxy?.protocol === 'https:' ? { secureContext: this.#secureContext() } : {};
    const common = {
      connections: connectionsPerHost,
      headersTimeout: idleTimeoutMs,
      bodyTimeout: idleTimeoutMs,
      allowH2: false,
    };
    if (!proxy) return new Agent({ ...common, connect: { ...tls, timeout: connectTimeoutMs } });
    return new ProxyAgent({
      ...common,
      uri: proxy.href,
      requestTls: { ...tls, timeout: connectTimeoutMs },
      proxyTls: { ...tls, timeout: connectTimeoutMs },
      factory: (origin, options) => new Pool(origin, { ...options, ...common }),
    });
  }

  #secureContext(): ReturnType<typeof trustStore> {
    this.#context ??= trustStore(this.#options);
    return this.#context;
  }
}

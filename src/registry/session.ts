/**
 * A GET at a repository until it is answered: with the Authorization of the moment, once more after a 401, again after
 * what passes, from the registry's own address each time, so that a signed address that has expired is given anew.
 */
import {
  follow,
  type HTTPClient,
  type HTTPResponse,
  isPassing,
  isSameOrigin,
  Retries,
  type RetryOptions,
  realTiming,
} from '../http/index.ts';
import type { Auth } from './auth.ts';
import type { Endpoint } from './endpoint.ts';
import { type RefusalContext, refusalOf } from './refusal.ts';

export interface SessionOptions {
  readonly client: HTTPClient;
  readonly auth: Auth;
  readonly retry: RetryOptions;
  readonly plainHTTP?: ReadonlySet<string> | undefined;
}

export interface Ask extends Pick<RefusalContext, 'doing' | 'missing'> {
  readonly endpoint: Endpoint;
  /** Below the repository: `manifests/2.1.0`, `blobs/sha256:…`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Statuses to come back with. */
  readonly wanted: readonly number[];
  /** Counts for the whole undertaking, of which this may be one of several requests. */
  readonly retries: Retries;
  readonly signal?: AbortSignal | undefined;
}

/** A store that refuses an address which the registry has just signed is asked so many times more. */
const EXPIRED_RETRIES = 3;

export class Session {
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The retries for one undertaking. */
  newRetries(signal = this.#options.retry.signal): Retries {
    return new Retries(this.#options.client, { ...this.#options.retry, signal });
  }

  /** The first answer with a wanted status. @throws {RegistryError} by the last refusal; {HTTPError} when out of retries */
  async get(ask: Ask): Promise<HTTPResponse> {
    const { retries } = ask;
    for (;;) {
      try {
        const response = await this.#authorized(ask);
        if (ask.wanted.includes(response.status)) return response;
        await retries.wait(await this.#judge(response, ask));
      } catch (error) {
        if (!isPassing(error)) throw error;
        await retries.wait({ error });
      }
    }
  }

  async #authorized(ask: Ask): Promise<HTTPResponse> {
    const { auth } = this.#options;
    const sent = await auth.header(ask.endpoint);
    const response = await this.#send(ask, sent);
    if (response.status !== 401 || !isSameOrigin(response.url, ask.endpoint.base)) return response;
    const challenge = response.header('www-authenticate');
    const next = await auth.answer(ask.endpoint, { challenge, sent });
    if (next === undefined) return response;
    await response.discard();
    return this.#send(ask, next);
  }

  #send({ endpoint, path, headers, signal }: Ask, authorization: string | undefined): Promise<HTTPResponse> {
    const { client, plainHTTP } = this.#options;
    const all = { ...headers, ...(authorization === undefined ? {} : { authorization }) };
    const start = { url: new URL(path, endpoint.base), request: { headers: all, signal } };
    return follow(client, start, plainHTTP ? { plainHTTP } : {});
  }

  async #judge(response: HTTPResponse, ask: Ask) {
    const { timing = realTiming } = this.#options.retry;
    const { endpoint, doing, missing, retries } = ask;
    const credentials = await this.#options.auth.credentialsFor(endpoint);
    const failure = await refusalOf(response, {
      ...{ doing, host: endpoint.host, credentials, maxWaitMs: retries.maxWaitMs, now: timing.now },
      ...(missing === undefined ? {} : { missing }),
    });
    const elsewhere = !isSameOrigin(response.url, endpoint.base);
    const expired = elsewhere && response.status >= 400 && response.status < 500 && failure.limit === 0;
    return expired ? { ...failure, limit: EXPIRED_RETRIES } : failure;
  }
}

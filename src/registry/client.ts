/** The client of OCI Distribution (distribution-spec v1.1, pull only) as the rooms above see it. */
import {
  type HTTPClient,
  openHTTP,
  Retries,
  type RetryOptions,
  realTiming,
  type Timing,
  type TLSOptions,
} from '../http/index.ts';
import type { ClosureDocument, Descriptor, Reference } from '../oci/index.ts';
import { Auth } from './auth.ts';
import { fetchBlob } from './blob.ts';
import { fetchDocument, type Place, resolveReference } from './document.ts';
import { type EndpointOptions, Endpoints } from './endpoint.ts';
import { Session } from './session.ts';

export interface RegistryOptions extends EndpointOptions, TLSOptions {
  /** Connections to one host at a time. @default 6 */
  readonly concurrency?: number;
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY, DOCKER_CONFIG, HOME, GHCR_TOKEN, GITHUB_TOKEN, PATH. @default {} */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ends everything under way with its reason. */
  readonly signal?: AbortSignal;
  /** Told before each wait for another try, in a line without secrets. */
  readonly onRetry?: (why: string) => void;
  /** Retries in a row without progress. @default 8 */
  readonly retries?: number;
  /** Milliseconds without a byte after which a connection counts as lost. @default 60_000 */
  readonly idleTimeoutMs?: number;
  /** @default {@link realTiming} */
  readonly timing?: Timing;
}

/** Reads from any number of registries; made by {@link openRegistry}. */
export interface RegistryClient {
  /**
   * The index or manifest that a reference names, with the digest of its bytes. A pinned digest is held to.
   *
   * @throws {RegistryError} `IMAGE_NOT_FOUND`, `DIGEST_CHANGED`, `DENIED`, `RATE_LIMITED`, `REGISTRY_FAILED`,
   *   `REGISTRY_ANSWER`, `CREDENTIALS_INVALID`; {HTTPError}; {OciError} `SCHEMA1_REFUSED`, `MANIFEST_INVALID`
   */
  resolve(reference: Reference): Promise<ClosureDocument>;
  /** The bytes of a manifest or config, at most 4 MiB, proven against its descriptor. @throws {ContentError} too */
  fetchDocument(reference: Reference, descriptor: Descriptor): Promise<Uint8Array>;
  /**
   * The bytes of a blob. Drops are resumed; the last chunk comes only when size and digest are right. Ending the loop
   * early ends the connection.
   *
   * @throws {ContentError} `SIZE_MISMATCH`, `DIGEST_MISMATCH`; {RegistryError} `BLOB_NOT_FOUND`, `BLOB_CHANGED`; {HTTPError}
   */
  fetchBlob(
    reference: Reference,
    descriptor: Descriptor,
    options?: { readonly signal?: AbortSignal },
  ): AsyncGenerator<Uint8Array>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** A client; it connects when it is first asked. */
export function openRegistry(options: RegistryOptions = {}): RegistryClient {
  const { env = {}, concurrency, idleTimeoutMs } = options;
  const client = openHTTP({
    ...options,
    env,
    ...(concurrency === undefined ? {} : { connectionsPerHost: concurrency }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
  });
  const endpoints = new Endpoints(options);
  const session = openSession(client, options);
  const place = async (reference: Reference): Promise<Place> => ({
    session,
    endpoint: await endpoints.find(reference),
  });
  return {
    resolve: async (reference) => resolveReference(await place(reference), reference),
    fetchDocument: async (reference, descriptor) => fetchDocument(await place(reference), reference, descriptor),
    fetchBlob: async function* (reference, wanted, { signal } = {}) {
      yield* fetchBlob(await place(reference), { reference, wanted, signal: either(options.signal, signal) });
    },
    close: () => client.close(),
  };
}

/** How a client asks: with whose credentials, and how often. */
export function openSession(client: HTTPClient, options: RegistryOptions): Session {
  const { env = {}, timing = realTiming, plainHTTP, signal, retries, onRetry } = options;
  const retry: RetryOptions = {
    timing,
    signal,
    ...(retries === undefined ? {} : { retries }),
    ...(onRetry ? { onRetry } : {}),
  };
  const auth = new Auth({
    ...{ client, env, now: timing.now, signal, newRetries: () => new Retries(client, retry) },
    ...(plainHTTP ? { plainHTTP } : {}),
  });
  return new Session({ client, auth, retry, plainHTTP });
}

function either(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b);
}

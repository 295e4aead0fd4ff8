/**
 * Bearer tokens (distribution docs/spec/auth/token.md and oauth.md): asked for without credentials, with Basic, or by
 * trading an identity token. A token server speaks TLS, or plain HTTP where the registry's own host may.
 */
import { parseJSON, readBounded } from '../content/index.ts';
import {
  follow,
  type HTTPClient,
  type HTTPResponse,
  isLoopback,
  isPassing,
  type Retries,
  shownURL,
} from '../http/index.ts';
import type { Challenge } from './challenge.ts';
import { basicHeader, type Credentials } from './credential.ts';
import { RegistryError } from './error.ts';
import { refusalOf } from './refusal.ts';

const MAX_ANSWER_BYTES = 1024 * 1024;
/** Where the answer does not say: "clients should assume 60 seconds". */
const DEFAULT_LIFE_S = 60;
/** A request takes time to arrive. */
const MARGIN_MS = 5000;

export interface TokenRequest {
  readonly challenge: Extract<Challenge, { scheme: 'bearer' }>;
  /** Asked for when the challenge names no scope; empty for none. */
  readonly scope: string;
  readonly credentials: Credentials | undefined;
  /** Host of the registry, for the words of an error. */
  readonly host: string;
}

export interface TokenOptions {
  readonly client: HTTPClient;
  readonly retries: Retries;
  readonly plainHTTP?: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
  readonly now: () => number;
}

export interface Token {
  readonly value: string;
  /** From when on a new one is asked for, some seconds before this one ends; milliseconds since 1970, by the clock here. */
  readonly renewAt: number;
}

/** Gets a token. @throws {RegistryError} `DENIED`, `REGISTRY_ANSWER`, `RATE_LIMITED`, `REGISTRY_FAILED`; {HTTPError} */
export async function fetchToken(request: TokenRequest, options: TokenOptions): Promise<Token> {
  const { retries, now } = options;
  const realm = parseRealm(request, options);
  for (;;) {
    const sent = now();
    try {
      const response = await ask(realm, request, options);
      if (response.status === 200) return await readToken(response, { realm, sent });
      const doing = `get a token for ${request.host} at ${realm.host}`;
      await retries.wait(await refusalOf(response, { doing, ...request, now, maxWaitMs: retries.maxWaitMs }));
    } catch (error) {
      if (!isPassing(error)) throw error;
      await retries.wait({ error });
    }
  }
}

function parseRealm({ challenge, host }: TokenRequest, { plainHTTP }: TokenOptions): URL {
  const realm = URL.canParse(challenge.realm) ? new URL(challenge.realm) : undefined;
  const plain =
    realm?.protocol === 'http:' &&
    (plainHTTP?.has(realm.host) || (isLoopback(realm.hostname) && isLoopback(hostnameOf(host))));
  if (realm && (realm.protocol === 'https:' || plain)) return realm;
  throw new RegistryError(
    `get a token for ${host}: expected a token server on https, got ${realm?.protocol ?? 'no address'}`,
    {
      code: 'REGISTRY_ANSWER',
      facts: { host },
    },
  );
}

function hostnameOf(host: string): string {
  return URL.canParse(`https://${host}`) ? new URL(`https://${host}`).hostname : host;
}

function ask(realm: URL, request: TokenRequest, { client, plainHTTP, signal }: TokenOptions): Promise<HTTPResponse> {
  const { challenge, credentials } = request;
  const scope = challenge.scope ?? request.scope;
  const common = {
    ...(challenge.service === undefined ? {} : { service: challenge.service }),
    ...(scope === '' ? {} : { scope }),
  };
  if (credentials?.kind === 'identity') {
    const trade = { grant_type: 'refresh_token', client_id: 'ferry', refresh_token: credentials.token };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = new URLSearchParams({ ...common, ...trade }).toString();
    return client.send(realm, { method: 'POST', headers, body, signal });
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(common)) url.searchParams.set(name, value);
  const headers = credentials?.kind === 'password' ? { authorization: basicHeader(credentials) } : {};
  return follow(client, { url, request: { headers, signal } }, plainHTTP ? { plainHTTP } : {});
}

async function readToken(response: HTTPResponse, { realm, sent }: { realm: URL; sent: number }): Promise<Token> {
  const what = `token from ${shownURL(realm)}`;
  const answer = parseJSON(await readBounded(response.body(), { max: MAX_ANSWER_BYTES, what }), what);
  const { token, access_token, expires_in } = (answer ?? {}) as Record<string, unknown>;
  const value = typeof token === 'string' && token !== '' ? token : access_token;
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new RegistryError(`get a ${what}: expected a token, got none`, { code: 'REGISTRY_ANSWER' });
  }
  const lifeMs = (typeof expires_in === 'number' && expires_in > 0 ? expires_in : DEFAULT_LIFE_S) * 1000;
  return { value, renewAt: sent + Math.max(lifeMs - MARGIN_MS, lifeMs / 2) };
}

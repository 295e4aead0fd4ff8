/**
 * Redirects (RFC 9110 §15.4), each hop judged: Authorization stays behind when another origin is entered and does not
 * come back; from TLS nobody is led to plain HTTP. A 303 to another host is not followed: it leads to a web page for
 * people (ghcr.io's answer to referrers), and is given to the caller as it is.
 */
import { isLoopback, isSameOrigin, shownURL } from './address.ts';
import type { HTTPClient, HTTPRequest } from './client.ts';
import { HTTPError } from './error.ts';
import type { HTTPResponse } from './response.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_HOPS = 5;

export interface FollowOptions {
  /** Hosts (with port) that may be spoken to in plain HTTP though they are not this host. */
  readonly plainHTTP?: ReadonlySet<string>;
  /** Follows within the first server alone: whoever holds a secret of ours is not left. @default false */
  readonly staysAtOrigin?: boolean;
}

/** Sends a GET and follows where it leads. @throws {HTTPError} `REDIRECT_REFUSED`, `PLAIN_HTTP_REFUSED`; and as `send` */
export async function follow(
  client: HTTPClient,
  start: { readonly url: URL; readonly request: Omit<HTTPRequest, 'method' | 'body'> },
  options: FollowOptions = {},
): Promise<HTTPResponse> {
  let { url, request } = start;
  for (let hop = 0; hop <= MAX_HOPS; hop += 1) {
    const response = await client.send(url, request);
    const next = findNext(response);
    if (next === undefined) return response;
    if (response.status === 303 && !isSameOrigin(url, next)) return response;
    await response.discard();
    if (options.staysAtOrigin) checkOrigin(start.url, next);
    checkScheme(url, next, options);
    if (!isSameOrigin(url, next)) request = withoutAuthorization(request);
    url = next;
  }
  throw new HTTPError(`GET ${shownURL(start.url)}: expected an answer, got more than ${MAX_HOPS} redirects`, {
    code: 'REDIRECT_REFUSED',
    facts: { url: shownURL(start.url), host: start.url.host },
  });
}

function findNext(response: HTTPResponse): URL | undefined {
  const location = response.header('location');
  if (!REDIRECTS.has(response.status) || location === undefined || !URL.canParse(location, response.url.href)) {
    return undefined;
  }
  const next = new URL(location, response.url);
  next.hash = '';
  return next;
}

function checkOrigin(from: URL, to: URL): void {
  if (isSameOrigin(from, to)) return;
  throw new HTTPError(`GET ${shownURL(from)}: expected an answer from ${from.host}, got a redirect to ${to.origin}`, {
    code: 'REDIRECT_REFUSED',
    facts: { url: shownURL(from), host: from.host },
  });
}

/** Plain HTTP only where it was asked for, or from this host to this host. */
function checkScheme(from: URL, to: URL, { plainHTTP }: FollowOptions): void {
  if (to.protocol === 'https:') return;
  const facts = { url: shownURL(to), host: to.host };
  if (to.protocol !== 'http:') {
    throw new HTTPError(`GET ${shownURL(from)}: expected a redirect to https, got ${to.protocol}`, {
      code: 'REDIRECT_REFUSED',
      facts,
    });
  }
  if (plainHTTP?.has(to.host) || (isLoopback(to.hostname) && isLoopback(from.hostname))) return;
  throw new HTTPError(`GET ${shownURL(from)}: expected a redirect to https, got plain HTTP to ${to.host}`, {
    code: 'PLAIN_HTTP_REFUSED',
    facts,
  });
}

function withoutAuthorization<R extends Pick<HTTPRequest, 'headers'>>(request: R): R {
  const kept = Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'authorization');
  return { ...request, headers: Object.fromEntries(kept) };
}

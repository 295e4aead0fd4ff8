/** HTTP/1.1 over undici: connections, proxies, trust, redirects, retries. What a status means is the caller's. */

export { isLoopback, isSameOrigin, shownURL } from './address.ts';
export type { AgentOptions } from './agents.ts';
export type { HTTPClient, HTTPOptions, HTTPRequest } from './client.ts';
export { openHTTP } from './client.ts';
export type { HTTPCode } from './error.ts';
export { HTTPError } from './error.ts';
export { exchange, openExchange } from './exchange.ts';
export type { FollowOptions } from './follow.ts';
export { follow } from './follow.ts';
export { speaksTLS } from './probe.ts';
export type { Environment } from './proxy.ts';
export { findProxy } from './proxy.ts';
export type { Resolved, ResolveOptions } from './resolve.ts';
export { resolveHost } from './resolve.ts';
export type { HTTPResponse } from './response.ts';
export type { Failure, RetryOptions } from './retry.ts';
export { isPassing, isPassingStatus, Retries } from './retry.ts';
export { findRetryAfterMs } from './retry-after.ts';
export type { CertificateFault, Peer } from './secure.ts';
export { secure } from './secure.ts';
export type { Timing } from './timing.ts';
export { realTiming } from './timing.ts';
export type { TLSOptions } from './trust-store.ts';
export { trustStore } from './trust-store.ts';
export type { Stage, WayOptions } from './tunnel.ts';
export { openStraight, openTunnel } from './tunnel.ts';

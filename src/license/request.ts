/** Where a licence is asked for and as whom: checked before anything is sent, and shown without secrets. */
import { type Environment, type HTTPClient, HTTPError, isLoopback, shownURL, type Timing } from '../http/index.ts';
import { LicenseError } from './error.ts';

/** A server's address. */
export interface LicenseAddress {
  readonly url: string;
  /** Hosts (with port) that may be spoken to in plain HTTP though they are not this host. */
  readonly plainHTTP?: ReadonlySet<string> | undefined;
}

/** What the server knows us by. */
export interface LicenseToken {
  /** Sent to the server of `url` and to no other. White space around it is no part of it. */
  readonly token?: string | undefined;
  /** The environment variable that it came from, for the words of a refusal. */
  readonly tokenEnv?: string | undefined;
}

/** What a licence is asked for with. */
export interface FetchLicenseOptions extends LicenseAddress, LicenseToken {
  /** More authorities that TLS trusts, PEM. */
  readonly caPEM?: string | undefined;
  /** HTTPS_PROXY, HTTP_PROXY, NO_PROXY. @default {} */
  readonly env?: Environment | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told before each wait, in a line without secrets. */
  readonly onRetry?: ((why: string) => void) | undefined;
  /** Retries in a row. @default 8 */
  readonly retries?: number | undefined;
  /** Stands for clock and waits in tests. */
  readonly timing?: Timing | undefined;
  /** For several licences: opened with `caPEM`, `env` and `signal`, and closed, by whoever brings it. @default one for this licence */
  readonly client?: HTTPClient | undefined;
}

/**
 * The address that is asked. Only what can be shown is shown: one that cannot be read may hold a password anywhere.
 * @throws {LicenseError} `LICENSE_URL_INVALID`; {HTTPError} `PLAIN_HTTP_REFUSED`
 */
export function readURL({ url, plainHTTP }: LicenseAddress): URL {
  const at = URL.canParse(url) ? new URL(url) : undefined;
  if (at?.protocol !== 'https:' && at?.protocol !== 'http:') throw noURL('an https address, got something else');
  if (at.username !== '' || at.password !== '') throw noURL('an address without user and password, got one with');
  if (at.protocol === 'http:' && !isLoopback(at.hostname) && !plainHTTP?.has(at.host)) {
    throw new HTTPError(`fetch the licence from ${shownURL(at)}: expected https, got plain HTTP`, {
      code: 'PLAIN_HTTP_REFUSED',
      facts: { url: shownURL(at), host: at.host },
    });
  }
  at.hash = '';
  return at;
}

function noURL(expectedAndGot: string): LicenseError {
  return new LicenseError(`fetch the licence: expected ${expectedAndGot}`, { code: 'LICENSE_URL_INVALID' });
}

/** The header that says who asks. @throws {LicenseError} `LICENSE_TOKEN_INVALID`, without the token */
export function authorization({ token, tokenEnv }: LicenseToken): { readonly authorization?: string } {
  const value = token?.trim() ?? '';
  if (value === '') return {};
  if (/^[\x21-\x7e]+$/.test(value)) return { authorization: `Bearer ${value}` };
  throw new LicenseError(
    `read the token${tokenEnv === undefined ? '' : ` of ${tokenEnv}`}: expected one word of ASCII, got something else`,
    {
      code: 'LICENSE_TOKEN_INVALID',
    },
  );
}

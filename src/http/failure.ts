/**
 * What Node.js and undici throw, as one line and a code a person can act on. The original error is not kept as the
 * cause: its fields may hold a request's headers. What an abort's signal gives as reason passes untouched.
 */
import { shownURL } from './address.ts';
import { HTTPError } from './error.ts';

export interface FailureFacts {
  readonly method: string;
  readonly url: URL;
  /** The proxy that stood between, without its user and password in any message. */
  readonly proxy?: URL | undefined;
}

const NOT_TRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'CERT_SIGNATURE_FAILURE',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'HOSTNAME_MISMATCH',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
/** What OpenSSL makes of an answer that is no TLS at all. */
const NOT_TLS = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_RECORD_LAYER_FAILURE',
]);
const IDLE = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);
const NEVER_MET = new Set([
  ...['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN', 'EADDRNOTAVAIL'],
  ...['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT', 'EAI_AGAIN'],
]);

/** The error for a request that ended without an answer, or in the middle of one. */
export function asHTTPError(error: unknown, facts: FailureFacts): HTTPError {
  if (error instanceof HTTPError) return error;
  const { code, message } = fieldsOf(error);
  const host = facts.url.host;
  if (facts.proxy && isProxyFailure(code, message)) return proxyFailure(facts.proxy, facts.url, { message, code });
  if (code === 'ENOTFOUND') return failure('UNKNOWN_HOST', `reach ${host}: no such host is known (${code})`, facts);
  if (NEVER_MET.has(code)) return failure('UNREACHABLE', `reach ${host}: ${words(code)}`, facts);
  if (NOT_TRUSTED.has(code)) {
    return failure(
      'TLS_NOT_TRUSTED',
      `reach ${host}: its certificate is not trusted: ${reason(code)} (${code})`,
      facts,
    );
  }
  if (NOT_TLS.has(code)) {
    return failure('PLAIN_HTTP_REFUSED', `reach ${host}: expected TLS, got an answer that is none`, facts);
  }
  if (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code))
    return failure('TLS_FAILED', `reach ${host}: TLS failed (${code})`, facts);
  const doing = `${facts.method} ${shownURL(facts.url)}`;
  if (IDLE.has(code)) return failure('IDLE_TIMEOUT', `${doing}: expected more bytes, got none for too long`, facts);
  return failure('CONNECTION_LOST', `${doing}: the connection was lost (${code || 'no code'})`, facts);
}

/** Behind a proxy nobody else is connected to, so whoever is not met is the proxy. */
function isProxyFailure(code: string, message: string): boolean {
  return NEVER_MET.has(code) || code === 'ENOTFOUND' || code.startsWith('UND_ERR_PRX') || /proxy/i.test(message);
}

function proxyFailure(proxy: URL, url: URL, { message, code }: { message: string; code: string }): HTTPError {
  const status = /\((\d{3})\)/.exec(message)?.[1];
  const got = status === undefined ? `none (${code})` : `status ${status}`;
  return failure('PROXY_REFUSED', `reach ${url.host} by proxy ${proxy.host}: expected a way through, got ${got}`, {
    method: 'CONNECT',
    url,
    status: status === undefined ? undefined : Number(status),
  });
}

function failure(
  code: ConstructorParameters<typeof HTTPError>[1]['code'],
  message: string,
  { url, status }: { method: string; url: URL; status?: number | undefined },
): HTTPError {
  return new HTTPError(message, { code, facts: { url: shownURL(url), host: url.host, ...(status ? { status } : {}) } });
}

/** undici wraps; the happy-eyeballs connect gives an AggregateError. The first code found inside is the one that says why. */
function fieldsOf(error: unknown, depth = 0): { code: string; message: string } {
  if (!(error instanceof Error) || depth > 3) return { code: '', message: '' };
  const own = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  const vague = own === '' || own === 'UND_ERR_SOCKET' || own.startsWith('UND_ERR_PRX');
  const deeper = vague ? fieldsOf(inner, depth + 1) : { code: '', message: '' };
  if (own.startsWith('UND_ERR_PRX')) return { code: own, message: `${error.message} ${deeper.code}` };
  return { code: deeper.code || own, message: error.message };
}

function words(code: string): string {
  if (code === 'ECONNREFUSED') return 'nobody listens there (ECONNREFUSED)';
  if (code === 'EAI_AGAIN') return 'the name server does not answer (EAI_AGAIN)';
  return `there is no way to it (${code})`;
}

function reason(code: string): string {
  if (code === 'CERT_HAS_EXPIRED') return 'expired';
  if (code === 'CERT_NOT_YET_VALID') return 'not valid yet by the clock here';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') return 'made for another name';
  return 'no authority known here signed it';
}

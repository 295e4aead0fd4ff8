/**
 * TLS over a connection that is there, and what its certificate is: chain to the authorities known here, dates, names.
 * Every fault has its own words and is told by its kind, for a check must say which it is. The handshake is made to its
 * end whatever the certificate; nothing is sent over it before that has been judged.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect, type SecureContext, type TLSSocket } from 'node:tls';
import { spellOut } from '../errors.ts';
import { destroyedBy } from './dial.ts';
import { HTTPError } from './error.ts';

/** Who answered in a handshake. */
export interface Peer {
  /** The name that was asked for. */
  readonly host: string;
  /** Of the leaf: its issuer's common name, else its organisation; control characters spelled out. */
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DNS names and IPs of the leaf, at most twenty. */
  readonly names: readonly string[];
  /** `TLSv1.3` */
  readonly protocol: string;
}

/** What can be wrong with a certificate that was served. */
export type CertificateFault = 'expired' | 'not-yet' | 'name' | 'authority' | 'clock' | 'other';

export interface SecureOptions {
  /** The name or IP that the certificate must be for; SNI when it is a name. */
  readonly host: string;
  readonly port: number;
  /** The authorities. */
  readonly context: SecureContext;
  /** By which dates are judged. */
  readonly now: Date;
  readonly signal: AbortSignal;
  /** Whether HTTP is asked for (ALPN); mail servers refuse a handshake that asks for it. @default true */
  readonly isHTTP?: boolean;
}

/**
 * The handshake.
 *
 * @throws {HTTPError} `TLS_NOT_TRUSTED` with `facts.fault`, `PLAIN_HTTP_REFUSED` for an answer that is no TLS,
 *   `TLS_FAILED`, `CONNECTION_LOST`; the signal's reason
 */
export async function secure(socket: Duplex, options: SecureOptions): Promise<{ socket: TLSSocket; peer: Peer }> {
  const { host, port, signal } = options;
  const secured = await shakeHands(socket, options);
  const certificate = secured.getPeerX509Certificate();
  if (certificate === undefined) {
    throw tlsError('TLS_FAILED', `TLS with ${host} port ${port}: expected a certificate, got none`, options, {});
  }
  const peer = peerOf(certificate, secured, host);
  const error = faultOf(secured, { certificate, peer, options });
  if (error) {
    secured.destroy();
    throw error;
  }
  signal.throwIfAborted();
  return { socket: secured, peer };
}

function shakeHands(socket: Duplex, options: SecureOptions): Promise<TLSSocket> {
  const { host, context, signal, isHTTP = true } = options;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const secured = connect({
      socket,
      secureContext: context,
      // Judged below, by the kind of fault.
      rejectUnauthorized: false,
      ...(isHTTP ? { ALPNProtocols: ['http/1.1'] } : {}),
      ...(isIP(host) ? {} : { servername: host }),
    });
    const aborted = () => reject(signal.reason);
    signal.addEventListener('abort', aborted, { once: true });
    destroyedBy(secured, signal);
    const over = (settle: () => void) => {
      signal.removeEventListener('abort', aborted);
      settle();
    };
    secured.on('error', (error) => over(() => reject(handshakeError(error, options))));
    secured.once('close', () => over(() => reject(handshakeError({ code: 'ECONNRESET' }, options))));
    secured.once('secureConnect', () => over(() => resolve(secured)));
  });
}

const NOT_TLS =
  /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|RECORD_LAYER_FAILURE|BAD_RECORD_TYPE|UNEXPECTED_MESSAGE/;

function handshakeError(error: object, options: SecureOptions): HTTPError {
  const why = 'code' in error ? String(error.code) : '';
  const doing = `TLS with ${options.host} port ${options.port}`;
  if (NOT_TLS.test(why) && !/ALERT/.test(why)) {
    return tlsError('PLAIN_HTTP_REFUSED', `${doing}: expected TLS, got an answer that is none`, options, { why });
  }
  if (why === 'ECONNRESET' || why === 'EPIPE') {
    const words = 'expected a handshake, got the end of the connection';
    return tlsError('CONNECTION_LOST', `${doing}: ${words} (${why})`, options, { why });
  }
  const alert = /ALERT_(.+)$/.exec(why)?.[1]?.toLowerCase().replaceAll('_', ' ');
  const words = alert === undefined ? 'the handshake failed' : `the server refused the handshake: ${alert}`;
  return tlsError('TLS_FAILED', `${doing}: ${words} (${why})`, options, { why });
}

function peerOf(certificate: X509Certificate, secured: TLSSocket, host: string): Peer {
  const names = (certificate.subjectAltName ?? '').match(/(?:DNS|IP Address):(?:"[^"]*"|[^,]*)/g) ?? [];
  return {
    host,
    issuer: nameOf(certificate.issuer),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    names: names.slice(0, 20).map((name) => shown(name.replace(/^(?:DNS|IP Address):/, ''))),
    protocol: secured.getProtocol() ?? 'TLS',
  };
}

function nameOf(distinguished: string): string {
  const field = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(distinguished)?.[1];
  return shown(field('CN') ?? field('O') ?? distinguished.replaceAll('\n', ', '));
}

function shown(text: string): string {
  return spellOut(text.slice(0, 100));
}

interface Judged {
  readonly certificate: X509Certificate;
  readonly peer: Peer;
  readonly options: SecureOptions;
}

/** Dates by the clock that was given, then who signed it, then for whom. */
function faultOf(secured: TLSSocket, { certificate, peer, options }: Judged): HTTPError | undefined {
  const why = codeOf(secured.authorizationError);
  const { host, now } = options;
  const fail = (fault: CertificateFault, words: string) =>
    notTrusted(fault, words, { certificate, peer, options, why });
  if (peer.notAfter < now)
    return fail(
      'expired',
      `expected a certificate valid on ${dayOf(now)}, got one that ended on ${dayOf(peer.notAfter)}`,
    );
  if (peer.notBefore > now)
    return fail(
      'not-yet',
      `expected a certificate valid on ${dayOf(now)}, got one that begins on ${dayOf(peer.notBefore)}`,
    );
  if (why === 'CERT_HAS_EXPIRED' || why === 'CERT_NOT_YET_VALID') {
    return fail('clock', `expected a chain that is valid now, got one that is not by the clock of this host (${why})`);
  }
  if (why !== '' && !isName(why)) {
    if (!AUTHORITY.has(why))
      return fail('other', `expected a certificate that can be trusted, got one that can't (${why})`);
    return fail('authority', `expected a certificate by an authority known here, got one by "${peer.issuer}" (${why})`);
  }
  if (isFor(certificate, host)) return undefined;
  const names = peer.names.slice(0, 3).join(', ') || 'no name';
  return fail('name', `expected a certificate for ${host}, got one for ${names}`);
}

/** Of `authorizationError`, which Node.js gives as a code or as an error. */
function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? String(error.code) : error.name;
  return error ? String(error) : '';
}

const AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]);

/** Node.js compares with another name where the host is an address; {@link isFor} is asked instead. */
function isName(why: string): boolean {
  return why === 'ERR_TLS_CERT_ALTNAME_INVALID' || why === 'HOSTNAME_MISMATCH';
}

/** By the alternative names alone, as Docker and browsers have it; the common name counts for nothing. */
function isFor(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host, { subject: 'never' });
  return found !== undefined;
}

/** `2026-11-23` */
function dayOf(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'no date' : date.toISOString().slice(0, 10);
}

function notTrusted(fault: CertificateFault, words: string, judged: Judged & { why: string }): HTTPError {
  const { peer, options, why } = judged;
  const { issuer, notAfter, names } = peer;
  const facts = { fault, why, issuer, notAfter: notAfter.toJSON(), names };
  return tlsError('TLS_NOT_TRUSTED', `TLS with ${options.host} port ${options.port}: ${words}`, options, facts);
}

function tlsError(
  code: 'TLS_NOT_TRUSTED' | 'TLS_FAILED' | 'PLAIN_HTTP_REFUSED' | 'CONNECTION_LOST',
  message: string,
  { host, port }: SecureOptions,
  more: Readonly<Record<string, unknown>>,
): HTTPError {
  return new HTTPError(message, { code, facts: { stage: 'tls', host, port, ...more } });
}

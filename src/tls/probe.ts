/** What a port serves. The one file of this room with a socket; it believes nothing that it sees, and asks for nothing. */
import type { X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { hasDates } from './certificate.ts';
import { TLSError } from './error.ts';
import { fingerprintOf, issuerOf, namesOf, spkiOf } from './facts.ts';
import { canonicalIP, findServerName } from './name.ts';

/** The certificate that a port answers with. */
export interface Served {
  readonly fingerprint: string;
  readonly names: readonly string[];
  readonly notAfter: Date;
  readonly issuer: string;
  readonly spki: string;
}

export interface ProbeOptions {
  readonly host: string;
  readonly port: number;
  /** Asked for by SNI; of `*.` and a name one that it covers. An IP address is not sent. @default none */
  readonly name?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The certificate that is served there, verified by nobody; no request is sent.
 * @throws {TLSError} `TLS_PROBE_FAILED` when nobody listens, no TLS is spoken, or the time is over; what the signal says
 */
export async function probe(options: ProbeOptions): Promise<Served> {
  const { host, port, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  const socket = connect({
    host,
    port,
    ...serverNameOf(options.name),
    // a certificate is to be seen, however it is served: nothing is sent over this connection
    rejectUnauthorized: false,
    minVersion: 'TLSv1',
    ciphers: 'ALL:@SECLEVEL=0',
  });
  const stop = () => socket.destroy(signal?.reason instanceof Error ? signal.reason : new Error('stopped'));
  signal?.addEventListener('abort', stop, { once: true });
  let isConnected = false;
  socket.once('connect', () => {
    isConnected = true;
  });
  const timer = setTimeout(() => socket.destroy(new TimeOver()), timeoutMs);
  try {
    return servedOf(await certificateFrom(socket));
  } catch (cause) {
    signal?.throwIfAborted();
    const got = inWords(cause, { isConnected, timeoutMs });
    const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    throw new TLSError(`probe ${where}: expected a certificate, got ${got}`, { code: 'TLS_PROBE_FAILED', cause });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    socket.on('error', () => {}).destroy();
  }
}

class TimeOver extends Error {}

/** A server that wants to know who we are shows its certificate before it hangs up. */
function certificateFrom(socket: TLSSocket): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const look = (error: Error) => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) reject(error);
      else if (hasDates(certificate)) resolve(certificate);
      else reject(new Error('a certificate without a date'));
    };
    socket.once('secureConnect', () => look(new Error('a handshake without a certificate')));
    socket.once('error', look);
    socket.once('close', () => look(new Error('the end of the connection')));
  });
}

function servedOf(certificate: X509Certificate): Served {
  return {
    fingerprint: fingerprintOf(certificate),
    names: namesOf(certificate),
    notAfter: certificate.validToDate,
    issuer: issuerOf(certificate),
    spki: spkiOf(certificate),
  };
}

function serverNameOf(name: string | undefined): { readonly servername: string } {
  const asked = findServerName(name?.replace(/^\*\./, 'probe.') ?? '');
  // an empty one keeps Node.js from sending the host
  return { servername: asked !== undefined && canonicalIP(asked) === undefined ? asked : '' };
}

const SAID: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'no answer: nobody listens there',
  ECONNRESET: 'the end of the connection',
  EHOSTUNREACH: 'no way there',
  ENETUNREACH: 'no way there',
  ENOTFOUND: 'no address for that name',
  EAI_AGAIN: 'no address for that name: no DNS answers',
  ERR_SSL_WRONG_VERSION_NUMBER: 'something else than TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'something else than TLS',
  ERR_SSL_TLSV1_UNRECOGNIZED_NAME: 'a server that has no certificate for this name',
};

function inWords(error: unknown, { isConnected, timeoutMs }: { isConnected: boolean; timeoutMs: number }): string {
  const within = `within ${timeoutMs / 1000} s`;
  if (error instanceof TimeOver) return isConnected ? `a connection, and no TLS ${within}` : `no answer ${within}`;
  if (!(error instanceof Error)) return 'something else';
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message : (SAID[code] ?? code);
}

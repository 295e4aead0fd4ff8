/** What a port serves. The one file of this room with a socket; it believes nothing that it sees. */
import { TLSError } from './error.ts';

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
  /** Asked for by SNI; an IP address is not sent. @default none */
  readonly name?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The certificate that is served there, verified by nobody; no request is sent.
 * @throws {TLSError} `TLS_PROBE_FAILED` when nobody listens, no TLS is spoken, or the time is over
 */
export async function probe({ host, port }: ProbeOptions): Promise<Served> {
  throw new TLSError(`probe ${host}:${port}: not written yet`, { code: 'TLS_PROBE_FAILED' });
}

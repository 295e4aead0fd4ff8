/** A key that is made here and stays here, and the request that goes out for it (PKCS#10, RFC 2986). */
import { TLSError } from './error.ts';

export interface MakeRequestOptions {
  readonly keyPEM: string;
  /** DNS names; the first is the common name. */
  readonly names: readonly string[];
  readonly ips: readonly string[];
}

export interface CertificateRequest {
  readonly csrPEM: string;
  readonly csrDER: Buffer;
}

/** A new EC key on P-256, PKCS#8 in PEM. Secret. */
export async function makeKey(): Promise<{ readonly keyPEM: string; readonly spki: string }> {
  throw new TLSError('make a key: not written yet', { code: 'TLS_UNREADABLE' });
}

/** The request for a certificate of these names, signed with the key. @throws {TLSError} `TLS_UNREADABLE` */
export async function makeRequest({ names }: MakeRequestOptions): Promise<CertificateRequest> {
  throw new TLSError(`make a request for ${names.join(', ')}: not written yet`, { code: 'TLS_UNREADABLE' });
}

/**
 * What a request asks for, its signature verified.
 * @param request PEM or DER
 * @throws {TLSError} `TLS_UNREADABLE`
 */
export async function readRequest(
  _request: Uint8Array | string,
  what = 'the request',
): Promise<{ readonly names: readonly string[]; readonly spki: string }> {
  throw new TLSError(`read ${what}: not written yet`, { code: 'TLS_UNREADABLE' });
}

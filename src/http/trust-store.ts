/**
 * Whom a TLS connection trusts: the authorities of this system, those that Node.js brings (and NODE_EXTRA_CA_CERTS),
 * and the file that was given, all together. The system's are read only when a TLS connection is about to be made.
 */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { HTTPError } from './error.ts';

export interface TLSOptions {
  /** More authorities, PEM. */
  readonly caPEM?: string;
  /** What we show when a server asks who we are. */
  readonly clientCert?: { readonly certPEM: string; readonly keyPEM: string };
}

/** It takes 50 ms to read some hundred authorities, and who asks many servers asks them with the same. */
let last: { readonly caPEM: string | undefined; readonly context: SecureContext } | undefined;

/** The context of all TLS connections. @throws {HTTPError} `CERTIFICATE_FILE_INVALID` */
export function trustStore(options: TLSOptions): SecureContext {
  const { caPEM, clientCert } = options;
  if (clientCert !== undefined) return makeContext(options);
  if (last === undefined || last.caPEM !== caPEM) last = { caPEM, context: makeContext(options) };
  return last.context;
}

function makeContext({ caPEM, clientCert }: TLSOptions): SecureContext {
  const given = caPEM === undefined ? [] : certificatesOf(caPEM);
  const ca = [...new Set([...given, ...getCACertificates('system'), ...getCACertificates('default')])];
  try {
    return createSecureContext({ ca, ...(clientCert ? { cert: clientCert.certPEM, key: clientCert.keyPEM } : {}) });
  } catch (cause) {
    throw invalid('client certificate', 'a certificate and the key that belongs to it, both PEM', cause);
  }
}

function certificatesOf(pem: string): string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (found.length === 0) throw invalid('CA file', 'PEM certificates');
  for (const certificate of found) {
    try {
      new X509Certificate(certificate);
    } catch (cause) {
      throw invalid('CA file', 'PEM certificates', cause);
    }
  }
  return [...found];
}

/** The cause of a key that can't be read may quote it: only its code is kept. */
function invalid(what: string, expected: string, cause?: unknown): HTTPError {
  const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : '';
  return new HTTPError(`read ${what}: expected ${expected}, got something else${code}`, {
    code: 'CERTIFICATE_FILE_INVALID',
  });
}

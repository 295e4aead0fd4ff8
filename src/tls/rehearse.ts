/** A handshake in this process with exactly the bytes that are to be installed, before anything is changed. */
import { TLSError } from './error.ts';

export interface RehearseOptions {
  /** As it will be written. */
  readonly fullchainPEM: string;
  /** As it will be written. Secret. */
  readonly keyPEM: string;
  /** Whom the client trusts, PEM. */
  readonly roots: readonly string[];
  /** What the client asks for: a DNS name or an IP address. */
  readonly name: string;
}

/**
 * Serves the files to a client that trusts the roots and asks for the name, by TLS 1.2 and 1.3. Dates are judged
 * elsewhere, by the trust clock.
 * @throws {TLSError} `TLS_REHEARSAL`
 */
export async function rehearse({ name }: RehearseOptions): Promise<void> {
  throw new TLSError(`rehearse ${name}: not written yet`, { code: 'TLS_REHEARSAL' });
}

/** What is wrong with a certificate, its key or its chain, and with the port that should serve it. */
import { FerryError } from '../errors.ts';

/**
 * - `TLS_UNREADABLE`: no PEM, DER or PKCS#12, damaged, or above {@link MAX_TLS_BYTES}.
 * - `TLS_NO_CERTIFICATE`: it can be read, and there is none in it: a request, a key, a list of revoked ones.
 * - `TLS_PASSPHRASE`: it is encrypted, and the passphrase is missing or wrong.
 * - `TLS_KEY_MISMATCH`: the key is of another certificate, or there is none.
 * - `TLS_CHAIN_ORDER`: one that did not issue the one before it; a leaf that does not come first.
 * - `TLS_CHAIN_INCOMPLETE`: an intermediate is missing.
 * - `TLS_ROOT_UNKNOWN`: it ends at an authority that nobody here trusts.
 * - `TLS_NAME_MISSING`: it is not for a name that it must be for.
 * - `TLS_NAME_DROPPED`: it is not for a name that the one in use is for.
 * - `TLS_EXPIRED`, `TLS_NOT_YET_VALID`: it, or one of its chain, is not valid now.
 * - `TLS_SHORTER`: it ends before the one in use.
 * - `TLS_KEY_WEAK`: a key that can be broken, or that browsers do not take.
 * - `TLS_SIGNATURE_WEAK`: signed with SHA-1, MD5 or the like.
 * - `TLS_IS_CA`: it is an authority's own.
 * - `TLS_NOT_FOR_SERVERS`: its usages leave out what servers do.
 * - `TLS_REHEARSAL`: a client did not take it in a handshake in this process.
 * - `TLS_NAME_INVALID`: neither a DNS name nor an IP address.
 * - `TLS_PROBE_FAILED`: nobody listens, or whoever does speaks no TLS.
 */
export type TLSCode =
  | 'TLS_UNREADABLE'
  | 'TLS_NO_CERTIFICATE'
  | 'TLS_PASSPHRASE'
  | 'TLS_KEY_MISMATCH'
  | 'TLS_CHAIN_ORDER'
  | 'TLS_CHAIN_INCOMPLETE'
  | 'TLS_ROOT_UNKNOWN'
  | 'TLS_NAME_MISSING'
  | 'TLS_NAME_DROPPED'
  | 'TLS_EXPIRED'
  | 'TLS_NOT_YET_VALID'
  | 'TLS_SHORTER'
  | 'TLS_KEY_WEAK'
  | 'TLS_SIGNATURE_WEAK'
  | 'TLS_IS_CA'
  | 'TLS_NOT_FOR_SERVERS'
  | 'TLS_REHEARSAL'
  | 'TLS_NAME_INVALID'
  | 'TLS_PROBE_FAILED';

/** A certificate that is not to be installed, or is not served. Names files, subjects and names: never a key, never a cause that may quote one. */
export class TLSError extends FerryError<TLSCode> {}

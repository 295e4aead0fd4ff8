/** The part of the table of `words.ts` that is about certificates. A refused one is status 1 (FORMAT §8). */
import type { TLSCode } from '../tls/index.ts';
import type { ErrorStatus } from './site-words.ts';

/** Exit status and hint of every code of the room. */
export const TLS_WORDS = {
  TLS_UNREADABLE: [1, 'give PEM, DER or PKCS#12 as the authority sent it, at most 1 MiB'],
  TLS_NO_CERTIFICATE: [1, 'give the certificate that the authority made of the request, with its intermediates'],
  TLS_PASSPHRASE: [1, 'give the passphrase with --passphrase-file FILE'],
  TLS_KEY_MISMATCH: [1, 'give the key that the request was made with, or have a certificate made for the present key'],
  TLS_CHAIN_ORDER: [1, "put them in order: the server's own first, then each one's issuer"],
  TLS_CHAIN_INCOMPLETE: [1, "put the intermediate's certificate behind the server's own, into the same file"],
  TLS_ROOT_UNKNOWN: [1, "give the authority's own certificate with --ca FILE, if you know that it is theirs"],
  TLS_NAME_MISSING: [1, 'have a certificate made for all names: `ferry tls request --name NAME` for each of them'],
  TLS_NAME_DROPPED: [1, 'have it made for all names; or, if that is meant: --allow-fewer-names with --reason TEXT'],
  TLS_EXPIRED: [1, 'ask the authority for a new one; if it is valid, the clock here is wrong'],
  TLS_NOT_YET_VALID: [1, 'install it when it begins; if it has begun, the clock here is wrong'],
  TLS_SHORTER: [1, 'take it with --allow-shorter and --reason TEXT, or ask for one that lasts longer'],
  TLS_KEY_WEAK: [1, 'have one made for a new key: `ferry tls request` makes EC P-256; RSA from 2048 bits'],
  TLS_SIGNATURE_WEAK: [1, 'ask the authority for one that is signed with SHA-256'],
  TLS_IS_CA: [1, "give the server's own certificate first, not that of the authority"],
  TLS_NOT_FOR_SERVERS: [1, 'ask the authority for a certificate for servers (serverAuth)'],
  TLS_REHEARSAL: [1, 'clients would refuse it as this one did: ask the authority, with that line'],
  TLS_NAME_INVALID: [2, 'write names like plant.example.com or *.example.com, and addresses like 10.0.0.5'],
  TLS_PROBE_FAILED: [1, 'see that the service runs and listens there, or name another address with --probe HOST:PORT'],
} as const satisfies Readonly<Record<TLSCode, readonly [exit: ErrorStatus, hint: string]>>;

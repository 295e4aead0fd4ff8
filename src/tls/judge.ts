/** Whether a certificate may take the place of the one in use. Pure: names, roots and the clock come from outside. */
import { TLSError } from './error.ts';
import type { Material } from './material.ts';

/** What a certificate is held to. */
export interface TLSRules {
  /** Each must be covered: DNS names and IP addresses. */
  readonly names: readonly string[];
  /** The one in use: its names must stay, and the new one must not end sooner (unless that one has ended by {@link now}). */
  readonly current?: { readonly names: readonly string[]; readonly notAfter: Date } | undefined;
  /** Whom a chain may end at, PEM: self-signed certificates. Others among them are passed over. */
  readonly roots: readonly string[];
  /** By the trust clock. */
  readonly now: Date;
  /** Take one that ends before the one in use. @default false */
  readonly allowShorter?: boolean | undefined;
  /** Take one for fewer names than the one in use. @default false */
  readonly allowFewerNames?: boolean | undefined;
  /** Names the certificate in errors: a path. */
  readonly what: string;
}

/** A certificate that was found good. */
export interface JudgedCertificate {
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly issuer: string;
  readonly spki: string;
  readonly fingerprint: string;
  /** It ends before the one in use: `allowShorter` was needed. */
  readonly isShorter: boolean;
  /** Names of the one in use that it is not for: `allowFewerNames` was needed. */
  readonly droppedNames: readonly string[];
}

/**
 * Refuses a certificate that clients would not take, or that is less than the one in use.
 * @throws {TLSError} the most telling fault; all of them in `errors` where there are several
 */
export function judgeCertificate(_material: Material, { what }: TLSRules): JudgedCertificate {
  throw new TLSError(`check ${what}: not written yet`, { code: 'TLS_REHEARSAL' });
}

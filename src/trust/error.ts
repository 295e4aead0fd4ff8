/**
 * What trust refuses, by name: most codes are attacks of the TUF specification (§1.5.2) or of FORMAT §2. A refusal
 * while a catalogue is judged may still have proven something that must be kept (a newer root, a later clock): `next`.
 */
import type { FerryErrorOptions } from '../errors.ts';
import { FerryError } from '../errors.ts';
import type { SiteTrust } from './site-trust.ts';

export type TrustCode =
  | 'NOT_PINNED'
  | 'FINGERPRINT_MISMATCH'
  | 'ROOT_MISMATCH'
  | 'SIGNATURE_THRESHOLD'
  | 'SIGNATURE_INVALID'
  | 'ROLLBACK'
  | 'EQUIVOCATION'
  | 'MIX_AND_MATCH'
  | 'EXPIRED'
  | 'WRONG_PRODUCT'
  | 'RELEASE_NOT_LISTED'
  | 'SITE_FILES_NOT_LISTED'
  | 'DOWNGRADE'
  | 'NOT_CANONICAL'
  | 'METADATA_INVALID'
  | 'METADATA_TOO_LARGE'
  | 'FORMAT_TOO_NEW'
  | 'KEY_INVALID'
  | 'SIGNER_FAILED'
  | 'REQUEST_INVALID'
  | 'ENVELOPE_INVALID';

export interface TrustErrorOptions extends FerryErrorOptions<TrustCode> {
  /** What was proven before the refusal: to be stored all the same. */
  readonly next?: SiteTrust;
}

/** A signature, catalogue, release or key that is refused; never a return value. */
export class TrustError extends FerryError<TrustCode> {
  /** Set by `acceptChain` when the refused bundle proved something that the site must not forget. */
  readonly next: SiteTrust | undefined;

  constructor(message: string, options: TrustErrorOptions) {
    super(message, options);
    this.next = options.next;
  }

  /** The same refusal, with what the site must keep. */
  keeping(next: SiteTrust): TrustError {
    const { code, facts, hint, cause } = this;
    return new TrustError(this.message, { code, facts, cause, next, ...(hint !== undefined && { hint }) });
  }
}

/** What a licence says of itself, as far as it can be read. The bytes are carried and installed as they are. */

/** A licence that was looked at. */
export interface License {
  /** `opaque`: nobody but the product can read it. */
  readonly kind: 'jws' | 'json' | 'opaque';
  /** Whether its signature was checked with the public key of the release. */
  readonly isProven: boolean;
  /** For whom it is. */
  readonly subject?: string;
  readonly product?: string;
  /** A siteID, or the name of a site. */
  readonly site?: string;
  readonly validFrom?: Date;
  readonly validUntil?: Date;
}

/** What the product will do with its licence. */
export interface LicenseState {
  /** `unknown`: it does not say until when. */
  readonly mode: 'valid' | 'grace' | 'read-only' | 'unknown';
  readonly validUntil?: Date;
  readonly graceUntil?: Date;
  /** The same moment as `graceUntil`: from then on. */
  readonly readOnlyFrom?: Date;
  /** Days that have begun until the mode ends: 0 in `read-only`, absent in `unknown`. */
  readonly daysLeft?: number;
}

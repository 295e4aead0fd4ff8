/** The sites that an office knows, each pinned by the key that signs its card (FORMAT §4, §6). */

/** A site that somebody has compared, or pinned without. */
export interface FleetSite {
  /** The siteID. */
  readonly site: string;
  /** As its operator calls it. */
  readonly name: string;
  /** `age1…`: what is sealed for it only it can open. */
  readonly recipient: string;
  readonly product?: string;
  /** When its newest card was made, ISO 8601. */
  readonly issued: string;
  /** Whether somebody compared its fingerprint. */
  readonly confirmed: boolean;
}

/**
 * `site.yaml`: what the operator of one site allows and wants, beyond what a release may ask for by itself. FORMAT §3
 * "Where it may write" and "What it may run", §7.
 */

/** The operator's own rules. */
export interface SitePolicy {
  /** More folders that releases may write to, absolute. */
  readonly folders: readonly string[];
  /** The words of the command that backs up the product's data; runs first where `dataRollback` is `restore`. */
  readonly backup?: readonly string[];
  /** The words of the command that puts the last backup back. */
  readonly restore?: readonly string[];
}

/** A site without a `site.yaml`. */
export const DEFAULT_POLICY: SitePolicy = { folders: [] };

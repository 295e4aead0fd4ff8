/** What can be wrong with a release manifest, a release.json or a site-files.json, as one class with codes. */
import { FerryError } from '../errors.ts';

/**
 * - `MANIFEST_YAML`: the text is no YAML that ferry reads.
 * - `MANIFEST_VALUE`: an unknown key or a wrong value, named with its line.
 * - `DESTINATION_REFUSED`: an install path that no site would write.
 * - `RELEASE_INVALID`, `SITE_FILES_INVALID`: a signed document that does not have the form of FORMAT §3 or §4.
 * - `POLICY_INVALID`: a `site.yaml` that is not as it should be, named with its line.
 * - `FLEET_INVALID`: a `fleet.yaml` that is not as it should be, named with its line.
 * - `CARD_INVALID`: the card of a site that does not have the form of FORMAT §4.
 * - `FORMAT_TOO_NEW`: a document of a later ferry.
 */
export type ManifestCode =
  | 'MANIFEST_YAML'
  | 'MANIFEST_VALUE'
  | 'DESTINATION_REFUSED'
  | 'RELEASE_INVALID'
  | 'SITE_FILES_INVALID'
  | 'POLICY_INVALID'
  | 'FLEET_INVALID'
  | 'CARD_INVALID'
  | 'FORMAT_TOO_NEW';

/** A document that people or the other side wrote cannot be used. */
export class ManifestError extends FerryError<ManifestCode> {}

/** What can stop an export beside what the rooms below say, as one class with codes. */
import { FerryError } from '../errors.ts';

/**
 * - `FEATURE_LATER`: the manifest or an option asks for what this ferry does not do yet.
 * - `PRODUCT_DIFFERS`: the manifest is of another product than the workspace.
 * - `SOURCE_FILE`: a file that the manifest names is missing, no file, or too large.
 * - `TOKEN_MISSING`: the environment has no token where the manifest or the fleet says that one is.
 * - `SITE_NEEDED`: a source is different for each site, and none is named.
 * - `LICENSES_REFUSED`: several licences may not be carried, each told in `errors`.
 * - `SITE_FILES_REFUSED`: several things are wrong with certificates, or with licences too, each told in `errors`.
 * - `TLS_OTHER_KEY`: a certificate is for a key that its site does not have.
 * - `TLS_NO_REQUEST`: the card of a site has no request for a certificate.
 * - `TLS_KEY_UNSEALED`: a certificate's key would cross in the clear, for no site is named.
 * - `NOTHING_TO_EXPORT`: site files alone were asked for, and there is neither licence nor certificate.
 * - `OUT_MISSING`: the folder for the bundle is not there: a stick that is not mounted.
 * - `EXPORT_DAMAGED`: a bundle of this name is there, and its bytes are not what was signed.
 */
export type ExportCode =
  | 'FEATURE_LATER'
  | 'PRODUCT_DIFFERS'
  | 'SOURCE_FILE'
  | 'TOKEN_MISSING'
  | 'SITE_NEEDED'
  | 'LICENSES_REFUSED'
  | 'SITE_FILES_REFUSED'
  | 'TLS_OTHER_KEY'
  | 'TLS_NO_REQUEST'
  | 'TLS_KEY_UNSEALED'
  | 'NOTHING_TO_EXPORT'
  | 'OUT_MISSING'
  | 'EXPORT_DAMAGED';

/** The export can't be made. */
export class ExportError extends FerryError<ExportCode> {}

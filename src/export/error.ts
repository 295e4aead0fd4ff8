/** What can stop an export beside what the rooms below say, as one class with codes. */
import { FerryError } from '../errors.ts';

/**
 * - `FEATURE_LATER`: the manifest or an option asks for what this ferry does not do yet.
 * - `PRODUCT_DIFFERS`: the manifest is of another product than the workspace.
 * - `SOURCE_FILE`: a file that the manifest names is missing, no file, or too large.
 * - `TOKEN_MISSING`: the environment has no token where the manifest or the fleet says that one is.
 * - `SITE_NEEDED`: a licence's source is different for each site, and none is named.
 * - `LICENSES_REFUSED`: several licences may not be carried, each told in `errors`.
 * - `NOTHING_TO_EXPORT`: site files alone were asked for, and there is no licence.
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
  | 'NOTHING_TO_EXPORT'
  | 'OUT_MISSING'
  | 'EXPORT_DAMAGED';

/** The export can't be made. */
export class ExportError extends FerryError<ExportCode> {}

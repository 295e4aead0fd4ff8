/** What can stop an export beside what the rooms below say, as one class with codes. */
import { FerryError } from '../errors.ts';

/**
 * - `FEATURE_LATER`: the manifest or an option asks for what this ferry does not do yet.
 * - `PRODUCT_DIFFERS`: the manifest is of another product than the workspace.
 * - `SOURCE_FILE`: a file that the manifest names is missing, no file, or too large.
 * - `OUT_MISSING`: the folder for the bundle is not there: a stick that is not mounted.
 * - `EXPORT_DAMAGED`: a bundle of this name is there, and its bytes are not what was signed.
 */
export type ExportCode = 'FEATURE_LATER' | 'PRODUCT_DIFFERS' | 'SOURCE_FILE' | 'OUT_MISSING' | 'EXPORT_DAMAGED';

/** The export can't be made. */
export class ExportError extends FerryError<ExportCode> {}

/** Why a site does not take a bundle, apart from what the rooms below say of trust, damage and the engine. */

import { FerryError } from '../errors.ts';

/**
 * - `MEDIUM_ABSENT`: there is nothing at the path that was named.
 * - `NO_BUNDLE_HERE`, `BUNDLE_AMBIGUOUS`: the folder holds no bundle, or several.
 * - `FINGERPRINT_NEEDED`: nobody compared the first root's fingerprint.
 * - `REASON_MISSING`: an override without a reason.
 * - `SPACE_SHORT`: the engine or this host would run full.
 * - `DESTINATION_FORBIDDEN`: a signed document asks for a file where no release may write.
 * - `DESTINATION_UNSAFE`: the way to a file leads over a link, or over what others may write.
 * - `FOLDER_OWNED`: a package of the system owns the folder.
 * - `SITE_FILES_SEALED`: the files are sealed, which this ferry cannot open.
 * - `TAG_NOT_MOVED`: the engine did not do what it said.
 * - `INTERRUPTED`: stopped by the person, everything is as before.
 * - `UNDO_INCOMPLETE`: something failed and could not be put back either.
 */
export type InstallCode =
  | 'MEDIUM_ABSENT'
  | 'NO_BUNDLE_HERE'
  | 'BUNDLE_AMBIGUOUS'
  | 'FINGERPRINT_NEEDED'
  | 'REASON_MISSING'
  | 'SPACE_SHORT'
  | 'DESTINATION_FORBIDDEN'
  | 'DESTINATION_UNSAFE'
  | 'FOLDER_OWNED'
  | 'SITE_FILES_SEALED'
  | 'TAG_NOT_MOVED'
  | 'INTERRUPTED'
  | 'UNDO_INCOMPLETE';

/** The site cannot or will not take this bundle. */
export class InstallError extends FerryError<InstallCode> {}

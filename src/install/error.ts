/** Why a site does not take a bundle, apart from what the rooms below say of trust, damage and the engine. */

import { FerryError } from '../errors.ts';

/**
 * - `MEDIUM_ABSENT`: there is nothing at the path that was named.
 * - `NO_BUNDLE_HERE`, `BUNDLE_AMBIGUOUS`: the folder holds no bundle, or several.
 * - `FINGERPRINT_NEEDED`: nobody compared the first root's fingerprint.
 * - `REASON_MISSING`: an override without a reason.
 * - `PREFLIGHT_FAILED`: several things stand in the way; `errors` has them, the worst first.
 * - `UPGRADE_FROM`: the release goes onto others than the one that is installed.
 * - `LOCAL_EDIT`: a file is neither as it was installed nor as it is to be.
 * - `NO_SUCH_FILE`: an option names a file that the bundle does not install.
 * - `FILE_CHANGED`: somebody else changes files while they are installed.
 * - `SPACE_SHORT`: the engine or this host would run full.
 * - `DESTINATION_FORBIDDEN`: a signed document asks for a file where no release may write.
 * - `DESTINATION_UNSAFE`: the way to a file leads over a link, or over what others may write.
 * - `FOLDER_OWNED`: a package of the system owns the folder.
 * - `FERRY_NOT_EXECUTABLE`: the ferry that the release carries does not start where it is placed.
 * - `FERRY_WRONG_VERSION`: it says that it is another version than the release says.
 * - `SITE_FILES_UNOPENED`: a file for this site is sealed so that its key does not open it.
 * - `LICENSE_PLACE`: nobody says where a licence goes, or two say different places.
 * - `LICENSE_SHORTER`: a licence ends sooner than the one that is installed and valid.
 * - `OVERLAY_FOREIGN`: an overlay has nothing for this site.
 * - `TAG_NOT_MOVED`: the engine did not do what it said.
 * - `TAG_MOVED_BY_OTHER`: another process moved a name while this ran.
 * - `INTERRUPTED`: stopped by the person, everything is as before.
 * - `UNDO_INCOMPLETE`: something failed and could not be put back either; the journal stays for `recover`.
 * - `JOURNAL_DAMAGED`: the journal is not as ferry writes it.
 * - `ENGINE_OTHER`: the transaction that is pending here, or the installed release, is in another engine than answers.
 * - `NOTHING_BEFORE`: there is no release to go back to.
 * - `IMAGE_GONE`: an image of the release to go back to is not in the engine any more.
 * - `NOT_CONFIRMED`: a person was asked and did not say yes.
 * - `PREVIOUS_REVOKED`: the release to go back to is revoked.
 * - `NOTHING_TO_ACTIVATE`: what is imported has nothing that could be run.
 * - `BACKUP_MISSING`: the release wants a backup first and `site.yaml` has no command for it.
 * - `BACKUP_FAILED`: that command failed.
 * - `ACTIVATION_FAILED`: the release does not come up.
 * - `TLS_PLACE`: a certificate cannot go to the folder that is named.
 * - `TLS_NO_KEY`: a certificate came alone, and its key is not here.
 * - `TLS_KEY_UNSEALED`: a bundle carries a private key in the clear.
 * - `RELOAD_FORBIDDEN`: the release wants a container reloaded that is none of its own.
 * - `RELOAD_FAILED`: whoever serves the certificate could not be told of the new one.
 * - `TLS_NOT_SERVED`: the live port goes on serving another certificate.
 * - `RECEIPT_ALTERED`, `RECEIPT_FOREIGN`: a receipt is not as this site signed it, or another site's.
 */
export type InstallCode =
  | 'MEDIUM_ABSENT'
  | 'NO_BUNDLE_HERE'
  | 'BUNDLE_AMBIGUOUS'
  | 'FINGERPRINT_NEEDED'
  | 'REASON_MISSING'
  | 'PREFLIGHT_FAILED'
  | 'UPGRADE_FROM'
  | 'LOCAL_EDIT'
  | 'NO_SUCH_FILE'
  | 'FILE_CHANGED'
  | 'SPACE_SHORT'
  | 'DESTINATION_FORBIDDEN'
  | 'DESTINATION_UNSAFE'
  | 'FOLDER_OWNED'
  | 'FERRY_NOT_EXECUTABLE'
  | 'FERRY_WRONG_VERSION'
  | 'SITE_FILES_UNOPENED'
  | 'LICENSE_PLACE'
  | 'LICENSE_SHORTER'
  | 'OVERLAY_FOREIGN'
  | 'TAG_NOT_MOVED'
  | 'TAG_MOVED_BY_OTHER'
  | 'INTERRUPTED'
  | 'UNDO_INCOMPLETE'
  | 'JOURNAL_DAMAGED'
  | 'ENGINE_OTHER'
  | 'NOTHING_BEFORE'
  | 'IMAGE_GONE'
  | 'NOT_CONFIRMED'
  | 'PREVIOUS_REVOKED'
  | 'NOTHING_TO_ACTIVATE'
  | 'BACKUP_MISSING'
  | 'BACKUP_FAILED'
  | 'ACTIVATION_FAILED'
  | 'TLS_PLACE'
  | 'TLS_NO_KEY'
  | 'TLS_KEY_UNSEALED'
  | 'RELOAD_FORBIDDEN'
  | 'RELOAD_FAILED'
  | 'TLS_NOT_SERVED'
  | 'RECEIPT_ALTERED'
  | 'RECEIPT_FOREIGN';

/** The site cannot or will not take this bundle. */
export class InstallError extends FerryError<InstallCode> {}

/** The error for an override that nobody gives a reason for. @param doing what was to be done: `import` */
export function reasonMissing(doing: string, flag: string): InstallError {
  return new InstallError(`${doing}: expected a reason for ${flag}, got none`, {
    code: 'REASON_MISSING',
    hint: 'say why with --reason; it is written into the receipt',
    facts: { flag },
  });
}

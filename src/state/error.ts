/** What can go wrong with the site's own folder (FORMAT §7), apart from what `content/` says about single writes. */

import { FerryError } from '../errors.ts';

/**
 * - `STATE_DENIED`: the folder cannot be written by this user, or not at all.
 * - `STATE_FOREIGN`: the folder holds other things than a state, or is a file.
 * - `STATE_DAMAGED`: a document of ours is not as we write it.
 * - `AUDIT_BROKEN`: the audit log is not as it was written: a line was changed, or lines are gone.
 * - `POLICY_UNSAFE`: others than root and this user could have written `site.yaml`.
 * - `FORMAT_TOO_NEW`: a later ferry wrote it.
 */
export type StateCode =
  | 'STATE_DENIED'
  | 'STATE_FOREIGN'
  | 'STATE_DAMAGED'
  | 'AUDIT_BROKEN'
  | 'POLICY_UNSAFE'
  | 'FORMAT_TOO_NEW';

/** The site's state folder is not usable as it is. */
export class StateError extends FerryError<StateCode> {}

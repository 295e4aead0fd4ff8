/** What can be wrong with who this site is. */

import { FerryError } from '../errors.ts';

/**
 * - `IDENTITY_DAMAGED`: a stored key is none, or the stored name.
 * - `IDENTITY_MISSING`: nobody has made this site's identity yet.
 * - `NAME_INVALID`: a text that can't be the name of a site.
 */
export type SiteCode = 'IDENTITY_DAMAGED' | 'IDENTITY_MISSING' | 'NAME_INVALID';

/** The site cannot say who it is. */
export class SiteError extends FerryError<SiteCode> {}

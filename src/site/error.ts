/** What can be wrong with who this site is. */

import { FerryError } from '../errors.ts';

/** `IDENTITY_DAMAGED`: the stored signing key is none. */
export type SiteCode = 'IDENTITY_DAMAGED';

/** The site cannot say who it is. */
export class SiteError extends FerryError<SiteCode> {}

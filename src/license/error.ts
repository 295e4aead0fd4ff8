/** What is wrong with a licence, and with the way to where one is fetched. */
import { FerryError } from '../errors.ts';

/**
 * - `LICENSE_EMPTY`: nothing but white space, or zero bytes.
 * - `LICENSE_TOO_LARGE`: above 1 MiB.
 * - `LICENSE_IS_HTML`: a page for people, as a portal or a log-in sends it.
 * - `LICENSE_SIGNATURE`: it is not signed with the release's key, or says that it is not signed at all.
 * - `LICENSE_KEY_INVALID`: the release's public key is none that licences are signed with.
 * - `LICENSE_OTHER_PRODUCT`, `LICENSE_OTHER_SITE`: it is for somebody else.
 * - `LICENSE_ENDED`, `LICENSE_NOT_YET`: it is not valid now.
 * - `LICENSE_URL_INVALID`, `LICENSE_TOKEN_INVALID`: nobody can be asked like this.
 * - `LICENSE_DENIED`, `LICENSE_NOT_FOUND`: the server wants another token, or has no such licence.
 * - `LICENSE_SERVER_FAILED`: the server is in trouble, or wants us to wait for too long.
 * - `LICENSE_ANSWER`: the server says something that is no licence.
 */
export type LicenseCode =
  | 'LICENSE_EMPTY'
  | 'LICENSE_TOO_LARGE'
  | 'LICENSE_IS_HTML'
  | 'LICENSE_SIGNATURE'
  | 'LICENSE_KEY_INVALID'
  | 'LICENSE_OTHER_PRODUCT'
  | 'LICENSE_OTHER_SITE'
  | 'LICENSE_ENDED'
  | 'LICENSE_NOT_YET'
  | 'LICENSE_URL_INVALID'
  | 'LICENSE_TOKEN_INVALID'
  | 'LICENSE_DENIED'
  | 'LICENSE_NOT_FOUND'
  | 'LICENSE_SERVER_FAILED'
  | 'LICENSE_ANSWER';

/** A licence that is not to be used. Names what it says of itself, never its text, its token or a query. */
export class LicenseError extends FerryError<LicenseCode> {}

/** The part of the table of `words.ts` that is about licences: exit statuses and hints by code. */
import type { LicenseCode } from '../license/index.ts';
import type { ErrorStatus } from './site-words.ts';

const ANOTHER_LICENSE = 'ask whoever issues the licences for the right one';

/** Exit status and hint of every code of the room. */
export const LICENSE_WORDS = {
  LICENSE_EMPTY: [1, ANOTHER_LICENSE],
  LICENSE_TOO_LARGE: [1, 'no honest licence is larger than 1 MiB: check what the name or address leads to'],
  LICENSE_IS_HTML: [1, 'a log-in page or a portal stands between: check the address, the token and the proxy'],
  LICENSE_SIGNATURE: [1, 'it is no licence for this release, or was changed on the way: ask for it anew'],
  LICENSE_KEY_INVALID: [2, 'license.publicKey is the public key that licences are signed with, PEM or base64 DER'],
  LICENSE_OTHER_PRODUCT: [1, ANOTHER_LICENSE],
  LICENSE_OTHER_SITE: [3, 'ask for the licence of this site: `ferry site card` says which it is'],
  LICENSE_ENDED: [1, 'ask for a new one; if the licence is valid, the clock here is wrong'],
  LICENSE_NOT_YET: [1, 'install it when it begins; if it has begun, the clock here is wrong'],
  LICENSE_URL_INVALID: [2, 'write license.url as https://host/path, and the token into what tokenEnv names'],
  LICENSE_TOKEN_INVALID: [2, 'a token is one word: look for a line end or a quote in the variable'],
  LICENSE_DENIED: [1, 'set the variable that license.tokenEnv names to a token that may read this licence'],
  LICENSE_NOT_FOUND: [1, 'check license.url, and whether a licence was issued for this site'],
  LICENSE_SERVER_FAILED: [1, 'the licence server is in trouble: run the same command again later'],
  LICENSE_ANSWER: [1, 'this is no answer of a licence server: check license.url, and what stands between'],
} as const satisfies Readonly<Record<LicenseCode, readonly [exit: ErrorStatus, hint: string]>>;

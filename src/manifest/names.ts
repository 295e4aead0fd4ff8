/** The grammar of the names that end up in tar entries, file names and targets (FORMAT, first paragraph and §1). */

/** A product: it names folders on the site and begins every bundle's name. */
export const PRODUCT = /^[a-z][a-z0-9-]{1,31}$/;

/** A release as it is signed. No `+`, which the shown form of a second release with one name uses: `2.1.0+7`. */
export const RELEASE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** A release as a manifest writes it: as {@link RELEASE}, and it may hold `{date}`. */
export const RELEASE_TEMPLATE = /^(?:[A-Za-z0-9]|\{date\})(?:[A-Za-z0-9._-]|\{date\}){0,63}$/;

/** A name under `files/` and `sites/<siteID>/`, `.age` included. */
export const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,72}$/;

/** A file's mode as four octal digits; set-ID bits and writing by others are refused. */
export const MODE = /^0[0-7][0-7][0145]$/;

/** The first 16 hex digits of a site's signing keyID, or `any`. */
export const SITE_ID = /^(?:[0-9a-f]{16}|any)$/;

/** A version of ferry, as its executables name it: a folder's name on the site, and what one is compared by. */
export const FERRY_VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]{1,32})?$/;

/** One line: nothing that ends it, that turns its direction, or that is no character. */
const LINE = /^[^\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]{1,64}$/u;

/** Whether a text can be the name that people give a site. One that looks like a siteID is none: it could be another's. */
export function isSiteName(text: string): boolean {
  return LINE.test(text) && text.trim() === text && !SITE_ID.test(text);
}

/** What one file of a release may weigh: ferry's own executables are the largest that travel. */
export const MAX_FILE_BYTES = 1024 ** 3;

/** What a manifest may weigh as text. */
export const MAX_MANIFEST_TEXT = 1024 ** 2;

/**
 * The release of an export: `{date}` becomes the UTC day of `issued`, `YYYYMMDD`.
 * @param template as the manifest writes it
 */
export function releaseName(template: string, issued: Date): string {
  return template.replaceAll('{date}', issued.toISOString().slice(0, 10).replaceAll('-', ''));
}

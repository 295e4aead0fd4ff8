/** Whether a licence is for this product and this site, and valid now. Pure: the clock comes from outside. */
import { LicenseError } from './error.ts';
import type { License } from './license.ts';

export interface JudgeLicenseOptions {
  readonly product: string;
  /** The site that it is for; none where it is carried for any. */
  readonly site?: { readonly id: string; readonly name?: string | undefined } | undefined;
  readonly now: Date;
  /** Names the licence in errors. @default 'the licence' */
  readonly what?: string | undefined;
}

/** By so much the clock of whoever issued it may be ahead of ours (RFC 7519 §4.1.5: "a few minutes"). */
const LEEWAY_MS = 5 * 60_000;

/**
 * Refuses a licence that would do no good. What it does not say is not held against it.
 * @throws {LicenseError} `LICENSE_OTHER_PRODUCT`, `LICENSE_OTHER_SITE`, `LICENSE_ENDED`, `LICENSE_NOT_YET`
 */
export function judgeLicense(
  license: License,
  { product, site, now, what = 'the licence' }: JudgeLicenseOptions,
): void {
  const { validFrom, validUntil } = license;
  if (license.product !== undefined && license.product.toLowerCase() !== product) {
    throw refused(what, 'LICENSE_OTHER_PRODUCT', `one for ${product}`, `one for ${JSON.stringify(license.product)}`);
  }
  if (site !== undefined && license.site !== undefined && !isFor(license.site, site)) {
    const expected = site.name === undefined ? site.id : `${site.id} or ${JSON.stringify(site.name)}`;
    throw refused(what, 'LICENSE_OTHER_SITE', `one for site ${expected}`, `one for ${JSON.stringify(license.site)}`);
  }
  if (validUntil !== undefined && validUntil <= now) {
    throw refused(what, 'LICENSE_ENDED', `one that is valid at ${time(now)}`, `one that ended at ${time(validUntil)}`);
  }
  if (validFrom !== undefined && validFrom.getTime() > now.getTime() + LEEWAY_MS) {
    const begins = `one that begins at ${time(validFrom)}`;
    throw refused(what, 'LICENSE_NOT_YET', `one that is valid at ${time(now)}`, begins);
  }
}

/**
 * Whether a licence would take something away: the current one is valid now, and the next one ends sooner. One that
 * does not say until when is never shorter, and nothing is shorter than it.
 */
export function isShorter(next: License, current: License, now: Date): boolean {
  const { validFrom, validUntil } = current;
  if (validUntil === undefined || next.validUntil === undefined) return false;
  const isValid = validUntil > now && (validFrom === undefined || validFrom <= now);
  return isValid && next.validUntil < validUntil;
}

function isFor(claim: string, { id, name }: { readonly id: string; readonly name?: string | undefined }): boolean {
  // names are stored in this form of Unicode
  return claim === 'any' || claim.toLowerCase() === id || claim.normalize('NFC') === name;
}

function refused(
  what: string,
  code: 'LICENSE_OTHER_PRODUCT' | 'LICENSE_OTHER_SITE' | 'LICENSE_ENDED' | 'LICENSE_NOT_YET',
  expected: string,
  got: string,
): LicenseError {
  return new LicenseError(`check ${what}: expected ${expected}, got ${got}`, { code, facts: { expected, got } });
}

function time(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`;
}

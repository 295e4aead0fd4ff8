/**
 * What a licence says of itself, from the names that vendors give it: those of RFC 7519 §4.1, and those of people. Pure.
 * What it says is shown, so it is one line; a value of another type than its name promises says nothing.
 */
import { PRODUCT, SITE_ID } from '../manifest/index.ts';
import type { License } from './license.ts';

/** The part of a licence that its claims fill. */
export type Claims = Omit<License, 'kind' | 'isProven'>;

const SUBJECT = ['sub', 'subject', 'licensee', 'customer'];
const SITE = ['site', 'siteId', 'site_id'];
const FROM = ['nbf', 'validFrom', 'valid_from', 'notBefore', 'not_before'];
const UNTIL = [
  ...['exp', 'validUntil', 'valid_until', 'notAfter', 'not_after'],
  ...['expires', 'expiresAt', 'expires_at'],
];
/** The last second that four digits of a year can tell; a number above it counts something else. */
const LAST_SECOND = 253_402_300_799;
const ISO =
  /^(?<day>\d{4}-\d{2}-\d{2})(?:[T ](?<time>\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?(?:Z|(?<offset>[+-]\d{2}):?(?<rest>\d{2}))?)?$/;

/** Reads the claims of a token's payload, or of a licence in JSON. Of several ends the soonest counts, of several starts the latest. */
export function readClaims(fields: Readonly<Record<string, unknown>>): Claims {
  const subject = firstText(fields, SUBJECT);
  const audience = audienceOf(fields);
  const product = firstText(fields, ['product']) ?? audience.product;
  const site = firstText(fields, SITE) ?? audience.site;
  const from = FROM.map((name) => instantOf(fields[name])).filter((at) => at !== undefined);
  const until = UNTIL.map((name) => instantOf(fields[name])).filter((at) => at !== undefined);
  return {
    ...(subject !== undefined && { subject }),
    ...(product !== undefined && { product }),
    ...(site !== undefined && { site }),
    ...(from.length > 0 && { validFrom: new Date(Math.max(...from)) }),
    ...(until.length > 0 && { validUntil: new Date(Math.min(...until)) }),
  };
}

/** `aud` is most often an address; it counts where it is a siteID, or could be the name of a product. */
function audienceOf({ aud }: Readonly<Record<string, unknown>>): Pick<Claims, 'product' | 'site'> {
  const [audience, ...more] = Array.isArray(aud) ? aud : [aud];
  if (typeof audience !== 'string' || more.length > 0) return {};
  // sixteen hex digits that begin with a letter could be a product too, but nobody calls one so
  if (SITE_ID.test(audience.toLowerCase())) return { site: audience };
  return PRODUCT.test(audience) ? { product: audience } : {};
}

function firstText(fields: Readonly<Record<string, unknown>>, names: readonly string[]): string | undefined {
  return names.map((name) => textOf(fields[name])).find((text) => text !== undefined);
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  const line = value.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line === '' ? undefined : line.slice(0, 200);
}

/** Milliseconds since 1970: of seconds (RFC 7519 NumericDate), or of ISO 8601, in UTC where it names no offset. */
function instantOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 && value <= LAST_SECOND ? Math.floor(value * 1000) : undefined;
  const { day, time = '00:00', offset, rest } = (typeof value === 'string' && ISO.exec(value)?.groups) || {};
  if (day === undefined || !isDay(day)) return undefined;
  const at = Date.parse(`${day}T${time}${offset === undefined ? 'Z' : `${offset}:${rest}`}`);
  return Number.isNaN(at) ? undefined : at;
}

/** There is no 30th of February, though some would read one. */
function isDay(day: string): boolean {
  const at = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day);
}

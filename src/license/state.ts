/**
 * What the product will do with its licence, and from when: valid until its end, then a time of grace (30 days, as
 * Atrium's requirements say), then read-only. Pure.
 */
import type { License, LicenseState } from './license.ts';

export interface LicenseStateOptions {
  /** `license.graceDays` of the release. @default 30 */
  readonly graceDays?: number | undefined;
  readonly now: Date;
}

const DAY_MS = 86_400_000;
/** The last instant that there is (ECMA-262 §21.4.1.1). */
const LAST_MS = 8.64e15;

/** The state at `now`. A licence that does not say until when, and none at all, are `unknown`. */
export function licenseState(
  license: Pick<License, 'validUntil'> | undefined,
  { graceDays = 30, now }: LicenseStateOptions,
): LicenseState {
  const validUntil = license?.validUntil;
  if (validUntil === undefined) return { mode: 'unknown' };
  const graceUntil = new Date(Math.min(validUntil.getTime() + graceDays * DAY_MS, LAST_MS));
  const dates = { validUntil, graceUntil, readOnlyFrom: graceUntil };
  if (now < validUntil) return { mode: 'valid', ...dates, daysLeft: daysBegun(now, validUntil) };
  if (now < graceUntil) return { mode: 'grace', ...dates, daysLeft: daysBegun(now, graceUntil) };
  return { mode: 'read-only', ...dates, daysLeft: 0 };
}

function daysBegun(from: Date, to: Date): number {
  return Math.ceil((to.getTime() - from.getTime()) / DAY_MS);
}

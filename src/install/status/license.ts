/** The licence in a status, and when it wants a person: it ends soon, it has ended, or the product will not take it. */

import { FerryError } from '../../errors.ts';
import { type LookAtLicenseOptions, lookAtLicense, type SiteLicense } from '../license/look.ts';
import { prefixIn } from './files.ts';
import type { InstalledRelease } from './release.ts';

/** So many days before its end a licence is worth a word. */
const NOTICE_DAYS = 14;

export interface StatusLicenseOptions extends Omit<LookAtLicenseOptions, 'prefix'> {
  /** @default what the receipt says */
  readonly prefix: string | undefined;
  readonly release: InstalledRelease | undefined;
}

/** The licence with the lines for a person; where it cannot be looked at, a line says why. */
export async function lookAtStatusLicense({
  prefix,
  release,
  ...about
}: StatusLicenseOptions): Promise<{ readonly license?: SiteLicense; readonly lines: readonly string[] }> {
  const before = prefix ?? prefixIn(release?.receipt?.files ?? [], release?.installed?.files ?? []);
  try {
    const license = await lookAtLicense({ ...about, prefix: before });
    return license === undefined ? { lines: [] } : { license, lines: licenseLines(license) };
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    // that the release cannot be read was told already
    return release === undefined ? { lines: [] } : { lines: [`the licence cannot be looked at: ${error.message}`] };
  }
}

/** The lines; none for a licence that does not say until when. Pure. */
export function licenseLines({
  path,
  problem,
  mode,
  validUntil,
  readOnlyFrom,
  daysLeft = 0,
}: SiteLicense): readonly string[] {
  const lines = problem === undefined ? [] : [`the product will not take its licence ${path}: ${problem}`];
  if (validUntil === undefined || readOnlyFrom === undefined) return lines;
  const [end, last] = [day(validUntil), day(readOnlyFrom)];
  const left = daysLeft === 1 ? '1 day' : `${daysLeft} days`;
  const renew = 'bring a new one, and install it with ferry license install';
  if (mode === 'read-only')
    return [...lines, `the licence ended ${end}, and the product is read-only since ${last}: ${renew}`];
  if (mode === 'grace')
    return [...lines, `the licence ended ${end}, and in ${left} the product is read-only: ${renew}`];
  if (daysLeft > NOTICE_DAYS) return lines;
  return [...lines, `the licence ends in ${left}, and from ${last} the product is read-only: ${renew}`];
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

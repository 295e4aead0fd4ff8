/** What a licence says to a person: for whom it is, until when, and what the product does with it. Never its text. */
import type { SiteLicense } from '../install/index.ts';
import { alignColumns, formatDay, formatUntil } from './format.ts';

/** The row of a status. */
export function licenseRows(license: SiteLicense | undefined, now: Date): string[][] {
  return license === undefined ? [] : [['licence', stateWords(license, now)]];
}

/** All that is known of a licence. */
export function licenseLines(license: SiteLicense, now: Date): string[] {
  const { path, digest, subject, product, site, validFrom, problem } = license;
  const rows = [
    ['licence', path],
    ['for', [subject, product, site && `site ${site}`].filter((part) => part !== undefined).join(', ')],
    ['state', stateWords(license, now)],
    ['valid from', validFrom === undefined ? '' : formatUntil(validFrom, now)],
    ...endRows(license, now),
    ['signature', signatureWords(license)],
    ['digest', digest ?? ''],
  ];
  return [
    ...alignColumns(rows.filter(([, value]) => value !== '')),
    ...(problem === undefined ? [] : [`! the product will not take it: ${problem}`]),
  ];
}

function stateWords({ mode, digest, validUntil, readOnlyFrom, daysLeft, problem }: SiteLicense, now: Date): string {
  if (digest === undefined && problem === undefined) return 'none is installed';
  if (validUntil === undefined || readOnlyFrom === undefined) return 'unknown: it does not say until when';
  if (mode === 'read-only') return `ended ${formatDay(validUntil)}, read-only since ${formatUntil(readOnlyFrom, now)}`;
  const left = daysLeft === 1 ? '1 day left' : `${daysLeft} days left`;
  if (mode === 'grace') return `ended ${formatDay(validUntil)}, in grace until ${formatDay(readOnlyFrom)} (${left})`;
  return `valid until ${formatDay(validUntil)} (${left})`;
}

function endRows({ validUntil, graceUntil, readOnlyFrom }: SiteLicense, now: Date): string[][] {
  if (validUntil === undefined || graceUntil === undefined || readOnlyFrom === undefined) return [];
  return [
    ['valid until', formatUntil(validUntil, now)],
    ['grace until', formatUntil(graceUntil, now)],
    ['read-only from', formatUntil(readOnlyFrom, now)],
  ];
}

function signatureWords({ kind, isProven, digest }: SiteLicense): string {
  if (digest === undefined || kind === undefined) return '';
  if (isProven) return 'checked with the key of the release';
  if (kind === 'jws') return 'not checked: the release names no key';
  return kind === 'json' ? 'none: it is JSON' : 'unknown: only the product reads it';
}

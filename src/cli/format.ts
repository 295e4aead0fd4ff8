/** Sizes, rates, times and columns as people read them. Pure. */
import { spellOut } from '../errors.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in powers of a thousand, three digits at most: `912 B`, `4.1 kB`, `87 MB`, `1.20 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${formatThreeDigits(value, unit === 0)} ${UNITS[unit]}`;
}

function formatThreeDigits(value: number, isWhole: boolean): string {
  if (isWhole || value >= 99.95) return value.toFixed(0);
  return value.toFixed(value >= 9.995 ? 1 : 2).replace(/\.?0+$/, '');
}

/** Seconds: `0.4 s`, `12 s`, `3 min 20 s`, `1 h 05 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** The day in UTC, `2027-12-28`. */
export function formatDay(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** A day and how far it is from `now`: `2027-12-28 (400 days)`, `2026-01-02 (3 days ago)`. Days that have begun count, as in `daysLeft`. */
export function formatUntil(date: Date, now: Date): string {
  const distance = (date.getTime() - now.getTime()) / 86_400_000;
  const days = distance > 0 ? Math.ceil(distance) : Math.round(distance);
  if (days === 0 || formatDay(date) === formatDay(now)) return `${formatDay(date)} (today)`;
  const count = Math.abs(days);
  const unit = count === 1 ? 'day' : 'days';
  return `${formatDay(date)} (${days < 0 ? `${count} ${unit} ago` : `${count} ${unit}`})`;
}

/** The short form of a digest that people compare: the first twelve hex digits. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12);
}

/** Rows as aligned columns, two spaces between; the last column is left ragged, and so is an empty one. */
export function alignColumns(rows: readonly (readonly string[])[], indent = ''): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map(
    (row) =>
      indent +
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
  );
}

/** Text of several lines with what a terminal might act on spelled out: what files, servers and sites call themselves gets into all that is printed. */
export function printable(text: string): string {
  return spellOut(text, '\n\t');
}

/** The containers that still see an old file, and what to do about it. */
export function recreateLines({
  recreate = [],
}: {
  readonly recreate?: readonly { readonly container: string; readonly path: string }[];
}): string[] {
  return recreate.map(
    ({ container, path }) =>
      `${container} still sees the old ${path} until it is made anew (with Compose: up --detach --force-recreate)`,
  );
}

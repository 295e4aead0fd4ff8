/**
 * How long a server asks us to wait. `Retry-After` in seconds or as a date (RFC 9110 §10.2.3); and what ghcr.io writes
 * into its message instead: `retry-after: 1.16676ms, allowed: 44000/minute`, a duration as Go prints it.
 */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1e3,
  m: 6e4,
  h: 36e5,
};

/** Milliseconds to wait by the header, by the message, or `undefined` when neither says. The longer of two counts. */
export function findRetryAfterMs(
  { header, message }: { readonly header?: string | undefined; readonly message?: string | undefined },
  now: number,
): number | undefined {
  const found = [findHeaderMs(header ?? '', now), findHintMs(message ?? '')].filter((ms) => ms !== undefined);
  return found.length === 0 ? undefined : Math.max(...found);
}

function findHeaderMs(text: string, now: number): number | undefined {
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text) * 1000;
  const date = /[a-z]{3}/i.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function findHintMs(message: string): number | undefined {
  const duration = /retry[- ]after:?\s*((?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+)/i.exec(message)?.[1];
  if (duration === undefined) return undefined;
  const parts = duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/gi);
  return [...parts].reduce((ms, [, count, unit]) => ms + Number(count) * (UNIT_MS[(unit ?? '').toLowerCase()] ?? 0), 0);
}

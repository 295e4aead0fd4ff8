/**
 * The site's clock: a host with an empty battery says 1970, one that was set wrong says 2035. Time is never earlier than
 * the build, nor than the highest `issued` that was proven; only `issued` is ever remembered (FORMAT §2 "Clock").
 */

/** What the host and the executable know of the time. */
export interface Clocks {
  readonly systemTime: Date;
  /** Of the commit that this ferry was built from. */
  readonly buildTime: Date;
}

/** The latest of some instants, those unknown left out; `undefined` when none is known. */
export function latest(...dates: readonly (Date | undefined)[]): Date | undefined {
  const known = dates.filter((date) => date !== undefined).map((date) => date.getTime());
  return known.length === 0 ? undefined : new Date(Math.max(...known));
}

/** The time to judge expiry by. @param proven the highest `issued` ever proven */
export function clockOf({ systemTime, buildTime }: Clocks, proven: Date | undefined): Date {
  return latest(systemTime, buildTime, proven) as Date;
}

/** The sentence for a host whose clock is known to be behind, or none. Minutes are not worth a word. */
export function clockWarnings({ systemTime }: Clocks, clock: Date): string[] {
  if (clock.getTime() - systemTime.getTime() < 10 * 60_000) return [];
  return [
    `this host's clock says ${formatTime(systemTime)}, but it is at least ${formatTime(clock)}: judged by the later`,
  ];
}

/** An instant as metadata writes it: UTC, whole seconds. */
export function formatTime(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}

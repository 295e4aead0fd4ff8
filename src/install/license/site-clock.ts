/** The time on this site where nothing new has come: the system's, or later where more is known. FORMAT §2 "Clock". */

import type { SiteTrust } from '../../trust/index.ts';

export interface SiteClockOptions {
  readonly now: Date;
  /** Of the commit that this ferry was built from. */
  readonly buildTime?: Date | undefined;
}

/** max(system, build, the highest `issued` that was ever proven here). A host whose clock was set back learns nothing by it. */
export function siteClock(trust: Pick<SiteTrust, 'clock'> | undefined, { now, buildTime }: SiteClockOptions): Date {
  const stored = trust?.clock === undefined ? 0 : Date.parse(trust.clock);
  return new Date(Math.max(now.getTime(), buildTime?.getTime() ?? 0, stored));
}

/** What is said about the licences and certificates of many sites in few lines. Pure. */
import type { ShownCertificate } from './options.ts';
import type { TargetSite } from './target-sites.ts';

/** A site with a licence. */
export interface LicensedSite {
  /** A siteID, or `any`. */
  readonly site: string;
  readonly name: string;
  readonly validUntil?: Date;
  readonly certificate?: ShownCertificate;
}

/** Days before its end from which a licence or certificate is told. */
const SOON_DAYS = 60;
const DAY_MS = 86_400_000;
/** Names in one line. */
const SHOWN = 5;

/** A line for each day on which licences end soon, then the same of certificates. */
export function endWarnings(sites: readonly LicensedSite[], now: Date): readonly string[] {
  const ends = (what: string, endOf: (site: LicensedSite) => Date | undefined) =>
    endLines(
      what,
      sites.map((site) => ({ site, end: endOf(site) })),
      now,
    );
  return [
    ...ends('licence', ({ validUntil }) => validUntil),
    ...ends('certificate', ({ certificate }) => certificate?.notAfter),
  ];
}

interface Ending {
  readonly site: LicensedSite;
  readonly end: Date;
}

function endLines(what: string, all: readonly { site: LicensedSite; end: Date | undefined }[], now: Date): string[] {
  const ending = all.flatMap(({ site, end }): Ending[] =>
    end && end.getTime() - now.getTime() <= SOON_DAYS * DAY_MS ? [{ site, end }] : [],
  );
  const groups = Map.groupBy(ending, ({ end }) => end.toISOString().slice(0, 10));
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, group]) => {
      const [{ site, end }] = group as [Ending];
      const days = Math.ceil((end.getTime() - now.getTime()) / DAY_MS);
      const whose = site.site === 'any' ? '' : ` of ${listNames(group.map((one) => one.site))}`;
      return `the ${what}${whose} ends ${day}, in ${days} ${days === 1 ? 'day' : 'days'}`;
    });
}

/** A licence that is carried for whoever imports it. @param about its file, and the site that it says it is for */
export function anyWarnings({ name, site }: { readonly name: string; readonly site: string | undefined }): string[] {
  const unsealed = `${name} travels unsealed, since no site is named: whoever holds the medium can read it (--site CARD seals it)`;
  if (site === undefined || site === 'any') return [unsealed];
  const bound = `the licence is for site ${JSON.stringify(site)} alone: others will refuse it; name that site with --site`;
  return [unsealed, bound];
}

/** Sites that get nothing, and those that nobody has compared. */
export function targetWarnings(
  targets: readonly Pick<TargetSite, 'site' | 'name' | 'confirmed' | 'source' | 'tls'>[],
): readonly string[] {
  const getsNothing = ({ source, tls }: (typeof targets)[number]) => source === undefined && tls === undefined;
  const without = listNames(targets.filter(getsNothing));
  const unseen = listNames(targets.filter((target) => !getsNothing(target) && !target.confirmed));
  const lines = [
    without &&
      `no overlay for ${without}: neither the release manifest nor the fleet says where its licence or its certificate comes from`,
    unseen && `sealed for ${unseen}, though nobody compared the fingerprint: ferry fleet add CARD --fingerprint`,
  ];
  return lines.filter((line) => line !== '');
}

/** `plant-1, plant-2 and 198 more`; empty for none. */
export function listNames(sites: readonly Pick<LicensedSite, 'name' | 'site'>[]): string {
  const names = sites.slice(0, SHOWN).map(({ name, site }) => name || site);
  const more = sites.length - names.length;
  return more === 0 ? names.join(', ') : `${names.join(', ')} and ${more} more`;
}

/** What is said about the licences of many sites in few lines. Pure. */

/** A site with a licence. */
export interface LicensedSite {
  /** A siteID, or `any`. */
  readonly site: string;
  readonly name: string;
  readonly validUntil?: Date;
}

/** Days before its end from which a licence is told. */
const SOON_DAYS = 60;
const DAY_MS = 86_400_000;
/** Names in one line. */
const SHOWN = 5;

/** A line for each day on which licences end soon. */
export function endWarnings(sites: readonly LicensedSite[], now: Date): readonly string[] {
  const ending = sites.filter(
    ({ validUntil }) => validUntil && validUntil.getTime() - now.getTime() <= SOON_DAYS * DAY_MS,
  );
  const groups = Map.groupBy(ending, ({ validUntil }) => (validUntil as Date).toISOString().slice(0, 10));
  return [...groups]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([day, group]) => {
      const [first] = group as [LicensedSite];
      const days = Math.ceil(((first.validUntil as Date).getTime() - now.getTime()) / DAY_MS);
      const whose = first.site === 'any' ? '' : ` of ${listNames(group)}`;
      return `the licence${whose} ends ${day}, in ${days} ${days === 1 ? 'day' : 'days'}`;
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
  targets: readonly (LicensedSite & { readonly source?: object; readonly confirmed: boolean })[],
): readonly string[] {
  const without = listNames(targets.filter(({ source }) => source === undefined));
  const unseen = listNames(targets.filter(({ source, confirmed }) => source !== undefined && !confirmed));
  const lines = [
    without &&
      `no overlay for ${without}: neither the release manifest nor the fleet says where its licence comes from`,
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

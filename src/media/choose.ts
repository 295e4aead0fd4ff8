/**
 * Which of the tars that were named, and of those that lie on a medium, make the kit: one release, of each site the
 * newest overlay, a catalogue that is newer than the release's own. What was named stays before what lies there. The
 * rest of the same product is of former kits. Pure.
 */
import { basename } from 'node:path';
import { MediaError } from './error.ts';
import type { Tar } from './tars.ts';

/** What the kit is made of. */
export interface Choice {
  readonly release?: Tar;
  /** In the order of their sites. */
  readonly overlays: readonly Tar[];
  readonly catalogue?: Tar;
  /** Lying there and of former kits. */
  readonly former: readonly Tar[];
  readonly warnings: readonly string[];
}

/** @throws {MediaError} `KIT_EMPTY`, `KIT_RELEASES`, `KIT_PRODUCTS` */
export function chooseTars(given: readonly Tar[], lying: readonly Tar[]): Choice {
  checkProducts([...given, ...lying]);
  const releases = given.filter(({ kind }) => kind === 'release');
  if (releases.length > 1) throw severalReleases(releases);
  const release = best(given, lying, 'release');
  const overlays = sitesOf([...given, ...lying]).map(
    (site) => best(given, lying, 'overlay', ({ site: theirs }) => theirs === site) as Tar,
  );
  const newest = best(given, lying, 'catalogue');
  const isUseful = newest !== undefined && newest.catalogue > (release?.catalogue ?? 0);
  const chosen = new Set([release, ...overlays, isUseful ? newest : undefined].filter((tar) => tar !== undefined));
  if (chosen.size === 0) throw new MediaError('lay out: expected a bundle, got none', { code: 'KIT_EMPTY' });
  const former = lying.filter((tar) => !chosen.has(tar));
  return {
    ...(release && { release }),
    overlays,
    ...(isUseful && { catalogue: newest }),
    former,
    warnings: [...newerOnes(former, chosen), ...leftOut(given, chosen)],
  };
}

function checkProducts(tars: readonly Tar[]): void {
  const products = [...new Set(tars.map(({ product }) => product))].toSorted();
  if (products.length <= 1) return;
  throw new MediaError(`lay out: expected bundles of one product, got those of ${products.join(', ')}`, {
    code: 'KIT_PRODUCTS',
    facts: { products },
  });
}

function severalReleases(releases: readonly Tar[]): MediaError {
  const names = releases.map(({ path }) => path);
  return new MediaError(`lay out: expected one release, got ${names.length}: ${names.join(', ')}`, {
    code: 'KIT_RELEASES',
    facts: { names },
  });
}

function sitesOf(tars: readonly Tar[]): string[] {
  return [...new Set(tars.flatMap(({ site }) => site ?? []))].toSorted();
}

/** The newest that was named, else the newest that lies there. */
function best(
  given: readonly Tar[],
  lying: readonly Tar[],
  kind: Tar['kind'],
  is: (tar: Tar) => boolean = () => true,
): Tar | undefined {
  const of = (tars: readonly Tar[]) => tars.filter((tar) => tar.kind === kind && is(tar)).toSorted(newestFirst)[0];
  return of(given) ?? of(lying);
}

function newestFirst(a: Tar, b: Tar): number {
  return (b.release?.sequence ?? 0) - (a.release?.sequence ?? 0) || b.catalogue - a.catalogue;
}

/** Moving a newer one away is what was asked for, but perhaps not what was meant. */
function newerOnes(former: readonly Tar[], chosen: ReadonlySet<Tar>): string[] {
  const isNewer = (tar: Tar) =>
    [...chosen].some(({ kind, site, ...other }) => {
      return kind === tar.kind && site === tar.site && newestFirst(tar, { ...other, kind }) < 0;
    });
  return former
    .filter(isNewer)
    .map(({ path }) => `${basename(path)} is newer than what was named, and goes to older/ all the same`);
}

function leftOut(given: readonly Tar[], chosen: ReadonlySet<Tar>): string[] {
  return given
    .filter((tar) => !chosen.has(tar))
    .map(({ path }) => `${basename(path)} is left out: a newer one of its kind comes along`);
}

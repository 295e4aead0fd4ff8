/**
 * Licences and certificates of many sites are read at once. What is wrong with some is collected, so that all of a fleet
 * is told at once, each fault with the names of its sites; what is wrong with the way to them stops everything, since the
 * next would meet it too.
 */
import { inParallel } from '../bundle/index.ts';
import { aboutThe, FerryError } from '../errors.ts';
import { ExportError } from './error.ts';
import { listNames } from './site-warnings.ts';
import type { TargetSite } from './target-sites.ts';

/** What is read for sites. */
type What = 'licence' | 'certificate';

export interface ForSitesOptions {
  readonly what: What;
  /** So many at a time. */
  readonly concurrency: number;
  /** Whether it is wrong with this one alone. */
  readonly isFault: (error: unknown) => error is FerryError;
  readonly signal?: AbortSignal | undefined;
  /** Ends what is under way for others, once something stops all. */
  readonly onStop?: () => void;
}

/** A fault, named with its sites. */
export interface SiteFault {
  readonly what: What;
  readonly sites: readonly TargetSite[];
  readonly error: FerryError;
}

/** What was read, in the order of the sites, and what was wrong. */
export interface ReadSites<T> {
  readonly found: ReadonlyMap<TargetSite, T>;
  readonly faults: readonly SiteFault[];
}

/**
 * Reads for each site; `read` answers nothing for one that gets none.
 * @throws what is no fault of one alone, with the name of the site; the signal's reason
 */
export async function readForSites<T>(
  targets: readonly TargetSite[],
  options: ForSitesOptions,
  read: (target: TargetSite) => Promise<T | undefined>,
): Promise<ReadSites<T>> {
  const { what, concurrency, isFault, signal, onStop } = options;
  const found = new Map<TargetSite, T>();
  const faulty = new Map<TargetSite, readonly FerryError[]>();
  await inParallel(targets, { concurrency, signal }, async (target) => {
    try {
      const one = await read(target);
      if (one !== undefined) found.set(target, one);
    } catch (error) {
      if (isFault(error)) return void faulty.set(target, error.errors.length > 0 ? error.errors : [error]);
      onStop?.();
      throw error instanceof FerryError && !signal?.aborted ? named(error, { what, sites: [target] }) : error;
    }
  });
  return { found: inOrder(targets, found), faults: grouped(inOrder(targets, faulty), what) };
}

/** @throws {FerryError} the fault; {ExportError} `LICENSES_REFUSED`, `SITE_FILES_REFUSED` with `errors` for several */
export function throwFaults(faults: readonly SiteFault[]): void {
  const [first, ...more] = faults;
  if (first === undefined) return;
  if (more.length === 0) throw first.error;
  const errors = faults.map(({ error }) => error);
  if (faults.every(({ what }) => what === 'licence')) {
    const told = `${errors.length} licences are refused: ${first.error.message}`;
    throw new ExportError(told, { code: 'LICENSES_REFUSED', errors });
  }
  const kinds = [...new Set(faults.map(({ what }) => `${what}s`))].join(' and ');
  const { size } = new Set(faults.flatMap(({ sites }) => sites));
  const where = `the ${kinds} of ${size} ${size === 1 ? 'site' : 'sites'}`;
  throw new ExportError(`${errors.length} faults in ${where}: ${first.error.message}`, {
    code: 'SITE_FILES_REFUSED',
    errors,
  });
}

/** They are read in any order; what is made and told keeps that of the sites. */
function inOrder<T>(targets: readonly TargetSite[], found: ReadonlyMap<TargetSite, T>): ReadonlyMap<TargetSite, T> {
  return new Map(targets.flatMap((target) => (found.has(target) ? [[target, found.get(target) as T]] : [])));
}

/** One fault of many sites is told once, with their names. */
function grouped(faulty: ReadonlyMap<TargetSite, readonly FerryError[]>, what: What): readonly SiteFault[] {
  const each = [...faulty].flatMap(([target, errors]) => errors.map((error) => ({ target, error })));
  const groups = Map.groupBy(each, ({ error: { code, message } }) => `${code} ${message}`);
  return [...groups.values()].map((group) => {
    const [{ error }] = group as [(typeof each)[number]];
    const sites = group.map(({ target }) => target);
    return { what, sites, error: named(error, { what, sites }) };
  });
}

function named(error: FerryError, { what, sites }: Pick<SiteFault, 'what' | 'sites'>): FerryError {
  return aboutThe(`${what} of ${listNames(sites)}`, error, { sites: sites.map(({ site }) => site) });
}

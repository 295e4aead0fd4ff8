/**
 * The licences of the sites of an export, read and judged, each for its site. What is wrong with licences is collected, so
 * that all of a fleet is told at once; what is wrong with the way to them stops everything, since the next would meet it too.
 */
import { inParallel } from '../bundle/index.ts';
import { aboutThe, FerryError } from '../errors.ts';
import { judgeLicense, LicenseError } from '../license/index.ts';
import type { ReleaseManifest } from '../manifest/index.ts';
import { ExportError } from './error.ts';
import type { FoundLicense } from './license-source.ts';
import { openLicenses } from './license-source.ts';
import type { ExportOptions } from './options.ts';
import { listNames } from './site-warnings.ts';
import type { PlacedSource, TargetSite } from './target-sites.ts';

/** Licences fetched at a time. */
const CONCURRENCY = 6;

/**
 * The licence of each site that has a source, in their order.
 * @throws {LicenseError}, {ExportError} for one that is refused, with the names of its sites; {ExportError}
 * `LICENSES_REFUSED` with `errors` for several; {HTTPError}; the signal's reason
 */
export async function readSiteLicenses(
  manifest: ReleaseManifest,
  targets: readonly TargetSite[],
  options: ExportOptions,
): Promise<ReadonlyMap<TargetSite, FoundLicense>> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...(options.signal ? [options.signal] : [])]);
  const reader = openLicenses({ ...options, signal, publicKey: manifest.license?.publicKey });
  const found = new Map<TargetSite, FoundLicense>();
  const refused = new Map<TargetSite, FerryError>();
  await inParallel(targets, { concurrency: CONCURRENCY, signal }, async (target) => {
    const { source } = target;
    if (source === undefined) return;
    try {
      const license = await reader.read(source, target);
      judge(license, { manifest, target, options });
      found.set(target, license);
    } catch (error) {
      if (isOfLicense(error)) return void refused.set(target, error);
      stopping.abort();
      throw error instanceof FerryError && !options.signal?.aborted ? named(error, [target]) : error;
    }
  }).finally(() => reader.close());
  throwRefused(inOrder(targets, refused));
  return inOrder(targets, found);
}

/** The licence for whoever imports the bundle. @throws as {@link readSiteLicenses} */
export async function readLicenseForAny(
  manifest: ReleaseManifest,
  source: PlacedSource,
  options: ExportOptions,
): Promise<FoundLicense> {
  const reader = openLicenses({ ...options, publicKey: manifest.license?.publicKey });
  const found = await reader.read(source).finally(() => reader.close());
  judge(found, { manifest, options });
  return found;
}

/** Licences end by the clock, also where `SOURCE_DATE_EPOCH` says what is signed. */
export function clockOf({ clock, now }: ExportOptions): Date {
  return clock ?? now;
}

interface Judged {
  readonly manifest: ReleaseManifest;
  readonly options: ExportOptions;
  readonly target?: TargetSite;
}

function judge({ license, shown }: FoundLicense, { manifest, options, target }: Judged): void {
  const site = target && { id: target.site, name: target.name };
  judgeLicense(license, { product: manifest.product, site, now: clockOf(options), what: shown });
}

function isOfLicense(error: unknown): error is FerryError {
  if (error instanceof LicenseError) return error.code !== 'LICENSE_SERVER_FAILED';
  return error instanceof ExportError;
}

/** Servers answer in any order; what is made and told keeps that of the sites. */
function inOrder<T>(targets: readonly TargetSite[], found: ReadonlyMap<TargetSite, T>): ReadonlyMap<TargetSite, T> {
  return new Map(targets.flatMap((target) => (found.has(target) ? [[target, found.get(target) as T]] : [])));
}

/** One fault of many sites is told once, with their names. */
function throwRefused(refused: ReadonlyMap<TargetSite, FerryError>): void {
  const groups = Map.groupBy(refused, ([, { code, message }]) => `${code} ${message}`);
  const errors = [...groups.values()].map((group) => {
    const [[, error]] = group as [[TargetSite, FerryError]];
    return named(
      error,
      group.map(([target]) => target),
    );
  });
  const [first, ...more] = errors;
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw new ExportError(`${errors.length} licences are refused: ${first.message}`, {
    code: 'LICENSES_REFUSED',
    errors,
  });
}

function named(error: FerryError, targets: readonly TargetSite[]): FerryError {
  return aboutThe(`licence of ${listNames(targets)}`, error, { sites: targets.map(({ site }) => site) });
}

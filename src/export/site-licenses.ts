/** The licences of the sites of an export, read and judged, each for its site. */
import type { FerryError } from '../errors.ts';
import { judgeLicense, LicenseError } from '../license/index.ts';
import type { ReleaseManifest } from '../manifest/index.ts';
import { ExportError } from './error.ts';
import type { FoundLicense } from './license-source.ts';
import { openLicenses } from './license-source.ts';
import type { ExportOptions } from './options.ts';
import { type ReadSites, readForSites } from './site-faults.ts';
import type { PlacedSource, TargetSite } from './target-sites.ts';

/** Licences fetched at a time. */
const CONCURRENCY = 6;

/**
 * The licence of each site that has a source, and what is wrong with some.
 * @throws {LicenseError} `LICENSE_SERVER_FAILED`, {HTTPError}, with the name of the site; the signal's reason
 */
export async function readSiteLicenses(
  manifest: ReleaseManifest,
  targets: readonly TargetSite[],
  options: ExportOptions,
): Promise<ReadSites<FoundLicense>> {
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ...(options.signal ? [options.signal] : [])]);
  const reader = openLicenses({ ...options, signal, publicKey: manifest.license?.publicKey });
  const given = { what: 'licence', concurrency: CONCURRENCY, isFault: isOfLicense, signal: options.signal } as const;
  const read = async (target: TargetSite) => {
    const { source } = target;
    if (source === undefined) return undefined;
    const license = await reader.read(source, target);
    judge(license, { manifest, target, options });
    return license;
  };
  try {
    return await readForSites(targets, { ...given, onStop: () => stopping.abort() }, read);
  } finally {
    await reader.close();
  }
}

/** The licence for whoever imports the bundle. @throws {LicenseError}, {ExportError}, {HTTPError}; the signal's reason */
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

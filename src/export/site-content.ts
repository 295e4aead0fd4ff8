/**
 * What each site gets: its licence, sealed to it, under the name and for the place that the release manifest says; or,
 * where no site is named, one for `any`, as it is.
 */
import { canonicalJSON } from '../content/index.ts';
import type { ManifestLicense, ReleaseManifest, SiteFile } from '../manifest/index.ts';
import { FILE_NAME, formatTime, ManifestError, siteFilesDocument } from '../manifest/index.ts';
import { digestOf } from '../oci/index.ts';
import type { SiteProposal, Workspace } from '../workspace/index.ts';
import type { FoundLicense } from './license-source.ts';
import type { ExportOptions, ShownLicense } from './options.ts';
import type { SealedCache } from './sealed-cache.ts';
import { openSealedCache } from './sealed-cache.ts';
import { clockOf, readLicenseForAny, readSiteLicenses } from './site-licenses.ts';
import { anyWarnings, endWarnings, targetWarnings } from './site-warnings.ts';
import type { TargetSite } from './target-sites.ts';
import { findTargets, sourceOfManifest } from './target-sites.ts';

/** The files of one site, with their bytes as they travel. */
export interface SiteContent extends ShownLicense {
  /** A siteID, or `any`. */
  readonly site: string;
  /** As its operator calls it; that of `any` is empty. */
  readonly name: string;
  readonly files: readonly SiteFile[];
  /** By name, as in `files`. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
}

/** All of them, and what people should know. */
export interface SiteContents {
  readonly sites: readonly SiteContent[];
  readonly warnings: readonly string[];
}

/**
 * Reads, judges and seals. Nothing is written but the cache of what is sealed.
 * @throws all that `findTargets` and `readSiteLicenses` throw; {ManifestError} `MANIFEST_VALUE`
 */
export async function makeSiteContents(
  workspace: Workspace,
  manifest: ReleaseManifest,
  options: ExportOptions,
): Promise<SiteContents> {
  const targets = await findTargets(workspace, manifest, options);
  const isNamed = options.sites !== undefined || options.fleetPath !== undefined;
  if (!isNamed && manifest.license === undefined) return { sites: [], warnings: [] };
  options.progress?.phase('licences');
  if (!isNamed) return forAny(manifest, options);
  const found = await readSiteLicenses(manifest, targets, options);
  const cache = await openSealedCache(workspace.paths.sealed);
  const sites: SiteContent[] = [];
  for (const [target, license] of found) sites.push(await sealed(target, license, { manifest, cache }));
  return { sites, warnings: [...targetWarnings(targets), ...endWarnings(sites, clockOf(options))] };
}

/** What is told of a licence. */
export function shownOf({ subject, validUntil }: ShownLicense): ShownLicense {
  return { ...(subject !== undefined && { subject }), ...(validUntil && { validUntil }) };
}

/** Whether these files go into the bundle itself, and not into an overlay. */
export function isInBundle({ site }: Pick<SiteContent, 'site'>): boolean {
  return site === 'any';
}

/** As the catalogue is to list them. */
export function proposalsOf(product: string, sites: readonly SiteContent[]): readonly SiteProposal[] {
  return sites.map(({ site, files }) => ({
    site,
    build: (issued) => canonicalJSON(siteFilesDocument({ product, site, issued, files: [...files] })),
  }));
}

async function forAny(manifest: ReleaseManifest, options: ExportOptions): Promise<SiteContents> {
  const source = sourceOfManifest(manifest, options);
  if (source === undefined || manifest.license === undefined) return { sites: [], warnings: [] };
  const found = await readLicenseForAny(manifest, source, options);
  const { name } = manifest.license;
  const file = { ...fileOf(manifest.license, found), name, digest: digestOf(found.bytes), size: found.bytes.length };
  const content = contentOf({ site: 'any', name: '' }, { file: { ...file, sealed: false }, bytes: found.bytes, found });
  const warnings = anyWarnings({ name, site: found.license.site });
  return { sites: [content], warnings: [...warnings, ...endWarnings([content], clockOf(options))] };
}

async function sealed(
  target: TargetSite,
  found: FoundLicense,
  { manifest, cache }: { readonly manifest: ReleaseManifest; readonly cache: SealedCache },
): Promise<SiteContent> {
  const { license } = manifest;
  if (license === undefined) {
    throw new ManifestError(
      'read manifest: license: expected license.install, where a licence goes at a site, got no license',
      { code: 'MANIFEST_VALUE' },
    );
  }
  const name = `${license.name}.age`;
  if (!FILE_NAME.test(name)) {
    throw new ManifestError(
      `read manifest: license.name: expected at most 69 characters, since .age is added, got ${license.name}`,
      { code: 'MANIFEST_VALUE', hint: 'give a shorter one with name:' },
    );
  }
  const { bytes, digest } = await cache.seal(found.bytes, target.recipient);
  const file = { ...fileOf(license, found), name, digest, size: bytes.length, sealed: true };
  return contentOf(target, { file, bytes, found });
}

function fileOf({ install, mode }: ManifestLicense, { license: { validUntil } }: FoundLicense) {
  return { role: 'license' as const, install, mode, ...(validUntil && { validUntil: formatTime(validUntil) }) };
}

function contentOf(
  { site, name }: Pick<TargetSite, 'site' | 'name'>,
  { file, bytes, found }: { readonly file: SiteFile; readonly bytes: Uint8Array; readonly found: FoundLicense },
): SiteContent {
  return { site, name, files: [file], bytes: new Map([[file.name, bytes]]), ...shownOf(found.license) };
}

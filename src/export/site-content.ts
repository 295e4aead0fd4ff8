/**
 * What each site gets: its licence, sealed to it, under the name and for the place that the release manifest says, and its
 * certificate; or, where no site is named, what may go to `any`, as it is.
 */
import { canonicalJSON } from '../content/index.ts';
import type { ReleaseManifest, SiteFile } from '../manifest/index.ts';
import { ManifestError, siteFilesDocument } from '../manifest/index.ts';
import type { SiteProposal, Workspace } from '../workspace/index.ts';
import { type CarriedFile, certificateFile, chainFile, shownCertificate } from './certificate-file.ts';
import { certificateWarnings } from './certificate-warnings.ts';
import { licenseFile, sealedLicenseFile } from './license-file.ts';
import type { FoundLicense } from './license-source.ts';
import type { ExportOptions, ShownLicense, ShownSite } from './options.ts';
import type { SealedCache } from './sealed-cache.ts';
import { openSealedCache } from './sealed-cache.ts';
import { readCertificateForAny, readSiteCertificates, type SiteCertificate } from './site-certificates.ts';
import { throwFaults } from './site-faults.ts';
import { clockOf, readLicenseForAny, readSiteLicenses } from './site-licenses.ts';
import { anyWarnings, endWarnings, targetWarnings } from './site-warnings.ts';
import type { TargetSite } from './target-sites.ts';
import { certificateOfManifest, findTargets, sourceOfManifest } from './target-sites.ts';

/** The files of one site, with their bytes as they travel. */
export interface SiteContent extends ShownSite {
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
 * @throws all that `findTargets`, `readSiteLicenses` and `readSiteCertificates` throw; one fault of a licence or certificate,
 *   {ExportError} `LICENSES_REFUSED`, `SITE_FILES_REFUSED` for several; {ManifestError} `MANIFEST_VALUE`
 */
export async function makeSiteContents(
  workspace: Workspace,
  manifest: ReleaseManifest,
  options: ExportOptions,
): Promise<SiteContents> {
  const targets = await findTargets(workspace, manifest, options);
  const isNamed = options.sites !== undefined || options.fleetPath !== undefined;
  if (!isNamed && manifest.license === undefined && manifest.tls?.chain === undefined) {
    return { sites: [], warnings: [] };
  }
  options.progress?.phase('licences and certificates');
  if (!isNamed) return forAny(manifest, options);
  const licenses = await readSiteLicenses(manifest, targets, options);
  const certificates = await readSiteCertificates(manifest.tls, targets, options);
  throwFaults([...licenses.faults, ...certificates.faults]);
  const cache = await openSealedCache(workspace.paths.sealed);
  const sites: SiteContent[] = [];
  for (const target of targets) {
    const found = { license: licenses.found.get(target), certificate: certificates.found.get(target) };
    const content = await contentOf(target, found, { manifest, cache });
    if (content.files.length > 0) sites.push(content);
  }
  const warnings = [...targetWarnings(targets), ...endWarnings(sites, clockOf(options))];
  return { sites, warnings: [...warnings, ...certificateWarnings(certificates.found)] };
}

/** What is told of a site's files. */
export function shownOf({ subject, validUntil, certificate }: ShownSite): ShownSite {
  return { ...shownLicense({ subject, validUntil }), ...(certificate && { certificate }) };
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

interface Found {
  readonly license?: FoundLicense | undefined;
  readonly certificate?: SiteCertificate | undefined;
}

async function forAny(manifest: ReleaseManifest, options: ExportOptions): Promise<SiteContents> {
  const { license: where, tls } = manifest;
  const [source, chain] = [sourceOfManifest(manifest, options), certificateOfManifest(manifest, options)];
  const license = source && (await readLicenseForAny(manifest, source, options));
  const certificate = tls && chain && (await readCertificateForAny(tls, chain, options));
  const files = [
    ...(where && license ? [licenseFile(where, license)] : []),
    ...(certificate ? [chainFile(certificate)] : []),
  ];
  const content = asContent({ site: 'any', name: '' }, files, { license, certificate });
  const warnings = where && license ? anyWarnings({ name: where.name, site: license.license.site }) : [];
  return { sites: [content], warnings: [...warnings, ...endWarnings([content], clockOf(options))] };
}

interface ContentOptions {
  readonly manifest: ReleaseManifest;
  readonly cache: SealedCache;
}

async function contentOf(target: TargetSite, found: Found, { manifest, cache }: ContentOptions): Promise<SiteContent> {
  const { recipient } = target;
  const { license, certificate } = found;
  const files: CarriedFile[] = [];
  if (license)
    files.push(await sealedLicenseFile(manifest.license ?? nowhere('license.install'), license, { cache, recipient }));
  if (certificate) {
    if (manifest.tls === undefined) nowhere('tls.dir');
    const isCarried = certificate.keyOf === 'carried';
    files.push(isCarried ? await certificateFile(certificate, { cache, recipient }) : chainFile(certificate));
  }
  return asContent(target, files, found);
}

function asContent(
  { site, name }: Pick<TargetSite, 'site' | 'name'>,
  carried: readonly CarriedFile[],
  { license, certificate }: Found,
): SiteContent {
  return {
    ...{ site, name, files: carried.map(({ file }) => file) },
    bytes: new Map(carried.map(({ file, bytes }) => [file.name, bytes])),
    ...(license && shownLicense(license.license)),
    ...(certificate && { certificate: shownCertificate(certificate) }),
  };
}

function shownLicense({
  subject,
  validUntil,
}: { readonly [Key in keyof ShownLicense]: ShownLicense[Key] | undefined }) {
  return { ...(subject !== undefined && { subject }), ...(validUntil && { validUntil }) };
}

function nowhere(key: 'license.install' | 'tls.dir'): never {
  const [part] = key.split('.') as ['license' | 'tls'];
  const what = part === 'tls' ? 'a certificate' : 'a licence';
  throw new ManifestError(`read manifest: ${part}: expected ${key}, where ${what} goes at a site, got no ${part}`, {
    code: 'MANIFEST_VALUE',
  });
}

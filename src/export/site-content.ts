/**
 * What each site gets: its licence, read, judged for that site, and sealed to it; or, where no site is named, one for
 * `any`, as it is. Every licence is judged before one is refused, so that all that is wrong in a fleet is told at once.
 */
import { inParallel } from '../bundle/index.ts';
import { canonicalJSON } from '../content/index.ts';
import { FerryError, messageOf } from '../errors.ts';
import { judgeLicense } from '../license/index.ts';
import type { ManifestLicense, ReleaseManifest, SiteFile } from '../manifest/index.ts';
import { FILE_NAME, formatTime, ManifestError, siteFilesDocument } from '../manifest/index.ts';
import { digestOf } from '../oci/index.ts';
import type { SiteProposal, Workspace } from '../workspace/index.ts';
import { ExportError } from './error.ts';
import type { FoundLicense } from './license-source.ts';
import { openLicenses } from './license-source.ts';
import type { ExportOptions } from './options.ts';
import type { SealedCache } from './sealed-cache.ts';
import { openSealedCache } from './sealed-cache.ts';
import { endWarnings, listNames } from './site-warnings.ts';
import type { TargetSite } from './target-sites.ts';
import { findTargets, sourceOfManifest } from './target-sites.ts';

/** The files of one site, with their bytes as they travel. */
export interface SiteContent {
  /** A siteID, or `any`. */
  readonly site: string;
  /** As its operator calls it; that of `any` is empty. */
  readonly name: string;
  readonly files: readonly SiteFile[];
  /** By name, as in `files`. */
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  /** The end of its licence, where that says it. */
  readonly validUntil?: Date;
}

/** All of them, and what people should know. */
export interface SiteContents {
  readonly sites: readonly SiteContent[];
  readonly warnings: readonly string[];
}

/** Licences fetched at a time. */
const CONCURRENCY = 6;

/**
 * Reads, judges and seals. Nothing is written but the cache of what is sealed.
 * @throws all that `findTargets` and {@link LicenseReader} throw; {LicenseError} for one that is refused, {ExportError}
 * `LICENSES_REFUSED` with `errors` for several; {ManifestError} `MANIFEST_VALUE`
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
  const found = await readAll(manifest, targets, options);
  const cache = await openSealedCache(workspace.paths.sealed);
  const sites: SiteContent[] = [];
  for (const [target, license] of found) sites.push(await sealed(target, license, { manifest, cache }));
  return { sites, warnings: [...targetWarnings(targets), ...endWarnings(sites, clockOf(options))] };
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
  const found = await openLicenses({ ...options, publicKey: manifest.license.publicKey }).read(source);
  judgeLicense(found.license, { product: manifest.product, now: clockOf(options), what: found.shown });
  const { name } = manifest.license;
  const file = { ...fileOf(manifest.license, found), name, digest: digestOf(found.bytes), size: found.bytes.length };
  const content = contentOf({ site: 'any', name: '' }, { file: { ...file, sealed: false }, bytes: found.bytes, found });
  const unsealed = `${name} travels unsealed, since no site is named: whoever holds the medium can read it`;
  const { site } = found.license;
  const bound =
    site === undefined || site === 'any'
      ? []
      : [
          `the licence is for site ${JSON.stringify(site)} alone, and others will refuse it: name that site with --site CARD`,
        ];
  return { sites: [content], warnings: [unsealed, ...bound, ...endWarnings([content], clockOf(options))] };
}

/** The licence of every site that has a source. */
async function readAll(
  manifest: ReleaseManifest,
  targets: readonly TargetSite[],
  options: ExportOptions,
): Promise<ReadonlyMap<TargetSite, FoundLicense>> {
  const { product } = manifest;
  const reader = openLicenses({ ...options, publicKey: manifest.license?.publicKey });
  const found = new Map<TargetSite, FoundLicense>();
  const refused = new Map<TargetSite, FerryError>();
  await inParallel(targets, { concurrency: CONCURRENCY, signal: options.signal }, async (target, signal) => {
    signal.throwIfAborted();
    if (target.source === undefined) return;
    try {
      const { site: id, name, source } = target;
      const licence = await reader.read(source, target);
      const site = { id, name };
      judgeLicense(licence.license, { product, site, now: clockOf(options), what: licence.shown });
      found.set(target, licence);
    } catch (error) {
      if (!(error instanceof FerryError) || options.signal?.aborted) throw error;
      refused.set(target, error);
    }
  });
  throwRefused(inOrder(targets, refused));
  return inOrder(targets, found);
}

/** Servers answer in any order; what is made and told keeps that of the sites. */
function inOrder<T>(targets: readonly TargetSite[], found: ReadonlyMap<TargetSite, T>): ReadonlyMap<TargetSite, T> {
  return new Map(targets.flatMap((target) => (found.has(target) ? [[target, found.get(target) as T]] : [])));
}

/** One fault of many sites is told once, with their names. */
function throwRefused(refused: ReadonlyMap<TargetSite, FerryError>): void {
  const groups = Map.groupBy(refused, ([, { code, message }]) => `${code} ${message}`);
  const errors = [...groups.values()].map((group) => {
    const [[, first]] = group as [[TargetSite, FerryError]];
    const { code, hint, facts } = first;
    const names = listNames(group.map(([target]) => target));
    return new FerryError(`licence of ${names}: ${messageOf(first)}`, {
      code,
      cause: first,
      facts: { ...facts, sites: group.map(([{ site }]) => site) },
      ...(hint !== undefined && { hint }),
    });
  });
  const [first, ...more] = errors;
  if (first === undefined) return;
  if (more.length === 0) throw first;
  throw new ExportError(`${errors.length} licences are refused: ${first.message}`, {
    code: 'LICENSES_REFUSED',
    errors,
  });
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
  const { validUntil } = found.license;
  return { site, name, files: [file], bytes: new Map([[file.name, bytes]]), ...(validUntil && { validUntil }) };
}

function targetWarnings(targets: readonly TargetSite[]): readonly string[] {
  const without = targets.filter(({ source }) => source === undefined);
  const unconfirmed = targets.filter(({ confirmed }) => !confirmed);
  return [
    ...(without.length > 0
      ? [
          `no overlay for ${listNames(without)}: neither the release manifest nor the fleet says where its licence comes from`,
        ]
      : []),
    ...(unconfirmed.length > 0
      ? [
          `sealed for ${listNames(unconfirmed)}, though nobody compared the fingerprint: ferry fleet add CARD --fingerprint`,
        ]
      : []),
  ];
}

/** Licences end by the clock, also where `SOURCE_DATE_EPOCH` says what is signed. */
function clockOf({ clock, now }: ExportOptions): Date {
  return clock ?? now;
}

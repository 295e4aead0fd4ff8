/**
 * Whom an export serves: the sites of `--site` and `--fleet`, each pinned in the workspace, with where its licence and its
 * certificate come from (FORMAT §4). A site that nobody pinned, or whose key is another than the pinned one, is refused there.
 */
import { basename, dirname } from 'node:path';
import { findFileBounded } from '../content/index.ts';
import { aboutThe, FerryError } from '../errors.ts';
import type { CertificateSource, FleetFile, FleetTLS, LicenseSource, ReleaseManifest } from '../manifest/index.ts';
import { MAX_MANIFEST_TEXT, ManifestError, parseFleet } from '../manifest/index.ts';
import { MAX_ENVELOPE_BYTES } from '../trust/index.ts';
import type { FleetSite, Workspace } from '../workspace/index.ts';
import { findInFleet, listFleet, openFleetCard, siteUnknown } from '../workspace/index.ts';
import { ExportError } from './error.ts';
import type { ExportOptions } from './options.ts';

/** A source with the folder that its `from` is relative to. */
export interface PlacedSource extends LicenseSource {
  readonly folder: string;
}

/** Where a certificate comes from, with the folder that its paths are relative to. */
export interface PlacedCertificate extends CertificateSource {
  readonly folder: string;
  /** For which it must be, beside those of the release. */
  readonly names: readonly string[];
}

/** A site to serve; without a source there is no licence or no certificate for it. */
export interface TargetSite
  extends Pick<FleetSite, 'site' | 'name' | 'recipient' | 'confirmed' | 'csr' | 'certificate'> {
  readonly source?: PlacedSource;
  readonly tls?: PlacedCertificate;
}

/** What is common to the sites of an export. */
type Sources = Pick<TargetSite, 'source' | 'tls'>;

/**
 * The sites of an export, each once, those of the fleet's file first; none when no site is named.
 * @throws {WorkspaceError} `SITE_UNKNOWN`, `SITE_AMBIGUOUS`, `CARD_CHANGED` and what else a card is refused for; {ManifestError}
 * `FLEET_INVALID`; {ExportError} `SOURCE_FILE`
 */
export async function findTargets(
  workspace: Workspace,
  manifest: ReleaseManifest,
  options: Pick<ExportOptions, 'manifestPath' | 'fleetPath' | 'sites'>,
): Promise<readonly TargetSite[]> {
  const targets = new Map<string, TargetSite>();
  const common = sourcesOf(manifest, options);
  if (options.fleetPath !== undefined) await addFleet(targets, workspace, { path: options.fleetPath, common });
  for (const card of options.sites ?? []) {
    const site = await openNamed(workspace, card);
    if (!targets.has(site.site)) targets.set(site.site, { ...site, ...common });
  }
  await checkNames([...targets.values()], workspace);
  return [...targets.values()];
}

async function openNamed(workspace: Workspace, path: string): Promise<FleetSite> {
  const bytes = await readNamed(path, 'a site card', MAX_ENVELOPE_BYTES);
  try {
    return await openFleetCard(workspace, bytes);
  } catch (error) {
    // several may be named
    throw error instanceof FerryError ? aboutThe(`card ${basename(path)}`, error) : error;
  }
}

/**
 * A site calls itself what it likes, also by the name of another: where that chooses what it gets, it must be one site's.
 * @throws {WorkspaceError} `SITE_AMBIGUOUS`
 */
async function checkNames(targets: readonly TargetSite[], workspace: Workspace): Promise<void> {
  const byName = targets.filter(({ source, tls }) =>
    [source?.from, source?.url, tls?.chain, tls?.key, tls?.ca].some((text) => text?.includes('{name}')),
  );
  if (byName.length === 0) return;
  const known = await listFleet(workspace);
  for (const { name } of byName) findInFleet(known, name);
}

/** Where the release manifest has the licence from, if it says so. */
export function sourceOfManifest(
  { license }: ReleaseManifest,
  { manifestPath }: Pick<ExportOptions, 'manifestPath'>,
): PlacedSource | undefined {
  if (license === undefined) return undefined;
  return placed(license, manifestPath);
}

/** Where the release manifest has a certificate from, if it says so. */
export function certificateOfManifest(
  { tls }: Pick<ReleaseManifest, 'tls'>,
  { manifestPath }: Pick<ExportOptions, 'manifestPath'>,
): PlacedCertificate | undefined {
  return placedTLS(tls && { ...tls, names: [] }, manifestPath);
}

function sourcesOf(manifest: ReleaseManifest, options: Pick<ExportOptions, 'manifestPath'>): Sources {
  const [source, tls] = [sourceOfManifest(manifest, options), certificateOfManifest(manifest, options)];
  return { ...(source && { source }), ...(tls && { tls }) };
}

async function addFleet(
  targets: Map<string, TargetSite>,
  workspace: Workspace,
  { path, common }: { readonly path: string; readonly common: Sources },
): Promise<void> {
  const text = await readNamed(path, 'a fleet.yaml', MAX_MANIFEST_TEXT);
  const fleet = parseFleet(text.toString('utf8'), { path });
  const shared = fleet.license ? placed(fleet.license, path) : common.source;
  const sharedTLS = placedTLS(fleet.tls, path) ?? common.tls;
  const known = await listFleet(workspace);
  for (const [at, { site: named, license, tls: ownTLS }] of fleet.sites.entries()) {
    const site = findNamed(known, named, { fleet, at });
    const source = license ? placed(license, path) : shared;
    const tls = placedTLS(ownTLS, path) ?? withNames(sharedTLS, ownTLS, { fleet, at });
    if (targets.has(site.site)) throw twice(site, { fleet, at });
    targets.set(site.site, { ...site, ...(source && { source }), ...(tls && { tls }) });
  }
}

interface At {
  readonly fleet: FleetFile;
  /** Which of its sites. */
  readonly at: number;
}

/** A site by its ID or name; who is refused is named with the line. */
function findNamed(known: readonly FleetSite[], named: string, { fleet, at }: At): FleetSite {
  try {
    const site = findInFleet(known, named);
    if (site === undefined) throw siteUnknown(JSON.stringify(named));
    return site;
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    throw aboutThe(`read fleet: ${fleet.where(['sites', at])}`, error);
  }
}

function twice({ site, name }: FleetSite, { fleet, at }: At): ManifestError {
  return new ManifestError(
    `read fleet: ${fleet.where(['sites', at])}: expected each site once, got ${name} (${site}) a second time`,
    { code: 'FLEET_INVALID', facts: { site, name } },
  );
}

function placedTLS(tls: FleetTLS | undefined, namedBy: string): PlacedCertificate | undefined {
  if (tls?.chain === undefined) return undefined;
  const { chain, key, ca, keyPassphraseEnv, names = [] } = tls;
  return {
    ...{ folder: dirname(namedBy), chain, names },
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
    ...(keyPassphraseEnv !== undefined && { keyPassphraseEnv }),
  };
}

/** The common one, for the names of this site too. */
function withNames(common: PlacedCertificate | undefined, own: FleetTLS | undefined, { fleet, at }: At) {
  if (own?.names === undefined) return common;
  if (common !== undefined) return { ...common, names: own.names };
  throw new ManifestError(
    `read fleet: ${fleet.where(['sites', at, 'tls'])}: expected a chain for these names, here or for all sites, got none`,
    { code: 'FLEET_INVALID' },
  );
}

/** Only what says where from, since the manifest's licence has more fields. */
function placed({ from, url, tokenEnv }: LicenseSource, namedBy: string): PlacedSource {
  return {
    folder: dirname(namedBy),
    ...(from !== undefined && { from }),
    ...(url !== undefined && { url }),
    ...(tokenEnv !== undefined && { tokenEnv }),
  };
}

async function readNamed(path: string, what: string, max: number): Promise<Buffer> {
  const bytes = await findFileBounded(path, { max });
  if (bytes !== undefined) return bytes;
  throw new ExportError(`export ${path}: expected ${what}, got no such file`, {
    code: 'SOURCE_FILE',
    facts: { path },
    hint: 'check the path',
  });
}

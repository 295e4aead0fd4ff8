/**
 * Whom an export serves: the sites of `--site` and `--fleet`, each pinned in the workspace, with where its licence comes
 * from (FORMAT §4). A site that nobody pinned, or whose key is another than the pinned one, is refused there.
 */
import { basename, dirname } from 'node:path';
import { findFileBounded } from '../content/index.ts';
import { aboutThe, FerryError } from '../errors.ts';
import type { FleetFile, LicenseSource, ReleaseManifest } from '../manifest/index.ts';
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

/** A site to serve; without a source there is no licence for it. */
export interface TargetSite extends Pick<FleetSite, 'site' | 'name' | 'recipient' | 'confirmed'> {
  readonly source?: PlacedSource;
}

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
  const common = sourceOfManifest(manifest, options);
  if (options.fleetPath !== undefined) await addFleet(targets, workspace, { path: options.fleetPath, common });
  for (const card of options.sites ?? []) {
    const site = await openNamed(workspace, card);
    if (!targets.has(site.site)) targets.set(site.site, { ...site, ...(common && { source: common }) });
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
 * A site calls itself what it likes, also by the name of another: where that chooses a licence, it must be one site's.
 * @throws {WorkspaceError} `SITE_AMBIGUOUS`
 */
async function checkNames(targets: readonly TargetSite[], workspace: Workspace): Promise<void> {
  const byName = targets.filter(({ source }) => (source?.from ?? source?.url)?.includes('{name}'));
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

async function addFleet(
  targets: Map<string, TargetSite>,
  workspace: Workspace,
  { path, common }: { readonly path: string; readonly common: PlacedSource | undefined },
): Promise<void> {
  const text = await readNamed(path, 'a fleet.yaml', MAX_MANIFEST_TEXT);
  const fleet = parseFleet(text.toString('utf8'), { path });
  const shared = fleet.license ? placed(fleet.license, path) : common;
  const known = await listFleet(workspace);
  for (const [at, { site: named, license }] of fleet.sites.entries()) {
    const site = findNamed(known, named, { fleet, at });
    const source = license ? placed(license, path) : shared;
    if (targets.has(site.site)) throw twice(site, { fleet, at });
    targets.set(site.site, { ...site, ...(source && { source }) });
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

/**
 * What installing a licence would do: where it goes, whether it may, what stands there, and the steps that change it.
 * Looks and changes nothing.
 */

import { basename } from 'node:path';
import type { License } from '../../license/index.ts';
import { digestOf } from '../../oci/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import { installFiles } from '../files/destination.ts';
import { type FilePlan, type PlannedFile, planFiles } from '../files/file-plan.ts';
import { FolderTree } from '../files/folder.ts';
import { findStanding } from '../files/standing.ts';
import { filesAfter } from '../import/becoming.ts';
import { judgeNextLicense } from '../import/license-findings.ts';
import { siteFileSteps } from '../import/site-steps.ts';
import { findPolicy, grantedFolders } from '../policy.ts';
import { installed } from '../steps/installed.ts';
import type { Step } from '../steps/step.ts';
import { catalogueProduct, choosePlace } from './choose-place.ts';
import { findLicensePlaces, type LicensePlaces } from './place.ts';

/** For a licence that nobody installed before: the product's own users read it, and not everybody. */
const FIRST_MODE = 0o640;
/** Stands for an entry of a tar. */
export const LICENSE_ENTRY = 'license';

export interface PlanLicenseOptions {
  readonly state: SiteState;
  /** As far as it is there: a refusal makes nothing. */
  readonly identity: SiteIdentity | undefined;
  readonly stateDir: string;
  readonly prefix: string;
  /** As the operator named it, for messages. */
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Absolute, without the prefix; where no release says. */
  readonly to?: string | undefined;
  readonly allowShorter?: boolean | undefined;
  /** The site's clock. */
  readonly clock: Date;
}

/** All that is known before the first change. */
export interface LicensePlan {
  readonly product: string;
  readonly graceDays: number | undefined;
  readonly planned: PlannedFile;
  /** Whoever plans closes it. */
  readonly tree: FolderTree;
  /** None where it is installed already: then it is not judged again. */
  readonly change?: { readonly steps: readonly Step[]; readonly license: License; readonly isShorter: boolean };
  readonly publicKey: string | undefined;
}

/**
 * Plans it. @throws {LicenseError} all of `readLicense` and `judgeLicense`; {InstallError} `LICENSE_PLACE`,
 * `LICENSE_SHORTER`, `DESTINATION_UNSAFE`, `DESTINATION_FORBIDDEN`, `FOLDER_OWNED`; {ManifestError} `POLICY_INVALID`
 */
export async function planLicense(options: PlanLicenseOptions): Promise<LicensePlan> {
  const { state, identity, clock, allowShorter, what, bytes } = options;
  const places = await findLicensePlaces(state);
  const product = places.release?.product ?? (await catalogueProduct(state));
  const folders = grantedFolders(product, await findPolicy(state));
  const path = choosePlace(places, { ...options, folders });
  const plan = await planFile(path, { ...options, product, folders, places });
  try {
    const [planned] = plan.files;
    if (planned === undefined) throw new TypeError('expected one planned file');
    const { publicKey, graceDays } = places.release?.license ?? {};
    const about = { product, graceDays, planned, tree: plan.tree, publicKey };
    const known = places.installed?.files.find((file) => file.path === path);
    if (planned.action === 'same' && known?.digest === planned.file.digest) return about;
    const rules = { product, publicKey, identity, now: clock, allowShorter, tree: plan.tree };
    const judged = await judgeNextLicense({ name: what, path, bytes }, rules).catch(withOwnHint);
    return { ...about, change: { ...judged, steps: await stepsOf(state, plan, places) } };
  } catch (error) {
    await plan.tree.close();
    throw error;
  }
}

interface PlanFileOptions extends PlanLicenseOptions {
  readonly product: string;
  readonly folders: readonly string[];
  readonly places: LicensePlaces;
}

/** An edit of the old one by hand is no reason to stop: whoever names this file means it, and the old one is kept. */
async function planFile(path: string, options: PlanFileOptions): Promise<FilePlan> {
  const { identity, stateDir, prefix, bytes, product, folders, places } = options;
  const last = places.installed ?? { files: [] };
  const name = last.files.find((file) => file.path === path)?.name ?? basename(path);
  const mode = `0${(await modeAt(path, prefix)).toString(8).padStart(3, '0')}`;
  const measured = { digest: digestOf(bytes), size: bytes.length };
  const file = { name, entry: LICENSE_ENTRY, role: 'license' as const, mode, install: path, ...measured };
  const sites = [{ site: identity?.site ?? 'any', files: [file] }];
  const own = { stateDir, prefix };
  const wanted = installFiles({ product, release: undefined, hasReleaseFiles: false, sites, folders, own });
  return planFiles(wanted, { prefix, folders, last });
}

/** Permission bits of the one that it replaces. */
async function modeAt(path: string, prefix: string): Promise<number> {
  const tree = new FolderTree(prefix);
  try {
    return ((await findStanding(tree, path))?.mode ?? FIRST_MODE) & 0o777;
  } finally {
    await tree.close();
  }
}

/** What the operator has put there by hand before is only written down. */
async function stepsOf(
  state: SiteState,
  plan: FilePlan,
  { installed: before }: LicensePlaces,
): Promise<readonly Step[]> {
  const steps = await siteFileSteps(state, plan);
  if (steps !== undefined) return steps;
  const sequence = (await state.findCurrentSequence()) ?? 0;
  const left = before ?? { sequence, tags: [], files: [] };
  return [installed({ sequence, before: before ?? null, after: { ...left, files: filesAfter(plan, left.files) } })];
}

/** `--keep-local` is an import's. */
function withOwnHint(error: unknown): never {
  if (!(error instanceof InstallError) || error.code !== 'LICENSE_SHORTER') throw error;
  const { message, code, facts } = error;
  throw new InstallError(message, {
    code,
    facts,
    hint: 'take it with --allow-shorter, and say why with --reason TEXT',
  });
}

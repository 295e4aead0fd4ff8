/**
 * What installing a certificate would do: where it goes, whether it may, with which key, and what stands there. Looks and
 * changes nothing, so that a refused certificate leaves every file as it was; on a host without a state it makes none.
 */

import type { SiteStateReader } from '../../state/index.ts';
import type { Material } from '../../tls/index.ts';
import { installFiles } from '../files/destination.ts';
import { type FilePlan, planFiles } from '../files/file-plan.ts';
import { FolderTree } from '../files/folder.ts';
import { findPolicy } from '../policy.ts';
import { type CertificateFacts, factsOf, findCurrent } from './current.ts';
import type { GivenMaterial } from './given.ts';
import { clientName, pairFiles, pairFor, type TLSPair } from './pair.ts';
import { type ChosenPlace, chooseTLSPlace, findTLSPlaces, type TLSPlaces } from './place.ts';
import { findRoots } from './roots.ts';
import { findStandingPair, isSamePair } from './standing-pair.ts';

export interface PlanTLSOptions {
  /** None on a host without one. */
  readonly state: SiteStateReader | undefined;
  readonly stateDir: string;
  readonly prefix: string;
  readonly given: GivenMaterial;
  /** DNS names and addresses that it must be for, beside those of the release and of the one in use. */
  readonly names: readonly string[];
  /** Absolute, without the prefix. */
  readonly dir?: string | undefined;
  readonly allowShorter?: boolean | undefined;
  readonly allowFewerNames?: boolean | undefined;
  /** The site's clock. */
  readonly clock: Date;
}

/** All that is known before the first change. */
export interface TLSPlan {
  readonly places: TLSPlaces;
  readonly place: ChosenPlace;
  readonly next: CertificateFacts;
  /** The one in use. */
  readonly current: CertificateFacts | undefined;
  /** None where the very same stands there already: it is not judged again. */
  readonly pair: TLSPair | undefined;
  /** What a client asks for. */
  readonly name: string;
  /** Whoever plans closes its tree. */
  readonly files: FilePlan;
  readonly opened: ReadonlyMap<string, Uint8Array>;
}

/**
 * Plans it. @throws {TLSError}; {InstallError} `TLS_NO_KEY`, `TLS_PLACE`, `DESTINATION_UNSAFE`, `DESTINATION_FORBIDDEN`,
 * `FOLDER_OWNED`; {ManifestError} `POLICY_INVALID`
 */
export async function planTLS(options: PlanTLSOptions): Promise<TLSPlan> {
  const { state, given, prefix, names } = options;
  const [places, policy] = [await findTLSPlaces(state), await findPolicy(state)];
  const place = chooseTLSPlace(places, { said: options.dir, policy });
  const wanted = [...new Set([...names, ...(places.release?.tls?.names ?? [])])];
  const tree = new FolderTree(prefix);
  try {
    const current = await findCurrent(tree, place.dir);
    const next = factsOf(leafOf(given.material));
    const standing = await findStandingPair(tree, place.dir);
    const isSame = standing !== undefined && isSamePair(given.material, standing);
    const { allowShorter, allowFewerNames, clock: now } = options;
    const roots = [...(await findRoots({ policy })), ...given.roots];
    const rules = { names: wanted, current, roots, now, allowShorter, allowFewerNames, what: given.what };
    const { material, what } = given;
    const pair = isSame ? undefined : await pairFor({ material, tree, dir: place.dir, state, rules, what });
    const bytes = pair ?? { chainPEM: textOf(standing?.chain), keyPEM: textOf(standing?.key) };
    const placed = pairFiles(bytes, place.dir);
    const files = await planPlaced(placed.files, { ...options, places, place });
    const name = clientName([...wanted, ...next.names]) ?? '';
    return { places, place, next, current, pair, name, files, opened: placed.opened };
  } finally {
    await tree.close();
  }
}

function leafOf({ chain: [leaf] }: Material) {
  if (leaf === undefined) throw new TypeError('expected a certificate');
  return leaf;
}

function textOf(bytes: Buffer | undefined): string {
  if (bytes === undefined) throw new TypeError('expected the pair that stands there');
  return bytes.toString('utf8');
}

type PlanPlacedOptions = PlanTLSOptions & Pick<TLSPlan, 'places' | 'place'>;

/** An edit of the old one by hand is no reason to stop: whoever names a certificate means it, and the old one is kept. */
async function planPlaced(
  files: ReturnType<typeof pairFiles>['files'],
  { stateDir, prefix, places, place: { folders } }: PlanPlacedOptions,
): Promise<FilePlan> {
  const sites = [{ site: 'any', files }];
  const own = { stateDir, prefix };
  const { product, installed } = places;
  const wanted = installFiles({ product, release: undefined, hasReleaseFiles: false, sites, folders, own });
  return planFiles(wanted, { prefix, folders, last: installed ?? { files: [] } });
}

/**
 * Where the certificate of this site is: in the folder that somebody named, else where the installed release says, else
 * where one is installed, else in the product's own folder. Looks and changes nothing.
 */

import { dirname } from 'node:path';
import { folderProblem, parseReleaseDocument, type ReleaseDocument, type SitePolicy } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { storedProduct } from '../judge/stored-catalogue.ts';
import { findInstalled, type Installed } from '../kept/installed.ts';
import { grantedFolders } from '../policy.ts';

/** Where nobody says which product this site is for. */
const USUAL_PRODUCT = 'atrium';

/** What is known here of certificates. */
export interface TLSPlaces {
  /** None on a site where nothing was installed. */
  readonly release: ReleaseDocument | undefined;
  readonly installed: Installed | undefined;
  readonly product: string;
  /** Folders, absolute, without the prefix; the one of the release first. */
  readonly dirs: readonly string[];
}

/** Reads the state and no more. @throws {StateError} `STATE_DAMAGED`; {ManifestError} */
export async function findTLSPlaces(state: SiteStateReader | undefined): Promise<TLSPlaces> {
  const current = await state?.findCurrentRelease();
  const release = current && parseReleaseDocument(current.document);
  const installed = await findInstalled(state, (await state?.findCurrentSequence()) ?? 0);
  const own = (installed?.files ?? []).filter(({ role, digest }) => role === 'chain' && digest !== null);
  const dirs = [...(release?.tls ? [release.tls.dir] : []), ...own.map(({ path }) => dirname(path))];
  const product = release?.product ?? (await findProduct(state)) ?? USUAL_PRODUCT;
  return { release, installed, product, dirs: [...new Set(dirs)] };
}

async function findProduct(state: SiteStateReader | undefined): Promise<string | undefined> {
  const trust = await findSiteTrust(state);
  return trust?.chain && storedProduct(trust.chain.targets);
}

/** A folder, and all folders in which this install may write. */
export interface ChosenPlace {
  readonly dir: string;
  readonly folders: readonly string[];
}

/**
 * Where a certificate goes. The operator's word counts beyond the folders of the product, as it does in `site.yaml`, and
 * goes on to count where a certificate was installed by it.
 * @param said by the operator
 * @throws {InstallError} `TLS_PLACE`
 */
export function chooseTLSPlace(
  { dirs, product, release }: TLSPlaces,
  { said, policy }: { readonly said: string | undefined; readonly policy: SitePolicy },
): ChosenPlace {
  const problem = said === undefined ? undefined : folderProblem(said);
  if (problem !== undefined) {
    throw new InstallError(`install certificate: --dir ${JSON.stringify(said)}: ${problem}`, { code: 'TLS_PLACE' });
  }
  const dir = said ?? dirs[0] ?? `/etc/${product}/tls`;
  const folders = grantedFolders(product, policy);
  // a release's own word is held to what is granted
  return { dir, folders: said === undefined && dir === release?.tls?.dir ? folders : [...folders, dir] };
}

/**
 * The licence as it stands on this site, and what the product does with it, by the site's clock: valid, in grace,
 * read-only, or unknown where it does not say until when. Changes nothing.
 */

import { readBounded } from '../../content/index.ts';
import { FerryError } from '../../errors.ts';
import {
  judgeLicense,
  type License,
  LicenseError,
  type LicenseState,
  licenseState,
  MAX_LICENSE_BYTES,
  readLicense,
} from '../../license/index.ts';
import type { ReleaseDocument } from '../../manifest/index.ts';
import { type Digest, digestOf } from '../../oci/index.ts';
import type { SiteIdentity } from '../../site/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { findStanding, readStanding } from '../files/standing.ts';
import { findLicensePlaces } from './place.ts';

/** A licence on this site, as it is told: never its text. */
export interface SiteLicense extends LicenseState, Partial<License> {
  /** On this host. */
  readonly path: string;
  /** None where no file stands there. */
  readonly digest?: Digest;
  /** Why the product will not take it, as far as it can be seen from here. */
  readonly problem?: string;
}

export interface LookAtLicenseOptions {
  readonly state: SiteStateReader;
  readonly identity: SiteIdentity | undefined;
  /** What stands before every installed path. */
  readonly prefix: string;
  /** The site's clock. */
  readonly clock: Date;
}

/** What stands at the first place where one stands; `undefined` where nobody says that there is one. */
export async function lookAtLicense(options: LookAtLicenseOptions): Promise<SiteLicense | undefined> {
  const { state, prefix } = options;
  const { release, paths } = await findLicensePlaces(state);
  const tree = new FolderTree(prefix);
  try {
    for (const path of paths) {
      const found = await lookAt(path, tree, { ...options, release });
      if (found !== undefined) return found;
    }
  } finally {
    await tree.close();
  }
  const [path] = paths;
  return path === undefined ? undefined : { path: hostPath(prefix, path), mode: 'unknown' };
}

type LookAtOptions = LookAtLicenseOptions & { readonly release: ReleaseDocument | undefined };

async function lookAt(path: string, tree: FolderTree, options: LookAtOptions): Promise<SiteLicense | undefined> {
  const own = hostPath(options.prefix, path);
  try {
    if ((await findStanding(tree, path)) === undefined) return undefined;
    const bytes = await readBounded(readStanding(tree, path), { max: MAX_LICENSE_BYTES, what: own });
    return { path: own, digest: digestOf(bytes), ...(await describeLicense(bytes, { ...options, what: own })) };
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return { path: own, mode: 'unknown', problem: error.message };
  }
}

/** What bytes say as a licence, and what comes of it. */
async function describeLicense(
  bytes: Uint8Array,
  { release, identity, clock, what }: LookAtOptions & { readonly what: string },
): Promise<LicenseState & Partial<License> & Pick<SiteLicense, 'problem'>> {
  const { publicKey, graceDays } = release?.license ?? {};
  try {
    const license = await readLicense(bytes, { publicKey, what });
    const site = identity && { id: identity.site, name: identity.name };
    const problem =
      release && findProblem(() => judgeLicense(license, { product: release.product, site, now: clock, what }));
    return { ...license, ...licenseState(license, { graceDays, now: clock }), ...(problem && { problem }) };
  } catch (error) {
    if (!(error instanceof LicenseError)) throw error;
    return { mode: 'unknown', problem: error.message };
  }
}

/** That it has ended is no surprise: its state says so. */
function findProblem(judge: () => void): string | undefined {
  try {
    judge();
    return undefined;
  } catch (error) {
    if (!(error instanceof LicenseError)) throw error;
    return error.code === 'LICENSE_ENDED' ? undefined : error.message;
  }
}

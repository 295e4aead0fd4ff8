/** Where the licence of the product is on this site: where the installed release says, else where a file of this site put it. */

import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { findInstalled, type Installed } from '../kept/installed.ts';

/** What is known here of licences. */
export interface LicensePlaces {
  /** None on a site where nothing was installed. */
  readonly release: ReleaseDocument | undefined;
  readonly installed: Installed | undefined;
  /** Absolute, without the prefix; the one of the release first. */
  readonly paths: readonly string[];
}

/** Reads the state and no more. @throws {StateError} `STATE_DAMAGED`; {ManifestError} */
export async function findLicensePlaces(state: SiteStateReader): Promise<LicensePlaces> {
  const current = await state.findCurrentRelease();
  const release = current && parseReleaseDocument(current.document);
  const installed = await findInstalled(state, (await state.findCurrentSequence()) ?? 0);
  const own = (installed?.files ?? []).filter(({ role, digest }) => role === 'license' && digest !== null);
  const paths = [...(release?.license ? [release.license.install] : []), ...own.map(({ path }) => path)];
  return { release, installed, paths: [...new Set(paths)] };
}

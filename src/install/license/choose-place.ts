/** Where a licence may go on this site, and for which product: what an operator is told when nobody says it. */

import { destinationProblem } from '../../manifest/index.ts';
import type { SiteStateReader } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import { findSiteTrust } from '../judge/site-trust.ts';
import { storedProduct } from '../judge/stored-catalogue.ts';
import type { LicensePlaces } from './place.ts';

/**
 * Where a licence goes: where the release says, else where `--to` says, else where one is.
 * @param folders in which it may be
 * @throws {InstallError} `LICENSE_PLACE`
 */
export function choosePlace(
  { release, paths }: LicensePlaces,
  { to, folders }: { readonly to?: string | undefined; readonly folders: readonly string[] },
): string {
  const said = release?.license?.install;
  if (to !== undefined && said !== undefined && to !== said) {
    throw placeError(`expected the place that the release says, ${said}, got --to ${to}`, 'leave --to out');
  }
  const problem = to === undefined ? undefined : destinationProblem(to, folders);
  if (problem !== undefined) throw placeError(`--to ${JSON.stringify(to)}: ${problem}`);
  const path = to ?? paths[0];
  if (path === undefined) throw placeError('expected a place for it, got a release that names none and no --to');
  return path;
}

/** Where nothing is installed, the catalogue says for which product this site is. @throws {InstallError} `LICENSE_PLACE` */
export async function catalogueProduct(state: SiteStateReader): Promise<string> {
  const trust = await findSiteTrust(state);
  const product = trust?.chain && storedProduct(trust.chain.targets);
  if (product !== undefined) return product;
  throw placeError('expected a site that knows its product, got one without', 'import a release or a catalogue first');
}

function placeError(why: string, hint?: string): InstallError {
  return new InstallError(`install licence: ${why}`, { code: 'LICENSE_PLACE', ...(hint !== undefined && { hint }) });
}

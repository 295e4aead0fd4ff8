/**
 * A stick as it comes on a later visit: a folder with the next release and this site's overlay, whose licence and
 * certificate are sealed.
 */
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '../src/content/index.ts';
import { sealFor } from '../src/seal/index.ts';
import { findSiteIdentity } from '../src/site/index.ts';
import { findState } from '../src/state/index.ts';
import { carriedCertificate, servingOptions } from './certificate.ts';
import type { Releases } from './releases.ts';
import type { TortureSite } from './site.ts';

/** Where it is laid out, beside the medium. */
function stickOf({ two }: Pick<Releases, 'two'>): string {
  return join(dirname(dirname(two)), 'stick');
}

/** Imports it, and has its certificate served. */
export function importingStick(releases: Releases): readonly string[] {
  const prefix = join(dirname(dirname(releases.two)), 'prefix');
  return ['import', stickOf(releases), '--yes', '--json', ...servingOptions(prefix)];
}

/** Lays it out for a site that has its identity; once, for a second overlay would be another catalogue. */
export async function layOutStick({ lab }: TortureSite, { two }: Releases): Promise<void> {
  const stick = stickOf({ two });
  try {
    await mkdir(stick);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    throw error;
  }
  const state = await findState(lab.stateDir);
  const identity = state && (await findSiteIdentity(state));
  if (identity?.age === undefined) throw new Error('expected a site with an age key');
  const bytes = await sealFor(Buffer.from('licence sealed for this site'), identity.age.recipient);
  const file = { name: 'licence.blob.age', role: 'license', install: '/etc/atrium/licence.blob', sealed: true, bytes };
  const certificate = await carriedCertificate(identity.age.recipient);
  const overlay = await lab.overlay(identity.site, [{ ...file, text: '' }, certificate]);
  await rename(overlay, join(stick, basename(overlay)));
  await copyFile(two, join(stick, basename(two)));
}

/** The operator's own rules for this site. FORMAT §7, `site.yaml`. */

import { join } from 'node:path';
import { FerryError } from '../errors.ts';
import { DEFAULT_POLICY, parseSitePolicy, productFolders, type SitePolicy } from '../manifest/index.ts';
import type { SiteStateReader } from '../state/index.ts';

/**
 * What `site.yaml` says, or what holds without one.
 * @throws {ManifestError} `POLICY_INVALID` with the line; {StateError} `POLICY_UNSAFE`; {ContentError} `TOO_LARGE`
 */
export async function findPolicy(state: SiteStateReader | undefined): Promise<SitePolicy> {
  const text = await state?.findPolicyText();
  return text === undefined ? DEFAULT_POLICY : parseSitePolicy(text, { path: join(state?.dir ?? '', 'site.yaml') });
}

/** Where a release may write (FORMAT §3): the product's own folders, and those that the operator granted. */
export function grantedFolders(product: string, { folders }: SitePolicy): readonly string[] {
  return [...productFolders(product), ...folders];
}

/** What stops every import, before one is tried: a line for a person. */
export async function policyLines(state: SiteStateReader): Promise<readonly string[]> {
  try {
    await findPolicy(state);
    return [];
  } catch (error) {
    if (!(error instanceof FerryError)) throw error;
    return [`nothing can be imported: ${error.message}`];
  }
}

/** Whom the chain of a certificate may end at, on this site. Reads and changes nothing. */

import type { X509Certificate } from 'node:crypto';
import { readFileBounded } from '../../content/index.ts';
import type { SitePolicy } from '../../manifest/index.ts';
import { MAX_TLS_BYTES, readRoots, systemRoots } from '../../tls/index.ts';

export interface FindRootsOptions {
  readonly policy: SitePolicy;
  /** A chain that the office has signed: a root at its end is one that the office vouches for. */
  readonly chain?: readonly X509Certificate[] | undefined;
}

/**
 * PEM of each: those of the system, those of `tls.ca` in `site.yaml`, and the root that the chain brings.
 * @throws {TLSError} `TLS_UNREADABLE`, `TLS_NO_CERTIFICATE` for `tls.ca`
 */
export async function findRoots({ policy, chain = [] }: FindRootsOptions): Promise<readonly string[]> {
  const path = policy.tls?.ca;
  const own = path === undefined ? [] : await readRoots(await readFileBounded(path, { max: MAX_TLS_BYTES }), path);
  const carried = chain.filter((one) => one.checkIssued(one)).map((one) => one.toString());
  return [...systemRoots(), ...own, ...carried];
}

/**
 * Which of two releases knows who serves: the one that comes, or the one that runs until then. The first that names
 * somebody who runs is believed. Looks and changes nothing.
 */

import type { ReleaseDocument } from '../../manifest/index.ts';
import { clientName } from './pair.ts';
import { planServe, type ServeOptions, type ServePlan } from './serve-plan.ts';

export interface ServeAnyOptions extends Omit<ServeOptions, 'release' | 'next'> {
  /** In the order in which they are asked. */
  readonly releases: readonly (ReleaseDocument | undefined)[];
  readonly next: { readonly fingerprint: string; readonly names: readonly string[] };
}

/** Who is to be told of a certificate, and where it must be served. @throws as `planServe` */
export async function planServeByAny({ releases, next, ...options }: ServeAnyOptions): Promise<ServePlan> {
  const [first, ...others] = releases.filter((release) => release !== undefined);
  const ask = (release: ReleaseDocument | undefined) => {
    const name = clientName([...(release?.tls?.names ?? []), ...next.names]) ?? '';
    return planServe({ ...options, release, next: { fingerprint: next.fingerprint, name } });
  };
  const plan = await ask(first);
  for (const release of plan.after === undefined ? others : []) {
    const other = await ask(release);
    if (other.after !== undefined) return other;
  }
  return plan;
}

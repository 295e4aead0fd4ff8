/** The steps that put a licence in its place, as a transaction. It needs no engine, so its journal names none. */

import type { License } from '../../license/index.ts';
import type { WholeIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { formatTime } from '../../trust/index.ts';
import { hostPath } from '../files/host-path.ts';
import type { Outcome } from '../steps/step.ts';
import { type CarryOutSite, changeSite, findEngine } from '../transaction/change-site.ts';
import { LICENSE_ENTRY, type LicensePlan } from './plan.ts';

export interface CarryOutOptions {
  readonly state: SiteState;
  readonly identity: WholeIdentity;
  readonly bytes: Uint8Array;
  readonly license: License;
  readonly options: CarryOutSite;
}

/** What the steps told beside having been made. */
export interface CarriedOut {
  readonly recreate?: NonNullable<Outcome['recreate']>;
  readonly warnings: readonly string[];
}

/** Makes all steps or none. @throws as `runTransaction` */
export async function carryOut(
  { tree, change: { steps }, planned: { file }, product }: LicensePlan & Required<Pick<LicensePlan, 'change'>>,
  { state, identity, bytes, license: { validUntil }, options }: CarryOutOptions,
): Promise<CarriedOut> {
  const until = validUntil && { validUntil: formatTime(validUntil) };
  const engine = await findEngine(options.engine);
  try {
    const { outcome, warnings } = await changeSite({
      ...{ steps, state, identity, tree, engine, usesEngine: false, options },
      about: { command: 'license', title: 'install the licence', product },
      opened: new Map([[LICENSE_ENTRY, bytes]]),
      facts: { path: hostPath(options.prefix, file.path), digest: file.digest, ...until },
    });
    return { ...(outcome.recreate && { recreate: outcome.recreate }), warnings };
  } finally {
    engine?.close();
  }
}

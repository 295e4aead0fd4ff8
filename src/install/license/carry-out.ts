/** The steps that put a licence in its place, as a transaction. It needs no engine, so its journal names none. */

import { randomBytes } from 'node:crypto';
import type { Progress } from '../../content/index.ts';
import { DockerError, type Engine } from '../../docker/index.ts';
import type { License } from '../../license/index.ts';
import type { WholeIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { formatTime } from '../../trust/index.ts';
import { hostPath } from '../files/host-path.ts';
import { lineOrWarning } from '../records/import-log.ts';
import type { Outcome } from '../steps/step.ts';
import { siteFor } from '../transaction/site.ts';
import { runTransaction } from '../transaction/transaction.ts';
import { LICENSE_ENTRY, type LicensePlan } from './plan.ts';

export interface CarryOutOptions {
  readonly state: SiteState;
  readonly identity: WholeIdentity;
  readonly bytes: Uint8Array;
  readonly license: License;
  readonly options: CarryOutSite;
}

/** Where it is carried out, and who watches. */
export interface CarryOutSite {
  readonly prefix: string;
  readonly now: Date;
  readonly engine: (socket: string | undefined) => Promise<Engine>;
  readonly progress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
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
  const { prefix, now, signal, progress } = options;
  const warnings: string[] = [];
  const until = validUntil && { validUntil: formatTime(validUntil) };
  const facts = { path: hostPath(prefix, file.path), digest: file.digest, ...until };
  const engine = await options.engine(undefined).catch(unlessAway);
  try {
    const id = randomBytes(6).toString('hex');
    const site = await siteFor({
      ...{ id, state, identity, engine, prefix, tree, now, began: performance.now(), signal, progress },
      medium: { ...NO_MEDIUM, opened: new Map([[LICENSE_ENTRY, bytes]]) },
      warn: (line) => warnings.push(line),
      tell: async (became) =>
        became === 'undone' ? [] : lineOrWarning(() => state.appendAudit({ event: 'license', at: now, facts })),
    });
    const about = { id, command: 'license', title: 'install the licence', product, prefix } as const;
    // no engine: whoever finishes this needs none
    await runTransaction({ ...about, started: now.toISOString(), steps, at: 0, direction: 'forward' }, site);
    return { ...(site.outcome.recreate && { recreate: site.outcome.recreate }), warnings };
  } catch (error) {
    // there will be no result to tell them with
    for (const line of warnings) progress?.note(line);
    throw error;
  } finally {
    engine?.close();
  }
}

const NO_MEDIUM = { bundle: undefined, plans: new Map(), spoolDir: '', onBytes: () => {} };

function unlessAway(error: unknown): undefined {
  if (!(error instanceof DockerError)) throw error;
}

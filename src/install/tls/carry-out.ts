/** The steps that put a certificate in its place and see that it is served, as one transaction. */

import type { Engine } from '../../docker/index.ts';
import type { WholeIdentity } from '../../site/index.ts';
import type { SiteState } from '../../state/index.ts';
import { formatTime } from '../../trust/index.ts';
import { hostPath } from '../files/host-path.ts';
import { filesAfter } from '../import/becoming.ts';
import { siteFileSteps } from '../import/site-steps.ts';
import { findPolicy } from '../policy.ts';
import { installed } from '../steps/installed.ts';
import type { Outcome, Step } from '../steps/step.ts';
import { type CarryOutSite, changeSite, findEngine } from '../transaction/change-site.ts';
import { aroundSwitch } from './around-switch.ts';
import { dropWaiting } from './pending.ts';
import type { TLSPlan } from './plan.ts';
import { planServe, type ServePlan } from './serve-plan.ts';
import type { ServingOptions } from './serving-options.ts';

/** Where it is carried out, who serves it, and where. */
export interface CarryOutTLSSite extends CarryOutSite, ServingOptions {}

export interface CarryOutTLSOptions {
  readonly state: SiteState;
  readonly identity: WholeIdentity;
  readonly options: CarryOutTLSSite;
}

/** Who was told of it, and where it is served since. */
export interface ServedTLS {
  readonly reloaded?: string;
  /** `127.0.0.1:443` */
  readonly served?: string;
  /** Containers that still see the old file, because they mount that one file: they must be made anew. */
  readonly recreate?: NonNullable<Outcome['recreate']>;
}

export interface CarriedOutTLS extends ServedTLS {
  /** Whether a file was changed. */
  readonly isChanged: boolean;
  readonly warnings: readonly string[];
}

/** Makes all steps or none; none where all stands and is served. @throws as `planServe` and `runTransaction` */
export async function carryOutTLS(
  plan: TLSPlan,
  { state, identity, options }: CarryOutTLSOptions,
): Promise<CarriedOutTLS> {
  const engine = await findEngine(options.engine);
  try {
    const changes = await siteFileSteps(state, plan.files);
    const serving = await planServing(plan, { state, engine, options });
    const isServed = serving.served === undefined || serving.served.fingerprint === plan.next.fingerprint;
    const steps = changes ?? (await noteSteps(plan, state));
    const all = changes === undefined && isServed ? steps : aroundSwitch(steps, serving);
    const { outcome, warnings } =
      all.length === 0
        ? { outcome: {}, warnings: [] }
        : await changeSite({
            ...{ state, identity, engine, options, steps: all, usesEngine: serving.usesEngine },
            tree: plan.files.tree,
            about: { command: 'tls', title: titleOf(changes !== undefined), product: plan.places.product },
            opened: plan.opened,
            facts: factsFor(plan, options.prefix),
          });
    // its certificate is here; one that was asked for by hand as well
    await dropWaiting(state, plan.next.spki);
    const told = changes === undefined && isServed ? [] : serving.warnings;
    return { isChanged: changes !== undefined, ...servedBy(outcome), warnings: [...told, ...warnings] };
  } finally {
    engine?.close();
  }
}

function titleOf(isChanged: boolean): string {
  return isChanged ? 'install the certificate' : 'serve the certificate';
}

interface PlanServingOptions {
  readonly state: SiteState;
  readonly engine: Engine | undefined;
  readonly options: CarryOutTLSSite;
}

/** The release's containers read the folder that the release names, and no other. */
async function planServing(
  { places: { release }, place: { dir }, next, current, name }: TLSPlan,
  { state, engine, options }: PlanServingOptions,
): Promise<ServePlan> {
  const { prefix, probe, probeTimeoutMs, reload: reloadCommand, signal } = options;
  return planServe({
    ...(release?.tls?.dir === dir && { release }),
    ...{ engine, prefix, dir, probe, probeTimeoutMs, reloadCommand, signal },
    policy: await findPolicy(state),
    next: { fingerprint: next.fingerprint, name },
    before: { fingerprint: current?.fingerprint },
  });
}

/** What somebody has put there by hand before is only written down. */
async function noteSteps({ files, places }: TLSPlan, state: SiteState): Promise<readonly Step[]> {
  const known = places.installed?.files ?? [];
  const isKnown = files.files.every(({ file }) =>
    known.some(({ path, digest }) => path === file.path && digest === file.digest),
  );
  if (isKnown) return [];
  const sequence = (await state.findCurrentSequence()) ?? 0;
  const left = places.installed ?? { sequence, tags: [], files: [] };
  const after = { ...left, files: filesAfter(files, left.files) };
  return [installed({ sequence, before: places.installed ?? null, after })];
}

/** For the audit log. */
function factsFor({ place, next, current }: TLSPlan, prefix: string): Readonly<Record<string, unknown>> {
  const { fingerprint, spki, names, notAfter } = next;
  const before = current && { previous: current.fingerprint };
  return { path: hostPath(prefix, place.dir), fingerprint, spki, names, notAfter: formatTime(notAfter), ...before };
}

/** A restart shows a container the new file. */
function servedBy({ serve, recreate = [] }: Outcome): ServedTLS {
  const { reloaded, served } = serve ?? {};
  const told = reloaded?.split(', ') ?? [];
  const left = recreate.filter(({ container }) => !told.includes(`restart ${container}`));
  return {
    ...(reloaded !== undefined && { reloaded }),
    ...(served !== undefined && { served }),
    ...(left.length > 0 && { recreate: left }),
  };
}

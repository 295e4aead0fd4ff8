/**
 * Runs a release: Compose brings its containers up, those that still see an old file are made again, and then their
 * health is waited for. What a failure means is the release's to say (`dataRollback`): databases migrate forward.
 */

import { type Compose, projectContainers } from '../../docker/index.ts';
import { FerryError, messageOf, oneLine } from '../../errors.ts';
import type { Digest } from '../../oci/index.ts';
import { type ActivationRecord, markActivation, recordActivation } from '../activation/activation-record.ts';
import { CLOCK, type Clock, untilUp } from '../activation/health.ts';
import { InstallError } from '../error.ts';
import { findStaleMounts } from '../files/stale-mounts.ts';
import { engineFor, type Site, type Step, type StepKind } from './step.ts';

export interface ActivateData {
  readonly sequence: number;
  readonly release: string;
  readonly project: string;
  /** The compose file and its override, on this host. */
  readonly files: readonly string[];
  /** All services of the compose file. */
  readonly services: readonly string[];
  /** Those that must be up; `null` for all. */
  readonly awaited: readonly string[] | null;
  readonly timeoutSeconds: number;
  readonly settleMs: number;
  /** What is installed, without the prefix: a container that mounts one of these by itself must see it. */
  readonly mounted: readonly { readonly path: string; readonly digest: Digest | null }[];
  /** The release that is left, 0 before the first import, where the mark is kept; `null`: this very one runs anew. */
  readonly left: number | null;
  /** Whether a failure takes the whole transaction back; otherwise it is told and all stays. */
  readonly goesBack: boolean;
  /** What to do about a failure, for people. */
  readonly hint: string;
}

/** The step that runs a release. */
export function activate(data: ActivateData): Step<ActivateData> {
  return { kind: 'activate', name: `run release ${data.release}`, data };
}

/** Compose itself may wait for the health of what others depend on. */
export const UP_MS = 15 * 60 * 1000;

/** The kind, with the clock that it waits by. */
export function activateWith(clock: Clock): StepKind<ActivateData> {
  return {
    isResumable: true,
    apply: async (data, site) => {
      if (data.left !== null) await markActivation(site, data.left);
      const why = await findFailure(data, site, clock);
      if (why === undefined) return tell(data, site, { result: 'healthy' });
      if (data.goesBack) throw activationFailed(data, why);
      const { project, awaited, services } = data;
      await tell(data, site, { result: 'failed', why, project, services: awaited ?? services });
    },
    // the containers are the business of the step `containers`, when names and files are back
    undo: async () => {},
  };
}

export const activateStep = activateWith(CLOCK);

/** The error for a release that does not come up. */
export function activationFailed({ release, hint }: Pick<ActivateData, 'release' | 'hint'>, why: string): InstallError {
  return new InstallError(`run release ${release}: expected all services to be up, got ${oneLine(why)}`, {
    code: 'ACTIVATION_FAILED',
    hint,
    facts: { release, why: oneLine(why) },
  });
}

/** Why it does not run; once containers may be new, an interruption is one more reason. */
async function findFailure(data: ActivateData, site: Site, clock: Clock): Promise<string | undefined> {
  const { signal } = site;
  try {
    await bringUp(data, site);
    const { project, services, awaited, timeoutSeconds, settleMs } = data;
    site.progress.phase('wait for health');
    const look = () => engineFor(site).containers();
    const about = { project, services, settleMs, look, clock, signal, timeoutMs: timeoutSeconds * 1000 };
    return await untilUp({ ...about, ...(awaited !== null && { awaited }) });
  } catch (error) {
    if (signal?.aborted) return 'an interruption';
    if (error instanceof FerryError) return error.message;
    throw error;
  }
}

/** @throws {DockerError} */
async function bringUp(data: ActivateData, site: Site): Promise<void> {
  const engine = engineFor(site);
  const { project, files } = data;
  const options = { timeoutMs: UP_MS + data.timeoutSeconds * 1000, signal: site.signal };
  site.progress.phase('start containers');
  const compose: Compose = await engine.findCompose();
  await compose.up({ project, files }, options);
  const stale = await staleServices(data, site);
  if (stale.length > 0) await compose.up({ project, files }, { ...options, services: stale, isForced: true });
  const orphans = projectContainers(await engine.containers(), project).filter(
    ({ service, state }) => state === 'running' && !data.services.includes(service),
  );
  for (const { name, service } of orphans) {
    site.warn(`${service} is no service of this release and runs on: docker rm --force ${name}`);
  }
}

/** The services of a project with a container that mounts one of these files and sees another one. */
export async function staleServices(
  { project, mounted }: Pick<ActivateData, 'project' | 'mounted'>,
  site: Site,
): Promise<readonly string[]> {
  const stale = new Set((await findStaleMounts(site, mounted)).map(({ container }) => container));
  if (stale.size === 0) return [];
  const containers = projectContainers(await engineFor(site).containers(), project);
  return [...new Set(containers.filter(({ name }) => stale.has(name)).map(({ service }) => service))];
}

/** What came of it: in the result, in the release's folder, in the log. It is so even when it cannot be written. */
async function tell(data: ActivateData, site: Site, record: Omit<ActivationRecord, 'at'>): Promise<void> {
  site.outcome.activation = record.result;
  if (record.why !== undefined) site.outcome.activationWhy = oneLine(record.why);
  try {
    await recordActivation(site, data, record);
  } catch (error) {
    site.warn(`what came of running release ${data.release} could not be written down: ${messageOf(error)}`);
  }
}

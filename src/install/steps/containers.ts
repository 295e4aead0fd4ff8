/**
 * The way back of an activation. Making it changes nothing: it stands before names and files move, so that its undo
 * comes when they are back. Only where activation had begun are containers touched. Old code is started only on data
 * that it can read: where `dataRollback` is `safe`, or where the operator's own command has put the backup back.
 */

import { shellLine } from '../../content/index.ts';
import { type ProjectContainer, projectContainers } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';
import {
  findRestored,
  forgetFailure,
  isMarked,
  markRestored,
  recordActivation,
  runOf,
  unmarkActivation,
} from '../activation/activation-record.ts';
import { activationCommand } from '../activation/compose.ts';
import { type OperatorCommand, runCommand, typed } from '../activation/operator-command.ts';
import { staleServices, UP_MS } from './activate.ts';
import { engineFor, type Site, type Step, type StepKind } from './step.ts';

export interface ContainersData {
  readonly project: string;
  /** Whether the old release runs on the data that the new one leaves. */
  readonly rule: 'safe' | 'restore' | 'none';
  /** What puts the backup back; `null`: the operator, by hand. */
  readonly restore: OperatorCommand | null;
  /** The release that is left, 0 before the first import; its folder keeps the mark. */
  readonly left: { readonly sequence: number; readonly release: string };
  readonly before: ContainersBefore;
  /** The files that change, without the prefix, as they are before. */
  readonly mounted: readonly { readonly path: string; readonly digest: Digest | null }[];
}

/** The containers of the project before anything is changed. */
export interface ContainersBefore {
  /** The files that they were brought up with. */
  readonly files: readonly string[];
  /** Services with a container that runs. */
  readonly running: readonly string[];
  /** All containers of the project, running or not. */
  readonly ids: readonly string[];
}

/** The step that knows the way back. */
export function containers(data: ContainersData): Step<ContainersData> {
  return { kind: 'containers', name: `the containers of ${data.project}`, data };
}

export const containersStep: StepKind<ContainersData> = {
  isResumable: true,
  apply: async () => {},
  undo: async (data, site) => {
    const { left, rule } = data;
    if (!(await isMarked(site, left.sequence))) return;
    const problem = rule === 'safe' ? undefined : await findDataProblem(data, site);
    if (problem === undefined) {
      await bringBack(data, site);
      await forgetFailure(site.state, left.sequence);
    } else await tellWhatIsLeft(data, site, problem);
    await unmarkActivation(site.state, left.sequence);
  },
  settle: async ({ left }, site) => {
    await unmarkActivation(site.state, left.sequence);
  },
};

/** Why old code must not run on the data as it is; `undefined` when it may. What new code runs is stopped. */
async function findDataProblem(data: ContainersData, site: Site): Promise<string | undefined> {
  const { rule, restore, left } = data;
  if (await isRestored(data, site)) return undefined;
  await stopNew(data, site);
  const ran = (await madeSince(data, site)).filter(({ state }) => state !== 'created');
  if (ran.length === 0) return undefined;
  if (rule === 'none' || restore === null) return 'the new release may have changed the data';
  site.progress.phase('put the backup back');
  const problem = await runCommand(restore, site, undefined);
  if (problem !== undefined) return `${restore.words[0]} failed: ${problem}`;
  // a full disk must not hinder the way back: at worst the command runs again
  await markRestored(site, left.sequence, ran.map(runOf)).catch(() => undefined);
  return undefined;
}

/** Whether the data came back before this was cut off, and nothing of the new release has run since. */
async function isRestored(data: ContainersData, site: Site): Promise<boolean> {
  const stopped = await findRestored(site, data.left.sequence);
  if (stopped === undefined) return false;
  const ids = new Set(stopped.map((run) => run.split(' ')[0]));
  const now = (await madeSince(data, site)).filter(({ id }) => ids.has(id));
  return now.every((container) => stopped.includes(runOf(container)));
}

/** New code must not go on changing data that is to be put back. What the activation left alone runs on. */
async function stopNew(data: ContainersData, site: Site): Promise<void> {
  const engine = engineFor(site);
  for (const { id, state } of await madeSince(data, site)) if (state !== 'exited') await engine.stopContainer(id);
}

async function bringBack(data: ContainersData, site: Site): Promise<void> {
  const engine = engineFor(site);
  const { project, before } = data;
  const back = new Set(before.running);
  for (const { id, service } of await madeSince(data, site)) if (!back.has(service)) await engine.removeContainer(id);
  if (before.ids.length === 0) await engine.removeNetworks(project);
  if (back.size === 0) return;
  const compose = await engine.findCompose();
  const options = { timeoutMs: UP_MS, services: before.running };
  site.progress.phase('bring the former containers back');
  await compose.up({ project, files: before.files }, options);
  const stale = await staleServices(data, site);
  const again = before.running.filter((service) => stale.includes(service));
  if (again.length > 0) {
    await compose.up({ project, files: before.files }, { ...options, services: again, isForced: true });
  }
}

/** The containers of the project that were not there before. */
async function madeSince({ project, before }: ContainersData, site: Site): Promise<readonly ProjectContainer[]> {
  const known = new Set(before.ids);
  return projectContainers(await engineFor(site).containers(), project).filter(({ id }) => !known.has(id));
}

/** Names and files are back, containers are not: said here, in the log, and for `status` beside what is back. */
async function tellWhatIsLeft(data: ContainersData, site: Site, problem: string): Promise<void> {
  const why = whatIsLeft(data, site.id, problem);
  site.outcome.activation = 'failed';
  site.outcome.activationWhy = why;
  site.outcome.left = [...(site.outcome.left ?? []), why];
  site.warn(why);
  const { project, before } = data;
  await recordActivation(site, data.left, { result: 'failed', why, project, services: before.running });
}

/** What a person has to do: the data first, then the containers. */
export function whatIsLeft(data: Omit<ContainersData, 'mounted' | 'rule'>, id: string, problem: string): string {
  const { project, before, restore } = data;
  const how = restore === null ? '' : ` (${typed(restore, id)})`;
  const then =
    before.running.length === 0 ? '' : `, then run: ${shellLine(activationCommand({ project, files: before.files }))}`;
  return `images and files are back, the containers of ${project} are stopped: ${problem}; restore the backup${how}${then}`;
}

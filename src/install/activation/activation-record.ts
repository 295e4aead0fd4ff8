/**
 * What is written down about running a release: `activating.json` beside what is left, while containers may be new
 * already (so that whoever undoes knows; also that the data is back), and `activation.json` beside the release, what came of it. FORMAT §7.
 */

import type { EngineContainer } from '../../docker/index.ts';
import { oneLine } from '../../errors.ts';
import type { SiteState, SiteStateReader } from '../../state/index.ts';
import type { Site } from '../steps/step.ts';

const MARK = 'activating.json';
const RECORD = 'activation.json';

/** What became of the last activation of a release. */
export interface ActivationRecord {
  readonly result: 'healthy' | 'failed';
  readonly at: Date;
  /** One line, when it failed. */
  readonly why?: string;
  /** When it failed: the Compose project, and the services that are to run before all is well. */
  readonly project?: string;
  readonly services?: readonly string[];
}

/** From here on containers may be new. @param left the release that is left, 0 for none */
export async function markActivation({ id, state }: Pick<Site, 'id' | 'state'>, left: number): Promise<void> {
  await state.putReleaseDocument({ sequence: left, name: MARK }, { id });
}

/** Whether this transaction has begun to touch containers. */
export async function isMarked({ id, state }: Pick<Site, 'id' | 'state'>, left: number): Promise<boolean> {
  return (await state.findReleaseDocument(left, MARK))?.['id'] === id;
}

/**
 * Writes down that the data is back, so that its restore is not run again over what old code has written since.
 * @param stopped the containers that ran new code, as {@link runOf} tells them
 */
export async function markRestored(
  { id, state }: Pick<Site, 'id' | 'state'>,
  left: number,
  stopped: readonly string[],
): Promise<void> {
  await state.putReleaseDocument({ sequence: left, name: MARK }, { id, restored: true, stopped });
}

/** The containers that ran new code when the data came back; `undefined` while it is not back. */
export async function findRestored(
  { id, state }: Pick<Site, 'id' | 'state'>,
  left: number,
): Promise<readonly string[] | undefined> {
  const mark = await state.findReleaseDocument(left, MARK);
  if (mark?.['id'] !== id || mark['restored'] !== true) return undefined;
  const { stopped } = mark;
  return Array.isArray(stopped) ? stopped.map(String) : [];
}

/** One run of a container: started again, be it by the engine, it is another. */
export function runOf({ id, startedAt = '' }: Pick<EngineContainer, 'id' | 'startedAt'>): string {
  return `${id} ${startedAt}`;
}

/** Containers are what the rest says. */
export async function unmarkActivation(state: SiteState, left: number): Promise<void> {
  await state.removeReleaseFile(left, MARK);
}

/** Writes down what came of it, beside the release and in the audit log. */
export async function recordActivation(
  { state, now }: Pick<Site, 'state' | 'now'>,
  { sequence, release }: { readonly sequence: number; readonly release: string },
  { result, why, project, services }: Omit<ActivationRecord, 'at'>,
): Promise<void> {
  const said = { result, ...(why !== undefined && { why: oneLine(why) }) };
  const wanted = { ...(project !== undefined && { project }), ...(services !== undefined && { services }) };
  await state.putReleaseDocument({ sequence, name: RECORD }, { ...said, ...wanted, at: now.toISOString() });
  await state.appendAudit({ event: 'activation', at: now, facts: { ...said, release, sequence } });
}

/** Its containers are as they were before, so that it once failed is no news; that it was healthy stays true. */
export async function forgetFailure(state: SiteState, sequence: number): Promise<void> {
  if ((await findActivation(state, sequence))?.result === 'failed') await state.removeReleaseFile(sequence, RECORD);
}

/** What became of the last activation of a release by ferry, or `undefined` when there was none. */
export async function findActivation(state: SiteStateReader, sequence: number): Promise<ActivationRecord | undefined> {
  const found = await state.findReleaseDocument(sequence, RECORD);
  if (found === undefined) return undefined;
  const { result, at, why, project, services } = found;
  return {
    result: result === 'healthy' ? 'healthy' : 'failed',
    at: new Date(String(at)),
    ...(typeof why === 'string' && { why }),
    ...(typeof project === 'string' && { project }),
    ...(Array.isArray(services) && { services: services.map(String) }),
  };
}

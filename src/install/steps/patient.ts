/** Work at an engine that may be restarted meanwhile: waited for once, then the work is done again, from its beginning. */

import { type Engine, isEngineLost } from '../../docker/index.ts';
import { engineFor, type Site } from './step.ts';

export interface PatientlyOptions {
  /** Stops the waiting. None in an undo: that never looks at the signal. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param work must be fit to be done again after it broke off anywhere.
 * @throws what the work throws; {DockerError} `ENGINE_NOT_RUNNING`, `ENGINE_CHANGED`
 */
export async function patiently(
  site: Site,
  work: (engine: Engine, isAgain: boolean) => Promise<void>,
  { signal }: PatientlyOptions = {},
): Promise<void> {
  const engine = engineFor(site);
  try {
    await work(engine, false);
  } catch (error) {
    if (!isEngineLost(error) || signal?.aborted) throw error;
    await untilBack(site, signal);
    await work(engine, true);
  }
}

/** Waits for the engine, and says so. @throws as {@link patiently} */
export async function untilBack(site: Site, signal?: AbortSignal): Promise<void> {
  const engine = engineFor(site);
  site.progress.note(`the engine at ${engine.facts.socket} went away: waiting for it`);
  await engine.untilBack(signal);
}

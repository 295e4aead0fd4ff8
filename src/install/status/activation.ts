/**
 * Whether an activation that failed is over by now: a person did by hand what it asked for, and what was to run does run,
 * with the images that are installed. Whether data was put back no container tells: who started them says so.
 */

import { type EngineContainer, projectContainers } from '../../docker/index.ts';
import type { ActivationRecord } from '../activation/activation-record.ts';

/** @param imageIDs of the installed release. One that says not what was to run stays as it is. */
export function isSettled(
  { result, project, services = [] }: Pick<ActivationRecord, 'result' | 'project' | 'services'>,
  containers: readonly EngineContainer[],
  imageIDs: ReadonlySet<string>,
): boolean {
  if (result !== 'failed' || project === undefined || services.length === 0) return false;
  const found = projectContainers(containers, project);
  const isInstalled = ({ imageID }: EngineContainer) => imageID !== undefined && imageIDs.has(imageID);
  return services.every((name) => {
    const those = found.filter(({ service }) => service === name);
    return those.length > 0 && those.every((container) => isInstalled(container) && isUp(container));
  });
}

/** As at the end of the wait: it runs and nothing says that it is ill, or it has ended well. */
function isUp({ state, health, exitCode }: EngineContainer): boolean {
  if (state === 'exited') return exitCode === 0;
  return state === 'running' && (health === 'healthy' || health === 'none');
}

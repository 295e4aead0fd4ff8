/**
 * What runs of a project before an activation, and the files that bring it up again. Compose writes on each container
 * which files it was brought up with: v2 whole paths, v1 as a person typed them, relative to a folder that is written
 * nowhere. A way back that leads to a file that is not there would be stuck for good, so each is looked for first.
 */

import { access } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { COMPOSE_LABELS, type EngineContainer, type ProjectContainer, projectContainers } from '../../docker/index.ts';
import type { ContainersBefore } from '../steps/containers.ts';

/**
 * The project as it runs now, and the files it was brought up with.
 * @param fallback paths that count where the containers do not agree, or name files that are not there
 */
export async function containersBefore(
  all: readonly EngineContainer[],
  project: string,
  fallback: readonly string[],
): Promise<ContainersBefore> {
  const found = projectContainers(all, project);
  const running = found.filter(({ state }) => ['running', 'restarting', 'paused'].includes(state));
  return {
    files: (await findFiles(running)) ?? fallback,
    running: [...new Set(running.map(({ service }) => service))],
    ids: found.map(({ id }) => id),
  };
}

async function findFiles(running: readonly ProjectContainer[]): Promise<readonly string[] | undefined> {
  for (const files of filesOf(running)) {
    const areThere = await Promise.all(files.map(isThere));
    if (areThere.every(Boolean)) return files;
  }
  return undefined;
}

/** The lists that may be meant, the likeliest first; none where containers do not agree. Pure. */
function filesOf(running: readonly ProjectContainer[]): readonly (readonly string[])[] {
  const lists = new Set(running.map(({ labels }) => labels[COMPOSE_LABELS.files] ?? ''));
  const [list] = lists;
  if (lists.size !== 1 || !list) return [];
  const files = list.split(',');
  const folder = running[0]?.labels[COMPOSE_LABELS.folder] ?? '/';
  // the folder is that of the first file, not the one that somebody stood in: `-f etc/atrium/compose.yaml` typed in /
  const nearby = files.map((file) => (file.startsWith('/') ? file : join(folder, basename(file))));
  const below = files.map((file) => (file.startsWith('/') ? file : join(folder, file)));
  return [below, nearby];
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/**
 * Containers of the product that still run an older image than the installed one. That is no fault: without
 * `--activate` an import touches none; so they are named, and want a person only when what they run was revoked.
 */

import { COMPOSE_LABELS, type EngineContainer } from '../../docker/index.ts';
import type { ExpectedImage } from './images.ts';

/** A running container with an older image. */
export interface OldContainer {
  readonly container: string;
  /** As it was named when the container was made. */
  readonly image: string;
  readonly imageId: string;
  /** The release that brought the image, where that is kept here. */
  readonly sequence?: number;
}

export interface OldContainersOptions {
  /** The name of the release's compose project. */
  readonly project: string;
  /** Images of the installed release. */
  readonly images: readonly ExpectedImage[];
  /** Image IDs of the other releases that are kept here, by sequence. */
  readonly others: ReadonlyMap<number, readonly string[]>;
}

/** Finds them. Containers of the project that run images which no release brought are the operator's own. */
export function findOldContainers(
  containers: readonly EngineContainer[],
  { project, images, others }: OldContainersOptions,
): readonly OldContainer[] {
  const current = new Set<string | undefined>(images.map(({ imageID }) => imageID));
  const names = new Set(images.map(({ name }) => name));
  return containers.flatMap(({ name, image, imageID, state, labels }): OldContainer[] => {
    if (labels[COMPOSE_LABELS.project] !== project || state !== 'running' || imageID === undefined) return [];
    const [sequence] = [...others].find(([, ids]) => ids.includes(imageID)) ?? [];
    if (current.has(imageID) || (sequence === undefined && !names.has(image))) return [];
    return [{ container: name, image, imageId: imageID, ...(sequence !== undefined && { sequence }) }];
  });
}

/** The images of the installed release as they are now: does each name still lead to the image that was proven. */

import type { Engine } from '../../docker/index.ts';

/** An image of the installed release. */
export interface StatusImage {
  readonly name: string;
  /** As installed. */
  readonly imageId: string;
  readonly ok: boolean;
  /** `moved`: the name is on another image now; `unknown`: the engine could not be asked. */
  readonly found: 'present' | 'missing' | 'moved' | 'unknown';
  /** Of one that is not `present`: whether the engine still has the image, under another name or none. */
  readonly isHeld?: boolean;
}

/** An image as it was installed. */
export interface ExpectedImage {
  readonly name: string;
  readonly imageID: string;
}

/** Asks the engine for each. */
export async function lookAtImages(
  images: readonly ExpectedImage[],
  engine: Pick<Engine, 'findTag' | 'inventory'>,
): Promise<readonly StatusImage[]> {
  const looked: StatusImage[] = [];
  for (const { name, imageID } of images) looked.push(lookAt(name, imageID, await engine.findTag(name)));
  if (looked.every(({ ok }) => ok)) return looked;
  const held = new Set<string>((await engine.inventory()).images.map(({ id }) => id));
  return looked.map((image) => (image.ok ? image : { ...image, isHeld: held.has(image.imageId) }));
}

/** The same of an engine that nobody can ask. */
export function unknownImages(images: readonly ExpectedImage[]): readonly StatusImage[] {
  return images.map(({ name, imageID }) => ({ name, imageId: imageID, ok: false, found: 'unknown' }));
}

/** The lines for a person. */
export function imageLines(images: readonly StatusImage[]): readonly string[] {
  return images.flatMap(({ name, found, isHeld, imageId }) => {
    if (found === 'present' || found === 'unknown') return [];
    const what = found === 'missing' ? 'has lost its name' : 'is another image than the one installed';
    const gone = found === 'missing' ? 'is not in the engine any more' : `${what}, which is gone`;
    return [`${name} ${isHeld ? `${what} (${imageId.slice(0, 19)} is still here)` : gone}: import the release again`];
  });
}

function lookAt(name: string, imageId: string, now: string | undefined): StatusImage {
  if (now === undefined) return { name, imageId, ok: false, found: 'missing' };
  return { name, imageId, ok: now === imageId, found: now === imageId ? 'present' : 'moved' };
}

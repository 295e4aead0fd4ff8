/** What the images of a release still need in this engine, planned up front; changes nothing. DESIGN decision 5. */

import type { Engine, EngineImage, ImagePlan, Inventory, KnownImage } from '../../docker/index.ts';
import type { ReleaseDocument } from '../../manifest/index.ts';
import type { Digest } from '../../oci/index.ts';

/** What is to be done in the engine. */
export interface EnginePlan {
  /** One for each image of the release, in its order. */
  readonly plans: readonly ImagePlan[];
  /** What has each name now, for the names that will move. */
  readonly holders: ReadonlyMap<string, Digest | undefined>;
}

/** Plans all images of a release up front: a layer of the first is there for the second. Changes nothing. */
export async function planImages(
  engine: Engine,
  images: readonly EngineImage[],
  known: readonly KnownImage[],
): Promise<EnginePlan> {
  let inventory: Inventory = await engine.inventory(known);
  const plans: ImagePlan[] = [];
  for (const image of images) {
    const plan = engine.planImage(inventory, image);
    plans.push(plan);
    if (plan.action === 'load') inventory = engine.withImage(inventory, image);
  }
  const moving = plans.filter(({ tag }) => tag).map(({ image }) => image.name);
  const holders = await Promise.all(moving.map(async (name) => [name, await engine.findTag(name)] as const));
  return { plans, holders: new Map(holders) };
}

/** What a release tells of images that the engine may have. */
export function knownImages(release: ReleaseDocument): readonly KnownImage[] {
  return release.images.flatMap(({ digest, platforms }) =>
    platforms.map(({ manifest, layers }) => ({
      target: digest,
      manifest,
      layers: layers.map((layer) => layer.digest),
    })),
  );
}

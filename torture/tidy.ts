/** What has to go when a run is interrupted: engines, mounts, folders. Each part removes its own when it ends by itself. */

type Removal = () => Promise<unknown>;

const removals = new Set<Removal>();

/** Keeps a removal in mind. Answers a function that removes once, now, and forgets it. */
export function tidyLater(remove: Removal): () => Promise<void> {
  let removed: Promise<unknown> | undefined;
  const once = () => (removed ??= remove());
  removals.add(once);
  return async () => {
    await once();
    removals.delete(once);
  };
}

/** Removes what is still there, what came last first. What can't be removed keeps nothing else from going. */
export async function tidyUp(): Promise<void> {
  for (const remove of [...removals].toReversed()) await remove().catch((error: unknown) => console.error(error));
}

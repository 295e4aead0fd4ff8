/** So many at a time, in order of the list; the first failure stops the rest and is the one that is thrown. */

export interface InParallelOptions {
  /** How many are under way at most. */
  readonly concurrency: number;
  /** Stops everything from outside. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` for each item. When one fails, the signal given to the others is aborted, and all have ended before
 * this throws.
 */
export async function inParallel<T>(
  items: readonly T[],
  { concurrency, signal }: InParallelOptions,
  work: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  const both = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
  const queue = items[Symbol.iterator]();
  let failed: { readonly error: unknown } | undefined;
  const lane = async () => {
    for (const item of queue) {
      try {
        both.throwIfAborted();
        await work(item, both);
      } catch (error) {
        failed ??= { error };
        stop.abort();
        return;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
  if (failed !== undefined) throw failed.error;
}

/**
 * How far a file is written without a gap, while its regions are written in parallel. Pure arithmetic; the one who
 * hashes behind it (chunk-worker.ts) may read everything below.
 */

/** Follows regions that stand one behind the other. */
export interface Frontier {
  /** Region `at` is written up to `offset`, a position in the file. */
  written(at: number, offset: number): void;
}

/**
 * @param ends where each region ends; the first begins at 0, each other where the one before ends.
 * @param moved is told each new frontier, always higher than the last.
 */
export function trackFrontier(ends: readonly number[], moved: (offset: number) => void): Frontier {
  const reached = ends.map((_, at) => ends[at - 1] ?? 0);
  let first = 0;
  let frontier = 0;
  return {
    written(at, offset) {
      reached[at] = offset;
      while (first < ends.length && reached[first] === ends[first]) first++;
      const next = reached[first] ?? ends.at(-1) ?? 0;
      if (next <= frontier) return;
      frontier = next;
      moved(frontier);
    },
  };
}

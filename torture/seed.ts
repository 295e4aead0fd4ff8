/** Chance that can be had again: the same seed gives the same choices on every machine. */

/** A source of numbers in [0, 1), mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** At most `count` of a list, in its order, spread over it by chance: one from each of `count` equal stretches. */
export function pick<T>(list: readonly T[], count: number | undefined, seed: number): T[] {
  if (count === undefined || count >= list.length) return [...list];
  const random = randomFrom(seed);
  const stretch = list.length / count;
  return Array.from({ length: count }, (_, at) => list[Math.floor((at + random()) * stretch)] as T);
}

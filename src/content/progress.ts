/** How far a long thing is: rooms tell, the command line shows. */

/** Told by whoever does the work; must be cheap and must not throw. */
export interface Progress {
  /** A new part of the work begins. `total` is its length in bytes, where known. */
  phase(name: string, total?: number): void;
  /** So many more bytes of the present phase are done. */
  advance(bytes: number): void;
  /** A line for the person watching. */
  note(line: string): void;
}

/** For whoever does not watch. */
export const silentProgress: Progress = { phase: () => {}, advance: () => {}, note: () => {} };

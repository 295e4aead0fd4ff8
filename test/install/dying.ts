/**
 * A process that dies at its nth change of the file system: that call and all later ones never happen, whatever is
 * caught and tidied above them. The calls are Node's own, exchanged for as long as the run takes; the disk is real.
 */

import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const CHANGES = ['mkdir', 'rmdir', 'rm', 'rename', 'link', 'symlink', 'chmod', 'open'] as const;

/** What a process says that is not there any more. */
export class Dead extends Error {}

/**
 * Runs until the change number `at`, from 0, which is not made.
 * @returns how many changes were made; all of them when that is less than `at`.
 */
export async function dieAt(at: number, run: () => Promise<unknown>): Promise<number> {
  let made = 0;
  let isDead = false;
  const restore = exchange(() => {
    isDead ||= made >= at;
    if (isDead) throw new Dead('dead');
    made++;
  });
  try {
    await run();
  } catch (error) {
    if (!isDead) throw error;
  } finally {
    restore();
  }
  return made;
}

/** Counts the changes that a run makes. */
export function countChanges(run: () => Promise<unknown>): Promise<number> {
  return dieAt(Number.POSITIVE_INFINITY, run);
}

function exchange(before: () => void): () => void {
  const calls = fs.promises as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  const real = new Map(CHANGES.map((name) => [name, calls[name] as (typeof calls)[string]]));
  for (const [name, call] of real) {
    calls[name] = async (...args) => {
      // only to write: to look is no change
      if (name !== 'open' || (args[1] !== undefined && typeof args[1] !== 'number')) before();
      return call(...args);
    };
  }
  syncBuiltinESMExports();
  return () => {
    for (const [name, call] of real) calls[name] = call;
    syncBuiltinESMExports();
  };
}

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
  try {
    await exchanged(run, () => {
      isDead ||= made >= at;
      if (isDead) throw new Dead('dead');
      made++;
    });
  } catch (error) {
    if (!isDead) throw error;
  }
  return made;
}

/** Counts the changes that a run makes. */
export function countChanges(run: () => Promise<unknown>): Promise<number> {
  return dieAt(Number.POSITIVE_INFINITY, run);
}

/** One scene, and what is done in it. */
export interface Deaths<T> {
  /** Makes the scene anew. */
  readonly setUp: () => Promise<T>;
  /** Comes before, and lives. @default nothing */
  readonly prepare?: ((scene: T) => Promise<unknown>) | undefined;
  readonly run: (scene: T) => Promise<unknown>;
  /** Looks at what is left. */
  readonly judge: (scene: T) => Promise<void>;
  /** @default nothing */
  readonly tearDown?: ((scene: T) => Promise<unknown>) | undefined;
}

/** Plays a scene once for each change at which its run may die, from the first to the last. @returns how many those are */
export async function forEachDeathOf<T>({ setUp, prepare, run, judge, tearDown }: Deaths<T>): Promise<number> {
  const first = await setUp();
  await prepare?.(first);
  const count = await countChanges(() => run(first));
  for (let at = 0; at <= count; at++) {
    const scene = await setUp();
    await prepare?.(scene);
    const made = await dieAt(at, () => run(scene));
    if (made !== Math.min(at, count)) throw new Error(`expected ${Math.min(at, count)} changes, got ${made}`);
    await judge(scene);
    await tearDown?.(scene);
  }
  return count;
}

/** Does something once, right before the first change from number `at` on that fits. @returns whether it was done */
export async function meddleAt(
  at: number,
  {
    act,
    fits,
    run,
  }: { act: () => Promise<void>; fits: (call: string, to: string) => boolean; run: () => Promise<unknown> },
): Promise<boolean> {
  let seen = 0;
  let isDone = false;
  await exchanged(run, async (call, to) => {
    if (isDone || seen++ < at || !fits(call, to)) return;
    isDone = true;
    await act();
  });
  return isDone;
}

/** Runs on a disk on which nothing new can be named until a path that ends so was taken away. */
export async function withoutRoom(until: string, run: () => Promise<unknown>): Promise<void> {
  let isFull = true;
  await exchanged(run, (call, to) => {
    if (call === 'rm' && to.endsWith(until)) isFull = false;
    if (!isFull || !['mkdir', 'symlink', 'open'].includes(call)) return;
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${call}`), { code: 'ENOSPC' });
  });
}

async function exchanged(
  run: () => Promise<unknown>,
  before: (call: string, to: string) => void | Promise<void>,
): Promise<void> {
  const calls = fs.promises as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
  const real = new Map(CHANGES.map((name) => [name, calls[name] as (typeof calls)[string]]));
  for (const [name, call] of real) {
    calls[name] = async (...args) => {
      // only to write: to look is no change
      if (name !== 'open' || typeof args[1] === 'string') await before(name, String(args[name === 'rename' ? 1 : 0]));
      return call(...args);
    };
  }
  syncBuiltinESMExports();
  try {
    await run();
  } finally {
    for (const [name, call] of real) calls[name] = call;
    syncBuiltinESMExports();
  }
}

/** The parts in the order in which they run and are shown. */
import { badMedium } from './bad-medium.ts';
import { crashes } from './crashes.ts';
import { fullDisk } from './full-disk.ts';
import { loops } from './loops.ts';
import { lostWrites } from './lost-writes.ts';
import { mutations } from './mutations.ts';
import type { Part } from './part.ts';
import { random } from './random.ts';

export const PARTS: readonly Part[] = [crashes, random, lostWrites, mutations, fullDisk, badMedium, loops];

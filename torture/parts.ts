/** The parts in the order in which they run and are shown. */
import { crashes } from './crashes.ts';
import { mutations } from './mutations.ts';
import type { Part } from './part.ts';
import { random } from './random.ts';

export const PARTS: readonly Part[] = [crashes, random, mutations];

/** The parts in the order in which they run and are shown. */
import { crashes } from './crashes.ts';
import type { Part } from './part.ts';

export const PARTS: readonly Part[] = [crashes];

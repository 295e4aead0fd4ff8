/** A clock that stands, waits that take no time and are noted, dice that fall as told. */
import type { Timing } from '../../src/http/index.ts';

export interface TestTiming extends Timing {
  /** Milliseconds since 1970; a wait moves it on. */
  clock: number;
  readonly waits: number[];
}

export function testTiming(random = 0): TestTiming {
  const timing: TestTiming = {
    clock: Date.parse('2026-11-23T12:00:00Z'),
    waits: [],
    now: () => timing.clock,
    random: () => random,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      timing.waits.push(ms);
      timing.clock += ms;
    },
  };
  return timing;
}

/**
 * Kills at random times over an update whose images take a while to load. Every run of it is as long as the undisturbed
 * one within a little: the time of each kill is drawn evenly from one stretch of that, so that all of it is covered.
 */
import { setStages, startLanes, strikeAll } from './crashes.ts';
import type { Part, PartOptions, Row } from './part.ts';
import type { Point } from './point.ts';
import { type Stage, UPDATE } from './scenario.ts';
import { randomFrom } from './seed.ts';
import { begin, struckCommand } from './strike.ts';

const KILLS = 200;
/** In each image, uncompressed: about a second of loading. */
const BALLAST = 24 * 1024 * 1024;

export const random: Part = {
  name: 'random',
  title: 'ferry is killed at random times during an update with larger images',
  run: async (options) => {
    const lanes = await startLanes({ size: BALLAST });
    try {
      return [await strikeAtRandom(await setStages(UPDATE, lanes), options)];
    } finally {
      await Promise.all(lanes.map(({ site }) => site.stop()));
    }
  },
};

async function strikeAtRandom(stages: readonly Stage[], { sample = KILLS, seed, log }: PartOptions): Promise<Row> {
  // both at once, as they will be
  const times = await Promise.all(stages.map(timeOf));
  const longest = Math.max(...times);
  log(`random: an undisturbed update takes ${times.map((time) => `${(time / 1000).toFixed(2)} s`).join(' and ')}`);
  const points = randomPoints(Math.min(sample, KILLS), longest, seed);
  return strikeAll('update, larger images: random times', stages, points, log);
}

async function timeOf(stage: Stage): Promise<number> {
  await begin(stage);
  const started = performance.now();
  await stage.site.ferry(...struckCommand(stage));
  return performance.now() - started;
}

/** One instant from each of `count` equal stretches, in no order. @param length in milliseconds */
export function randomPoints(count: number, length: number, seed: number): Point[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, at) => {
    const after = ((at + random()) / count) * length;
    return { kind: 'time', after, label: `${after.toFixed(1)} ms after the start` };
  });
}

/**
 * The crash matrix: kill -9 at every engine call, every journal write and every other change of a file, for each
 * scenario. Two sites work through the points of each.
 */

import { type Lane, startLane } from './lane.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { listPoints, type Point } from './point.ts';
import { SCENARIOS, type Scenario, type Stage, setStage } from './scenario.ts';
import { pick } from './seed.ts';
import { begin, type Struck, strike, struckCommand } from './strike.ts';

const LANES = 2;

export const crashes: Part = {
  name: 'crashes',
  title: 'ferry is killed at every engine call, journal write and file change',
  run: async (options) => {
    const lanes = await startLanes();
    try {
      const rows: Row[] = [];
      for (const scenario of SCENARIOS) rows.push(...(await crashScenario(scenario, lanes, options)));
      return rows;
    } finally {
      await Promise.all(lanes.map(({ site }) => site.stop()));
    }
  },
};

/** Sites that work side by side. @param options.size of the ballast in each image */
export async function startLanes({ count = LANES, size = 0 } = {}): Promise<Lane[]> {
  return Promise.all(Array.from({ length: count }, () => startLane(size)));
}

const ROWS = [
  ['engine', 'engine calls'],
  ['journal', 'journal writes'],
  ['file', 'other file changes'],
] as const;

/** Every point of a scenario, or a sample of each row. */
export async function crashScenario(scenario: Scenario, lanes: readonly Lane[], options: PartOptions): Promise<Row[]> {
  const { sample, seed, log } = options;
  const stages = await setStages(scenario, lanes);
  const [one] = stages as [Stage];
  const points = await listPoints(one.site, struckCommand(one), () => begin(one));
  const rows: Row[] = [];
  for (const [kind, what] of ROWS) {
    const all = points.filter((point) => point.kind === kind);
    const struck = await strikeAll(`${scenario.name}: ${what}`, stages, pick(all, sample, seed), log);
    rows.push({ ...struck, of: all.length });
  }
  return rows;
}

export const setStages = (scenario: Scenario, lanes: readonly Lane[]): Promise<Stage[]> =>
  Promise.all(lanes.map(({ site, releases }) => setStage(scenario, site, releases)));

/** Each point once, on whichever site is free. */
export async function strikeAll(
  what: string,
  stages: readonly Stage[],
  points: readonly Point[],
  log: (line: string) => void,
): Promise<Row> {
  const done: Struck[] = [];
  const queue = [...points];
  const work = async (stage: Stage) => {
    for (let point = queue.shift(); point !== undefined; point = queue.shift()) {
      const struck = await strike(stage, point).catch(unseen);
      done.push(struck);
      if (struck.is === 'wrong') log(`WRONG ${what}, ${point.label}:${shown(struck.why)}`);
    }
  };
  await Promise.all(stages.map(work));
  const count = (is: Struck['is']) => done.filter((struck) => struck.is === is).length;
  const kills = done.filter(({ isKilled }) => isKilled).length;
  return { what, points: points.length, kills, old: count('old'), new: count('new'), wrong: count('wrong') };
}

/** What cannot even be looked at is wrong; the next point starts from a site that is put back, or made anew. */
function unseen(error: unknown): Struck {
  return {
    isKilled: true,
    is: 'wrong',
    why: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  };
}

const MAX_LINES = 10;

/** So much that one sees what it is. */
function shown(why: readonly string[]): string {
  const lines = why.slice(0, MAX_LINES).map((line) => line.slice(0, 400));
  if (why.length > MAX_LINES) lines.push(`and ${why.length - MAX_LINES} more`);
  return lines.map((line) => `\n    ${line}`).join('');
}

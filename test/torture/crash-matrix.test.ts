// A fixed sample of the crash matrix: every journal write of an update, and some of all other
// points. The whole of it is `npm run torture`. Real processes, real engines; nothing depends on how long anything takes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { setStages, startLanes, strikeAll } from '../../torture/crashes.ts';
import type { Lane } from '../../torture/lane.ts';
import { listPoints, type Point } from '../../torture/point.ts';
import { SCENARIOS, type Stage } from '../../torture/scenario.ts';
import { pick } from '../../torture/seed.ts';
import { begin, struckCommand } from '../../torture/strike.ts';

const SEED = 3;

let lanes: Lane[];

beforeAll(async () => {
  lanes = await startLanes();
});

afterAll(() => Promise.all((lanes ?? []).map(({ site }) => site.stop())));

/** The scenario of which every journal write is struck; the others write theirs by the same steps. */
const WHOLE = ['update'];

function sampleOf(points: readonly Point[], isWhole: boolean): Point[] {
  const of = (kind: Point['kind']) => points.filter((point) => point.kind === kind);
  const answered = of('engine').filter((point) => 'when' in point && point.when !== 'before');
  const written = of('journal').filter((point) => 'call' in point && point.call.name !== 'fsync');
  const [journal, others] = isWhole ? [undefined, 3] : [2, 1];
  return [...pick(written, journal, SEED), ...pick(answered, others, SEED), ...pick(of('file'), others, SEED)];
}

describe('ferry, killed', () => {
  it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
    'in %s, comes to exactly the old or exactly the new, and completes when it is run again',
    async (_name, scenario) => {
      const stages = await setStages(scenario, lanes);
      const [one] = stages as [Stage];
      const points = await listPoints(one.site, struckCommand(one), () => begin(one));
      const chosen = sampleOf(points, WHOLE.includes(scenario.name));
      const said: string[] = [];
      const row = await strikeAll(scenario.name, stages, chosen, (line) => said.push(line));
      expect(said.join('\n')).toBe('');
      expect(row).toMatchObject({ kills: chosen.length, wrong: 0 });
      expect(row.points).toBeGreaterThan(1);
    },
    300_000,
  );
});

// A fixed sample of what `npm run torture` does beside the crash matrix: wrong copies, power cuts, full disks, a stick that
// cannot be read, an engine that dies, a prune and a second import beside an import. Nothing depends on how long anything takes.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tortureMedium } from '../../torture/bad-medium.ts';
import { fillScenario } from '../../torture/full-disk.ts';
import { fillMedium } from '../../torture/full-elsewhere.ts';
import { startLane } from '../../torture/lane.ts';
import { tortureBeside } from '../../torture/loops.ts';
import { cutScenario } from '../../torture/lost-writes.ts';
import { mutations } from '../../torture/mutations.ts';
import type { PartOptions, Row } from '../../torture/part.ts';
import { type Stage, setStage, UPDATE } from '../../torture/scenario.ts';
import type { TortureSite } from '../../torture/site.ts';

const SEED = 11;

let site: TortureSite;
let stage: Stage;

beforeAll(async () => {
  const lane = await startLane();
  site = lane.site;
  stage = await setStage(UPDATE, site, lane.releases);
});

afterAll(() => site?.stop());

/** All as it should be, and how often. */
async function expectRight(torture: (options: PartOptions) => Promise<Row[]>, sample: number): Promise<Row[]> {
  const said: string[] = [];
  const rows = await torture({ sample, seed: SEED, log: (line) => said.push(line) });
  expect(said.join('\n')).toBe('');
  expect(rows.filter(({ wrong, points }) => wrong !== 0 || points === 0)).toEqual([]);
  return rows;
}

// a machine that has much else to do takes its time
describe('a sample of', { timeout: 300_000 }, () => {
  it('wrong copies of a bundle is refused, and leaves nothing', async () => {
    const rows = await expectRight(mutations.run, 150);
    expect(rows.slice(0, 5).reduce((sum, { points }) => sum + points, 0)).toBe(150);
  });

  it('power cuts leaves the old release or the new', async () => {
    const rows = await expectRight((options) => cutScenario(stage, options), 5);
    expect(rows.some((row) => (row.old ?? 0) > 0)).toBe(true);
    expect(rows.some((row) => (row.new ?? 0) > 0)).toBe(true);
  });

  it('full disks of the site leaves the old release or the new', async () => {
    await expectRight((options) => fillScenario(stage, options), 4);
  });

  it('full sticks costs the copy of the receipt and the card', async () => {
    await expectRight(async (options) => [await fillMedium(stage, options)], 2);
  });

  it('sticks that cannot be read changes nothing', async () => {
    await expectRight((options) => tortureMedium(stage, options), 4);
  });

  it('engines that die, prunes and second imports leaves what was signed', async () => {
    await expectRight((options) => tortureBeside(stage, options), 1);
  });
});

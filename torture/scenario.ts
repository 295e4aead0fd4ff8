/**
 * What ferry is killed in the middle of: where a site stands before, the command that is struck, and the command that is
 * to bring it to the new state in the end, the same one in most.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SiteView } from '../test/support/site-view.ts';
import { withoutIdentity } from '../test/support/site-view.ts';
import { makeServed } from './certificate.ts';
import { listPoints, type Point } from './point.ts';
import { FOUND, makeHost, type Releases } from './releases.ts';
import type { Moment, TortureSite } from './site.ts';
import { importingStick, layOutStick } from './stick.ts';

export interface Scenario {
  readonly name: string;
  /** Brings a site that trusts the office, and has nothing, to the old state. */
  makeOld(site: TortureSite, releases: Releases): Promise<void>;
  /** Where `goal` is killed before the struck command is started, of its points; none: nothing is pending then. */
  interruption?(points: readonly Point[]): Point | undefined;
  /** @default the same as `goal` */
  struck?(releases: Releases): readonly string[];
  /** Leads from the old state to the new one. */
  goal(releases: Releases): readonly string[];
  /** The containers of the project are made anew. @default false */
  readonly isActivating?: boolean;
  /** Whether `goal` is done again where the new state is reached already: a second rollback would go back. */
  readonly isGoalLasting: boolean;
}

/** A scenario on a site: its two states, taken from a run that nobody disturbed. */
export interface Stage {
  readonly scenario: Scenario;
  readonly site: TortureSite;
  readonly releases: Releases;
  readonly old: Moment;
  readonly next: SiteView;
  readonly interruption?: Point | undefined;
}

/** Sets a scenario up. @throws when its two states look the same */
export async function setStage(scenario: Scenario, site: TortureSite, releases: Releases): Promise<Stage> {
  const old = await site.keep(scenario.name, () => scenario.makeOld(site, releases));
  await site.ferry(...scenario.goal(releases));
  const next = withoutIdentity(await site.view());
  for (const kind of ['tag', 'file', 'state']) {
    const of = (view: SiteView) => JSON.stringify([...view].filter(([key]) => key.startsWith(kind)));
    if (of(old.view) === of(next)) throw new Error(`${scenario.name}: expected another ${kind} in the new state`);
  }
  const stage = { scenario, site, releases, old, next };
  if (scenario.interruption === undefined) return stage;
  const points = await listPoints(site, scenario.goal(releases), () => site.putBack(old));
  const interruption = scenario.interruption(points);
  if (interruption === undefined) throw new Error(`${scenario.name}: expected a point to start from`);
  return { ...stage, interruption };
}

const importing = (bundle: string): readonly string[] => ['import', bundle, '--yes', '--json'];

/** A host with an operator's own image, container and file under the names that the release takes. */
async function makeFoundHost({ engine, lab }: TortureSite): Promise<void> {
  await makeHost(engine);
  const path = join(lab.prefix, FOUND.path);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, FOUND.text, { mode: 0o644 });
}

async function makeFirst(site: TortureSite, { one }: Releases): Promise<void> {
  await makeFoundHost(site);
  await site.ferry(...importing(one));
}

const FIRST: Scenario = {
  name: 'first import',
  makeOld: makeFoundHost,
  goal: ({ one }) => importing(one),
  isGoalLasting: true,
};

export const UPDATE: Scenario = {
  name: 'update',
  makeOld: makeFirst,
  goal: ({ two }) => importing(two),
  isGoalLasting: true,
};

const FOLDER: Scenario = {
  name: 'update from a folder with an overlay, its certificate served',
  makeOld: async (site, releases) => {
    await layOutStick(site, releases);
    await makeServed(site.lab.prefix);
    await makeFirst(site, releases);
  },
  goal: importingStick,
  isGoalLasting: true,
};

const ROLLING_BACK = ['rollback', '--yes', '--json'] as const;

async function makeSecond(site: TortureSite, releases: Releases): Promise<void> {
  await makeFirst(site, releases);
  await site.ferry(...importing(releases.two));
}

async function makeRolledBack(site: TortureSite, releases: Releases): Promise<void> {
  await makeSecond(site, releases);
  await site.ferry(...ROLLING_BACK);
}

const rollback = (name: string, makeOld: Scenario['makeOld']): Scenario => ({
  name,
  makeOld,
  goal: () => ROLLING_BACK,
  isGoalLasting: false,
});

async function makeRunning(site: TortureSite, { one }: Releases): Promise<void> {
  await makeFoundHost(site);
  await site.ferry(...importing(one), '--activate');
}

const ACTIVATION: Scenario = {
  name: 'activation',
  makeOld: makeRunning,
  goal: ({ two }) => [...importing(two), '--activate'],
  isGoalLasting: true,
  isActivating: true,
};

const recovery = (name: string, interruption: NonNullable<Scenario['interruption']>): Scenario => ({
  ...UPDATE,
  name,
  struck: () => ['recover', '--json'],
  interruption,
});

/** Whichever engine call of this kind came last, when it is done. */
const afterLast = (call: RegExp) => (points: readonly Point[]) =>
  points.findLast((point) => point.kind === 'engine' && point.when === 'after' && call.test(point.label));

const lastJournalWrite = (points: readonly Point[]) => points.findLast(({ kind }) => kind === 'journal');

export const SCENARIOS: readonly Scenario[] = [
  FIRST,
  UPDATE,
  FOLDER,
  rollback('rollback', makeSecond),
  rollback('rollback of a rollback', makeRolledBack),
  rollback('rollback of the first import', makeFirst),
  ACTIVATION,
  recovery('recovery that goes back', afterLast(/POST \/images\/load/)),
  recovery('recovery that goes forward', afterLast(/POST \/images\/.*\/tag/)),
  recovery('recovery that lets go', lastJournalWrite),
];

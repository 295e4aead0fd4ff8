/**
 * What ferry is killed in the middle of: where a site stands before, the command that is struck, and the command that is
 * to bring it to the new state in the end, the same one in most.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { SiteView } from '../test/support/site-view.ts';
import { withoutIdentity } from '../test/support/site-view.ts';
import { FOUND, makeHost, type Releases } from './releases.ts';
import type { Moment, TortureSite } from './site.ts';

export interface Scenario {
  readonly name: string;
  /** Brings a site that trusts the office, and has nothing, to the old state. */
  makeOld(site: TortureSite, releases: Releases): Promise<void>;
  /** From there to where the struck command is started: what it is to recover from. */
  begin?(site: TortureSite, releases: Releases): Promise<void>;
  /** @default the same as `goal` */
  struck?(releases: Releases): readonly string[];
  /** Leads from the old state to the new one. */
  goal(releases: Releases): readonly string[];
  /** Containers are made anew. @default false */
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
  return { scenario, site, releases, old, next };
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

const first: Scenario = {
  name: 'first import',
  makeOld: makeFoundHost,
  goal: ({ one }) => importing(one),
  isGoalLasting: true,
};

const update: Scenario = {
  name: 'update',
  makeOld: makeFirst,
  goal: ({ two }) => importing(two),
  isGoalLasting: true,
};

export const SCENARIOS: readonly Scenario[] = [first, update];

/** One kill and what comes of it: recovery, a look at the site, and the same command again. */
import { jsonResult } from '../test/support/cli.ts';
import {
  auditEvents,
  differences,
  judgeView,
  type SiteView,
  touched,
  withoutIdentity,
} from '../test/support/site-view.ts';
import { type Point, strikeAt } from './point.ts';
import type { Stage } from './scenario.ts';

export interface Struck {
  readonly isKilled: boolean;
  readonly is: 'old' | 'new' | 'wrong';
  /** What is wrong, a line each. */
  readonly why: readonly string[];
}

const withoutMedium = (view: SiteView): SiteView =>
  new Map([...view].filter(([what]) => !what.startsWith('left on the medium ')));

/** Containers of the releases' project. */
const PROJECT = /^\/atrium/;

/** Kills at a point, recovers, judges, completes, judges again. */
export async function strike(stage: Stage, point: Point): Promise<Struck> {
  const { scenario, site, releases, old, next } = stage;
  await begin(stage);
  const before = await site.view();
  const said = await auditEvents(site.lab.stateDir);
  const ran = await strikeAt(point, site, struckCommand(stage));
  const why: string[] = [];
  if (!ran.isKilled && ran.status !== 0) why.push(`not killed, status ${ran.status}: ${ran.stderr.trim()}`);
  const recovered = await finish(stage, ['recover', '--json'], why);
  const view = await site.view();
  // recover knows of no stick: what was cut off there goes with the next import
  const verdict = judgeView(withoutIdentity(withoutMedium(view)), { old: old.view, next });
  if (verdict.is === 'wrong') why.push(...verdict.why);
  else if (contradicts(recovered, verdict.is)) why.push(`recover said ${recovered}, the site is on the ${verdict.is}`);
  if (verdict.is === 'new' && !(await auditEvents(site.lab.stateDir)).slice(said.length).some(isChange)) {
    why.push('new, and the log says nothing of it');
  }
  if (verdict.is !== 'new' || scenario.isGoalLasting) {
    await finish(stage, scenario.goal(releases), why);
    why.push(...differences(withoutIdentity(await site.view()), next).map((line) => `done again: ${line}`));
  }
  why.push(...touched(await site.view(), before, scenario.isActivating ? PROJECT : undefined));
  return { isKilled: ran.isKilled, is: why.length > 0 ? 'wrong' : verdict.is, why };
}

/** Brings the site to where the struck command starts. */
export async function begin({ scenario, site, releases, old, interruption }: Stage): Promise<void> {
  await site.putBack(old);
  if (interruption === undefined) return;
  const ran = await strikeAt(interruption, site, scenario.goal(releases));
  if (!ran.isKilled) throw new Error(`${scenario.name}: expected a kill ${interruption.label}`);
}

/** The command that is killed. */
export function struckCommand({ scenario, releases }: Stage): readonly string[] {
  return (scenario.struck ?? scenario.goal)(releases);
}

/** Runs a command that has to succeed. Answers what it says of a recovery. */
async function finish({ site }: Stage, args: readonly string[], why: string[]): Promise<unknown> {
  try {
    return jsonResult(await site.ferry(...args))['recovered'];
  } catch (error) {
    why.push(error instanceof Error ? error.message.trim() : String(error));
    return undefined;
  }
}

/** Events of the log that tell how a site came to another release. */
const isChange = (event: string): boolean => ['import', 'rollback', 'recovery'].includes(event);

const contradicts = (recovered: unknown, is: 'old' | 'new'): boolean =>
  (recovered === 'finished' && is === 'old') || (recovered === 'undone' && is === 'new');

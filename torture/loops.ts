/**
 * What else goes on beside an import: the engine is killed and comes back, somebody prunes all unused images for as long
 * as it takes, a second import is started, or a dozen. Whoever fails says so in words and leaves the site as it was; whoever
 * is done leaves what was signed, and a prune right after takes none of it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { jsonResult, type Ran } from '../test/support/cli.ts';
import { startFerryGroup } from '../test/support/killed-ferry.ts';
import { differences, judgeView, withoutIdentity } from '../test/support/site-view.ts';
import { finish } from './in-process.ts';
import { withLane } from './lane.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { type Stage, setStage, UPDATE } from './scenario.ts';
import { randomFrom } from './seed.ts';
import type { TortureSite } from './site.ts';
import { begin } from './strike.ts';

const ENGINE_KILLS = 50;
const PRUNES = 20;
const PAIRS = 20;
const MIB = 2 ** 20;

export const loops: Part = {
  name: 'loops',
  title: 'an engine that dies, a prune that never ends, two imports at once',
  run: (options) =>
    withLane(async ({ site, releases }) => tortureBeside(await setStage(UPDATE, site, releases), options), {
      size: 4 * MIB,
    }),
};

/** Rows for an update and what goes on beside it. */
export async function tortureBeside(stage: Stage, options: PartOptions): Promise<Row[]> {
  return [await killEngines(stage, options), await pruneBeside(stage, options), await importTwice(stage, options)];
}

const countOf = (most: number, { sample }: PartOptions): number => Math.min(most, sample ?? most);

/** The engine is killed at some moment and started again: during the import, or when it has ended. */
async function killEngines(stage: Stage, options: PartOptions): Promise<Row> {
  const { site, releases, old, next, scenario } = stage;
  const random = randomFrom(options.seed);
  const span = await timeOf(stage);
  const points = countOf(ENGINE_KILLS, options);
  const ended = { old: 0, new: 0, wrong: 0 };
  for (let i = 0; i < points; i += 1) {
    await begin(stage);
    const afterMs = Math.floor(random() * span);
    const isBackAtOnce = random() < 0.7;
    const importing = start(site, scenario.goal(releases));
    await delay(afterMs);
    await site.engine.kill();
    if (isBackAtOnce) await site.engine.restart();
    const ran = await importing;
    if (!isBackAtOnce) await site.engine.restart();
    const why = wordsOf(ran);
    await finish(site, ['recover', '--json'], why);
    const verdict = judgeView(withoutKiosk(await site.view()), {
      old: withoutKiosk(old.view),
      next: withoutKiosk(next),
    });
    if (verdict.is === 'wrong') why.push(...verdict.why);
    await finish(site, scenario.goal(releases), why);
    why.push(...differences(withoutKiosk(await site.view()), withoutKiosk(next)).map((line) => `done again: ${line}`));
    ended[why.length > 0 ? 'wrong' : verdict.is] += 1;
    if (why.length > 0)
      options.log(`loops: seed ${options.seed}, engine kill ${i + 1} after ${afterMs} ms:\n    ${why.join('\n    ')}`);
  }
  return { what: 'the engine is killed during an import, and started again', points, kills: points, ...ended };
}

/** Another pair of hands, all the time: `docker image prune -a -f`. */
async function pruneBeside(stage: Stage, options: PartOptions): Promise<Row> {
  const { site, releases, next, scenario } = stage;
  const points = countOf(PRUNES, options);
  const ended = { new: 0, wrong: 0 };
  for (let i = 0; i < points; i += 1) {
    await begin(stage);
    const loop = startPruning(site);
    const ran = await start(site, scenario.goal(releases));
    const prunes = await loop.stop();
    const why = ran.status === 0 ? [] : [`status ${ran.status}: ${ran.stderr || ran.stdout}`];
    if (prunes < 2) why.push('no prune came in between');
    why.push(...differences(withoutIdentity(await site.view()), next));
    ended[why.length > 0 ? 'wrong' : 'new'] += 1;
    if (why.length > 0) options.log(`loops: prune ${i + 1} (${prunes} prunes):\n    ${why.join('\n    ')}`);
  }
  return { what: '`docker image prune -a -f` in a loop beside an import, and once after', points, ...ended };
}

function startPruning({ engine }: TortureSite): { readonly stop: () => Promise<number> } {
  let isOver = false;
  let count = 0;
  const prune = async () => {
    await engine.docker('image', 'prune', '-a', '-f').catch((error: unknown) => {
      // the engine does one prune at a time
      if (!String(error).includes('already running')) throw error;
    });
    count += 1;
  };
  const running = (async () => {
    while (!isOver) await prune();
  })();
  const stop = async () => {
    isOver = true;
    await running;
    await prune();
    return count;
  };
  return { stop };
}

/** Two at once: one is done, the other is done too or told who is at it. */
async function importTwice(stage: Stage, options: PartOptions): Promise<Row> {
  const { site, releases, next, scenario } = stage;
  const random = randomFrom(options.seed);
  const points = countOf(PAIRS, options);
  const ended = { new: 0, wrong: 0 };
  let busy = 0;
  for (let i = 0; i < points; i += 1) {
    await begin(stage);
    const first = start(site, scenario.goal(releases));
    await delay(Math.floor(random() * 400));
    const second = start(site, scenario.goal(releases));
    const why: string[] = [];
    const [a, b] = [await first, await second];
    const refused = [a, b].filter(({ status }) => status === 6);
    busy += refused.length;
    if (![a, b].some(({ status }) => status === 0)) why.push('none of the two was done');
    for (const ran of [a, b]) if (ran.status !== 0) why.push(...namesHolder(ran));
    why.push(...differences(withoutIdentity(await site.view()), next));
    ended[why.length > 0 ? 'wrong' : 'new'] += 1;
    if (why.length > 0) options.log(`loops: seed ${options.seed}, pair ${i + 1}:\n    ${why.join('\n    ')}`);
  }
  return {
    what: 'two imports at once',
    points,
    ...ended,
    note: `one told "busy", status 6, and by whom: ${busy} times`,
  };
}

function namesHolder(ran: Ran): string[] {
  const { code, message } = jsonResult(ran);
  const isRight = ran.status === 6 && code === 'LOCKED' && /process \d+/.test(String(message));
  return isRight ? [] : [`status ${ran.status}: ${ran.stderr || ran.stdout}`];
}

function start({ env, proxy }: TortureSite, args: readonly string[]): Promise<Ran> {
  proxy.arm();
  return startFerryGroup(args, { env }).ended;
}

/** How long an import takes here, in milliseconds. */
async function timeOf(stage: Stage): Promise<number> {
  await begin(stage);
  const started = performance.now();
  const { status, stdout } = await start(stage.site, stage.scenario.goal(stage.releases));
  if (status !== 0) throw new Error(`undisturbed: ${stdout}`);
  return performance.now() - started;
}

/** What the engine's death did to what ran: not ferry's doing. */
function withoutKiosk(view: Stage['next']): Stage['next'] {
  return new Map([...withoutIdentity(view)].filter(([key]) => !key.startsWith('container ')));
}

/** Done; or in words that the engine is gone, or that the undo waits for it; never a stack. */
function wordsOf({ status, stdout, stderr }: Ran): string[] {
  if (/^ +at /m.test(stderr)) return [`a stack: ${stderr}`];
  return status === 0 || status === 1 || status === 5 ? [] : [`status ${status}: ${stderr || stdout}`];
}

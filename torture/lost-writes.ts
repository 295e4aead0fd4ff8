/**
 * The power fails. A command is stopped dead before each of its operations in turn, and the disk then holds what the
 * rules of file systems leave of it: nothing that was not synced, everything, or by chance some of it and parts of it.
 * The engine keeps what it has done. After `ferry recover` the site is exactly on the old release or exactly on the new
 * one, the log is a chain, no floor is lower, nothing secret is open, and the command can be done again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { findState, verifyAudit } from '../src/state/index.ts';
import { jsonResult } from '../test/support/cli.ts';
import { differences, judgeView, withoutIdentity } from '../test/support/site-view.ts';
import { DiskModel, type Survival } from './disk-model.ts';
import { command, finish, foldersOf, listOperations } from './in-process.ts';
import { withLane } from './lane.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { SCENARIOS, type Stage, setStage } from './scenario.ts';
import { pick, randomFrom } from './seed.ts';
import type { TortureSite } from './site.ts';
import { begin, struckCommand } from './strike.ts';
import { type Operation, Tap } from './tap.ts';

const SURVIVALS = ['nothing', 'everything', 'something'] as const;
/** Cuts of a scenario: all that differ, or so many. What is left when everything survives is what a kill leaves, too. */
const MOST: Readonly<Partial<Record<(typeof SURVIVALS)[number], number>>> = { everything: 60, something: 80 };
/** Every so many points the command is done again, too. */
const AGAIN_EVERY = 4;

/** A cut: before which operation, and what survives of what was not synced. */
interface Cut {
  readonly at: number;
  readonly survives: (typeof SURVIVALS)[number];
}

export const lostWrites: Part = {
  name: 'lost-writes',
  title: 'power cuts: only what was synced survives',
  run: (options) =>
    withLane(async ({ site, releases }) => {
      const rows: Row[] = [];
      for (const scenario of SCENARIOS.filter(({ isActivating }) => isActivating !== true)) {
        rows.push(...(await cutScenario(await setStage(scenario, site, releases), options)));
      }
      return rows;
    }),
};

/** A row for each way in which a disk may forget. */
export async function cutScenario(stage: Stage, options: PartOptions): Promise<Row[]> {
  const { scenario } = stage;
  const operations = await listOperations(stage);
  const rows: Row[] = [];
  for (const survives of SURVIVALS) {
    const cuts = cutsOf(operations, survives);
    const chosen = pick(cuts, options.sample ?? MOST[survives], options.seed);
    const ended = { old: 0, new: 0, wrong: 0 };
    for (const [i, cut] of chosen.entries()) {
      const { is, why } = await cutPower(stage, cut, { seed: options.seed, isDoneAgain: i % AGAIN_EVERY === 0 });
      ended[is] += 1;
      const lines = why.map((line) => `\n    ${line}`).join('');
      if (is === 'wrong') {
        options.log(
          `lost-writes: ${scenario.name}: ${survives} survives, ${whereIs(cut, operations)}, seed ${options.seed}:${lines}`,
        );
      }
    }
    const what = `power cut, ${survives} unsynced survives: ${scenario.name}`;
    rows.push({ what, points: chosen.length, of: cuts.length, ...ended });
  }
  return rows;
}

/**
 * The cuts that differ from the one before them. What was synced changes with an fsync, and by what the engine was told;
 * all that was done changes with everything but an fsync; chance is chance.
 */
function cutsOf(operations: readonly Operation[], survives: Cut['survives']): Cut[] {
  const cuts: Cut[] = [];
  for (let at = 1; at <= operations.length + 1; at += 1) {
    const last = operations[at - 2]?.kind;
    const isSame = survives === 'nothing' ? last !== 'sync' && last !== 'call' : last === 'sync';
    if (at === 1 || survives === 'something' || !isSame) cuts.push({ at, survives });
  }
  return cuts;
}

interface CutOptions {
  readonly seed: number;
  /** Whether the command is done again after the recovery. */
  readonly isDoneAgain: boolean;
}

/** Cuts the power once and looks at what comes of it. */
async function cutPower(stage: Stage, cut: Cut, options: CutOptions): Promise<Judged> {
  await begin(stage);
  const trust = await trustOf(stage.site);
  await runUntilCut(stage, cut, options.seed);
  const why: string[] = [];
  try {
    const is = await recoverAndLook(stage, { why, trust, ...options });
    return { is: why.length > 0 ? 'wrong' : is, why };
  } catch (error) {
    // what is left cannot even be looked at
    return { is: 'wrong', why: [...why, String(error)] };
  }
}

interface Judged {
  readonly is: 'old' | 'new' | 'wrong';
  /** What is wrong, a line each. */
  readonly why: readonly string[];
}

interface Looking extends CutOptions {
  /** Gets the lines. */
  readonly why: string[];
  /** What the site trusted before. */
  readonly trust: readonly number[];
}

async function recoverAndLook(stage: Stage, { why, trust, isDoneAgain }: Looking): Promise<Judged['is']> {
  const { site, scenario, old, next, releases } = stage;
  const recovered = jsonResult(await finish(site, ['recover', '--json'], why))['recovered'];
  why.push(...(await lookInside(site, trust)));
  const verdict = judgeView(withoutIdentity(await site.view()), { old: old.view, next });
  if (verdict.is === 'wrong') why.push(...verdict.why);
  if ((recovered === 'finished' && verdict.is === 'old') || (recovered === 'undone' && verdict.is === 'new')) {
    why.push(`recover said ${recovered}, the site is on the ${verdict.is}`);
  }
  if (isDoneAgain && (verdict.is === 'old' || scenario.isGoalLasting)) {
    await finish(site, scenario.goal(releases), why);
    why.push(...differences(withoutIdentity(await site.view()), next).map((line) => `done again: ${line}`));
  }
  return verdict.is;
}

/** Leaves the folders as the cut leaves them. */
async function runUntilCut(stage: Stage, { at, survives }: Cut, seed: number): Promise<void> {
  const folders = foldersOf(stage.site);
  const model = new DiskModel(folders);
  const tap = new Tap({
    folders,
    before: (_operation, count) => (count === at ? 'stop' : undefined),
    after: (operation) => model.note(operation),
  });
  await tap.run(() => command(stage.site, struckCommand(stage)));
  const survival: Survival = survives === 'something' ? randomFrom(seed + at) : survives;
  model.cutPower(survival);
  for (const name of ['lock', 'lock.takeover']) loseBoot(join(stage.site.lab.stateDir, name));
}

/** The machine has another boot ID afterwards; here the process that held the lock is still there. */
function loseBoot(path: string): void {
  if (existsSync(path)) writeFileSync(path, readFileSync(path, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"before"'));
}

function whereIs({ at }: Cut, operations: readonly Operation[]): string {
  const operation = operations[at - 1];
  const what = operation === undefined ? 'when all was done' : `before ${operation.kind} ${operation.path}`;
  return `cut ${at} of ${operations.length + 1}, ${what}`;
}

/** The numbers below which the site takes no catalogue. The release floor is in the view: a rollback lowers that. */
async function trustOf({ lab }: TortureSite): Promise<readonly number[]> {
  const trust = await (await findState(lab.stateDir))?.findTrust();
  const { root, chain } = trust ?? {};
  const documents = [root, chain?.timestamp, chain?.snapshot, chain?.targets];
  return documents.map((bytes) => (bytes ? Number(JSON.parse(Buffer.from(bytes).toString()).signed.version) : 0));
}

/** What must hold on either release. */
async function lookInside(site: TortureSite, before: readonly number[]): Promise<string[]> {
  const { stateDir } = site.lab;
  const why: string[] = [];
  const now = await trustOf(site);
  if (now.some((version, i) => version < (before[i] ?? 0))) why.push(`trust was at ${before} and is at ${now}`);
  await verifyAudit(join(stateDir, 'audit.jsonl')).catch((error: unknown) => why.push(String(error)));
  dropTornLines(join(stateDir, 'audit.jsonl'));
  for (const entry of await readdir(stateDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode } = await lstat(path);
    if (!entry.isSymbolicLink() && (mode & 0o077) !== 0) why.push(`${path} has mode ${(mode & 0o7777).toString(8)}`);
  }
  return why;
}

/** A line that the cut tore is part of the chain as it stands (`state/audit.ts`); a view knows whole ones only. */
function dropTornLines(path: string): void {
  const lines = readFileSync(path, 'utf8').split('\n');
  const isWhole = (line: string) => {
    try {
      return line === '' || JSON.parse(line) !== undefined;
    } catch {
      return false;
    }
  };
  writeFileSync(path, lines.filter(isWhole).join('\n'));
}

/**
 * Disks that fill up: the one of the state, that of the files, both at every single operation; the one where the engine
 * keeps its images while it takes one in; the stick. The command says so in words, the site stays as it was or is
 * exactly on the new release, at the latest after `ferry recover` with room again, and the next import completes.
 */
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import type { RanMain } from '../test/support/cli.ts';
import { jsonResult } from '../test/support/cli.ts';
import { differences, judgeView, withoutIdentity } from '../test/support/site-view.ts';
import { fillEngine, fillMedium } from './full-elsewhere.ts';
import { command, finish, foldersOf, listOperations } from './in-process.ts';
import { withLane } from './lane.ts';
import type { Part, PartOptions, Row } from './part.ts';
import { SCENARIOS, type Stage, setStage, UPDATE } from './scenario.ts';
import { pick } from './seed.ts';
import { begin, struckCommand } from './strike.ts';
import { type Operation, systemError, Tap } from './tap.ts';
import { tidyLater } from './tidy.ts';

/** What takes room, where a disk is full and stays so. */
const TAKES_ROOM: readonly Operation['kind'][] = ['create', 'write', 'mkdir', 'symlink', 'link'];
/** What a full disk may refuse once: blocks are given late, and folders grow. */
const MAY_FAIL: readonly Operation['kind'][] = [...TAKES_ROOM, 'sync', 'rename'];

export const fullDisk: Part = {
  name: 'full-disk',
  title: 'disks that fill up',
  run: (options) =>
    withLane(async ({ site, releases }) => {
      const rows: Row[] = [];
      for (const scenario of SCENARIOS.filter(({ isActivating }) => isActivating !== true)) {
        const stage = await setStage(scenario, site, releases);
        rows.push(...(await fillScenario(stage, options)));
        if (scenario === UPDATE) rows.push(await fillMedium(stage, options));
      }
      return [...rows, await fillEngine(options)];
    }),
};

/** In which way a disk is full from an operation on. */
interface How {
  readonly name: string;
  /** What may fail. */
  readonly kinds: readonly Operation['kind'][];
  /** Makes the harm, at the operation. */
  readonly harm: (stage: Stage) => Promise<Harm>;
}

interface Harm {
  /** Called at each operation from the chosen one on. */
  at(operation: Operation, isChosen: boolean): void;
  /** There is room again. */
  end(): Promise<void>;
}

const once: How = {
  name: 'no room for one operation',
  kinds: MAY_FAIL,
  harm: async () => ({
    at: (operation, isChosen) => {
      if (isChosen) throw systemError('ENOSPC', operation);
    },
    end: async () => {},
  }),
};

const forGood: How = {
  name: 'no room from an operation on',
  kinds: TAKES_ROOM,
  harm: async () => ({
    at: (operation) => {
      if (TAKES_ROOM.includes(operation.kind)) throw systemError('ENOSPC', operation);
    },
    end: async () => {},
  }),
};

/** The state and the files on a disk in memory, which is as small as what is on it from the operation on. */
const smallDisk: How = {
  name: 'a real disk that is full from an operation on',
  kinds: TAKES_ROOM,
  harm: async ({ site }) => {
    const disks = await Promise.all([site.lab.stateDir, site.lab.prefix].map(mountDisk));
    let isFull = false;
    return {
      at: () => {
        if (!isFull) for (const disk of disks) disk.fill();
        isFull = true;
      },
      end: async () => {
        for (const disk of disks) await disk.remove();
      },
    };
  },
};

const HOWS: readonly How[] = [once, forGood, smallDisk];

/** A row for each way in which a disk is full. */
export async function fillScenario(stage: Stage, options: PartOptions): Promise<Row[]> {
  const operations = await listOperations(stage);
  const rows: Row[] = [];
  for (const how of HOWS) rows.push(await fillAt(stage, { how, operations, options }));
  return rows;
}

interface Filling {
  readonly how: How;
  /** What an undisturbed run does. */
  readonly operations: readonly Operation[];
  readonly options: PartOptions;
}

async function fillAt(stage: Stage, { how, operations, options }: Filling): Promise<Row> {
  const { sample, seed, log } = options;
  const points = operations.flatMap(({ kind }, i) => (how.kinds.includes(kind) ? [i + 1] : []));
  const chosen = pick(points, sample, seed);
  const ended = { old: 0, new: 0, wrong: 0 };
  for (const point of chosen) {
    const { is, why } = await fillOnce(stage, how, point);
    ended[is] += 1;
    const operation = operations[point - 1];
    const where = `${point} of ${operations.length} (${operation?.kind} ${operation?.path})`;
    if (is === 'wrong') log(`full-disk: ${stage.scenario.name}: ${how.name}: ${where}:\n    ${why.join('\n    ')}`);
  }
  return { what: `${how.name}: ${stage.scenario.name}`, points: chosen.length, of: points.length, ...ended };
}

interface Ended {
  readonly is: 'old' | 'new' | 'wrong';
  readonly why: readonly string[];
}

async function fillOnce(stage: Stage, how: How, point: number): Promise<Ended> {
  const { site } = stage;
  await begin(stage);
  const harm = await how.harm(stage);
  const why: string[] = [];
  try {
    const tap = new Tap({
      folders: foldersOf(site),
      before: (operation, count) => {
        if (operation.kind !== 'read' && operation.kind !== 'call' && count >= point)
          harm.at(operation, count === point);
        return undefined;
      },
    });
    const ran = (await tap.run(() => command(site, struckCommand(stage)))) as RanMain;
    why.push(...wordsOf(ran), ...tap.leftOpen.map((path) => `left open: ${path}`));
  } finally {
    await harm.end();
  }
  try {
    const is = await recoverAndLook(stage, why);
    return { is: why.length > 0 ? 'wrong' : is, why };
  } catch (error) {
    // what is left cannot even be looked at
    return { is: 'wrong', why: [...why, String(error)] };
  }
}

/** @param why gets a line for all that is wrong */
async function recoverAndLook({ site, scenario, releases, old, next }: Stage, why: string[]): Promise<Ended['is']> {
  const recovered = jsonResult(await finish(site, ['recover', '--json'], why))['recovered'];
  const verdict = judgeView(withoutIdentity(await site.view()), { old: old.view, next });
  if (verdict.is === 'wrong') why.push(`recovered: ${String(recovered)}`, ...verdict.why);
  if (verdict.is === 'old' || scenario.isGoalLasting) {
    await finish(site, scenario.goal(releases), why);
    why.push(...differences(withoutIdentity(await site.view()), next).map((line) => `done again: ${line}`));
  }
  return verdict.is;
}

/** Done, perhaps with a warning; or a full disk by its name; never a stack. */
function wordsOf(ran: RanMain): string[] {
  if (/^ +at /m.test(ran.stderr)) return [`a stack: ${ran.stderr}`];
  if (ran.status === 0 || ran.status === 5) return [];
  const { code, message } = jsonResult(ran);
  // what could not be put back on a full disk is put back by recover
  return code === 'UNDO_INCOMPLETE' ? [] : [`status ${ran.status}: ${code}: ${message}`];
}

interface SmallDisk {
  /** Leaves no room on it. */
  fill(): void;
  /** Puts what it holds where it was mounted. */
  remove(): Promise<void>;
}

/** Gives a folder a disk of its own in memory, with what was in the folder. */
async function mountDisk(path: string): Promise<SmallDisk> {
  const beside = `${path}.beside`;
  const sh = (script: string) => execFileSync('sh', ['-ec', script, 'sh', path, beside]);
  sh('cp -a "$1" "$2"; mount -t tmpfs -o size=64m,mode=0700 tmpfs "$1"');
  const remove = tidyLater(async () => {
    sh('mount -o remount,size=64m "$1"; rm -rf "$2"; cp -a "$1" "$2"; umount -l "$1"; rm -rf "$1"; mv "$2" "$1"');
  });
  sh('cp -a "$2"/. "$1"/');
  return {
    fill: () => {
      const { blocks, bfree, bsize } = statfsSync(path);
      execFileSync('mount', ['-o', `remount,size=${(blocks - bfree) * bsize}`, path]);
    },
    remove,
  };
}

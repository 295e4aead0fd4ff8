/**
 * The commands of a scenario run in this process, so that a tap can stand before each of their operations: a second
 * or so quicker than a process of its own, and to the operation the same on every run.
 */
import { type RanMain, runMain } from '../test/support/cli.ts';
import { DiskModel } from './disk-model.ts';
import type { Stage } from './scenario.ts';
import type { TortureSite } from './site.ts';
import { begin, struckCommand } from './strike.ts';
import { type Operation, Tap } from './tap.ts';

/** Runs a command as `bin/ferry` would. */
export function command({ env, proxy }: TortureSite, args: readonly string[]): Promise<RanMain> {
  proxy.arm();
  return runMain(args, { env, now: new Date() });
}

/** Runs a command that has to succeed. @param why gets a line when it doesn't */
export async function finish(site: TortureSite, args: readonly string[], why: string[]): Promise<RanMain> {
  const ran = await command(site, args);
  if (ran.status !== 0) why.push(`ferry ${args[0]}: status ${ran.status}: ${ran.stderr.trim() || ran.stdout.trim()}`);
  return ran;
}

/** What a command changes on disks: the state and the files. */
export const foldersOf = ({ lab }: TortureSite): readonly string[] => [lab.stateDir, lab.prefix];

/**
 * What the struck command does when nobody disturbs it, in order.
 * @throws when a model of the disk that was told of each operation is not as the disk then: something went by unseen
 */
export async function listOperations(stage: Stage): Promise<readonly Operation[]> {
  await begin(stage);
  const folders = foldersOf(stage.site);
  const model = new DiskModel(folders);
  const operations: Operation[] = [];
  const tap = new Tap({
    folders,
    before: (operation) => {
      if (operation.kind !== 'read') operations.push(operation);
      return undefined;
    },
    after: (operation) => model.note(operation),
  });
  const ran = (await tap.run(() => command(stage.site, struckCommand(stage)))) as RanMain;
  if (ran.status !== 0) throw new Error(`${stage.scenario.name}, undisturbed: ${ran.stderr || ran.stdout}`);
  const difference = model.findDifference();
  if (difference !== undefined) throw new Error(`an operation went by unseen: ${difference}`);
  return operations;
}

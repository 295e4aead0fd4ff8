/**
 * The operator's own commands, from `site.yaml`: the one that backs up the product's data and the one that puts it
 * back. They are told the engine and which transaction it is, so that the second finds what the first has made; nothing
 * else of the environment. FORMAT §3 "What it may run".
 */

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { lastWords, type ProgramEnd, runProgram, shellWord } from '../../content/index.ts';
import { messageOf } from '../../errors.ts';
import { engineFor, type Site } from '../steps/step.ts';

/** A command and what it is told. */
export interface OperatorCommand {
  readonly words: readonly string[];
  readonly product: string;
  /** The release that is about to be run. */
  readonly release: string;
  readonly sequence: number;
}

/** A large database takes its time; one that hangs must not hold the site for ever. */
const LIMIT_MS = 12 * 60 * 60 * 1000;

/** Why it cannot be run at all; `undefined` when it can. */
export async function commandProblem([program = '']: readonly string[]): Promise<string | undefined> {
  try {
    await access(program, constants.X_OK);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

/** Runs it; answers why it failed, or `undefined` when it succeeded. @throws the reason of the signal */
export async function runCommand(
  command: OperatorCommand,
  site: Site,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const env = { ...engineFor(site).environment, ...told(command, site.id), FERRY_STATE: site.state.dir };
  const end = await runProgram(command.words, { env, timeoutMs: LIMIT_MS, signal });
  if (end.ended === 'stopped') throw signal?.reason;
  return problemOf(end);
}

function told({ product, release, sequence }: OperatorCommand, id: string): Readonly<Record<string, string>> {
  return {
    FERRY_TRANSACTION: id,
    FERRY_PRODUCT: product,
    FERRY_RELEASE: release,
    FERRY_SEQUENCE: String(sequence),
  };
}

function problemOf(end: ProgramEnd): string | undefined {
  if (end.ended === 'timeout') return `it took longer than ${LIMIT_MS / 3_600_000} hours`;
  return end.status === 0 ? undefined : `status ${end.status}: ${lastWords(end)}`;
}

/** The command as a person types it, with what it has to be told. */
export function typed(command: OperatorCommand, id: string): string {
  const settings = Object.entries(told(command, id)).map(([name, value]) => `${name}=${shellWord(value)}`);
  return [...settings, ...command.words.map(shellWord)].join(' ');
}

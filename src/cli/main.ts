/**
 * The command line, from arguments to an exit status. The one place where an error becomes words: what a room throws on
 * purpose is one line, a hint and a status; anything else is a mistake of ours and shows its stack.
 */
import { CommanderError } from 'commander';
import { FerryError, spellOut } from '../errors.ts';
import { asFerryError } from './errno.ts';
import { CliError } from './error.ts';
import type { Io } from './io.ts';
import { buildProgram } from './program.ts';
import { Session } from './session.ts';
import { wordsFor } from './words.ts';

/** Runs one command. Answers the exit status of FORMAT §8; never throws, never exits. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  const session = new Session(io, argv);
  // Before the options are parsed, so that a wrong option is JSON too.
  session.json = argv.includes('--json');
  try {
    await buildProgram(session).parseAsync(argv, { from: 'user' });
    return session.exit;
  } catch (error) {
    session.stopProgress();
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return tell(session, io.signal.aborted ? interrupted(session, error) : readable(error, argv));
  }
}

/** Whatever the stopped work throws is the stop; but that something could not be undone, or stays, must be seen. */
function interrupted(session: Session, cause: unknown): FerryError {
  if (cause instanceof FerryError && ['UNDO_INCOMPLETE', 'ACTIVATION_FAILED'].includes(cause.code)) return cause;
  const hint = session.kept ?? 'nothing was changed';
  return new CliError('stopped', { code: 'INTERRUPTED', cause, hint });
}

function readable(error: unknown, argv: readonly string[]): unknown {
  if (error instanceof CommanderError) return usage(error, argv);
  return error instanceof FerryError ? error : (asFerryError(error) ?? error);
}

function usage(error: CommanderError, argv: readonly string[]): CliError {
  const [line = ''] = error.message
    .replace(/^error: /, '')
    .replace('is invalid. ', 'is invalid: ')
    .split('\n');
  const isHelp = error.code === 'commander.help';
  const message = isHelp ? 'expected a command, got none' : line.replace(/\.$/, '');
  const path = commandPath(argv);
  const hint = helpHint(error.code === 'commander.unknownCommand' ? path.slice(0, -1) : path);
  return new CliError(message, { code: 'USAGE', cause: error, hint });
}

/** Commands that have commands of their own. */
const GROUPS: readonly (string | undefined)[] = [
  'keys',
  'catalogue',
  'catalog',
  'fleet',
  'site',
  'receipt',
  'audit',
  'license',
  'licence',
  'tls',
];

/** The command that was named, by one word or two. */
function commandPath(argv: readonly string[]): readonly string[] {
  const words = argv.slice(0, GROUPS.includes(argv[0]) ? 2 : 1);
  return words.filter((word) => /^[a-z]/.test(word));
}

/** Whose help shows how. */
function helpHint(path: readonly string[]): string {
  return `\`${['ferry', ...path].join(' ')} --help\` shows how`;
}

function tell(session: Session, error: unknown): number {
  if (!(error instanceof FerryError)) return tellMistake(session, error);
  const several = error.errors.map((one) => told(session, one));
  const all = told(session, error);
  // several things in the way are one failure: its status is that of the worst of them
  const exit = several[0]?.exit ?? all.exit;
  if (session.json) {
    const errors = several.length > 0 && { errors: several };
    session.io.out(JSON.stringify({ event: 'error', ...all, exit, ...errors }));
    return exit;
  }
  for (const { message, hint } of several.length > 0 ? several : [all]) {
    session.io.err(`ferry: error: ${spellOut(message)}`);
    if (hint) session.io.err(`ferry: hint: ${hint}`);
  }
  return exit;
}

/** An error as it is printed. */
function told(session: Session, error: FerryError) {
  const { code, message, facts } = error;
  const { exit, hint: usual } = wordsFor(error);
  const hint = code === 'USAGE' ? (error.hint ?? helpHint(commandPath(session.argv))) : usual;
  return { code, message, hint, exit, ...(hasFacts(facts) && { facts }) };
}

function hasFacts(facts: object): boolean {
  return Object.keys(facts).length > 0;
}

function tellMistake(session: Session, error: unknown): number {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const hint = 'this is a mistake in ferry itself: please report the lines above';
  if (session.json) {
    const message = error instanceof Error ? error.message : String(error);
    session.io.out(JSON.stringify({ event: 'error', code: 'INTERNAL', message, hint, exit: 1 }));
  }
  session.io.err(`ferry: error: ${stack}`);
  session.io.err(`ferry: hint: ${hint}`);
  return 1;
}

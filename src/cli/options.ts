/**
 * The options that several commands share, each declared once: who takes them sees them in its own help. Options that
 * repeat are given again and never swallow what follows them.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError } from './error.ts';
import type { Session } from './session.ts';

const DEFAULT_STATE = '/var/lib/ferry';

/** What every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** What commands of the office take. */
export interface OfficeOptions extends CommonOptions {
  readonly workspace?: string;
  readonly passphraseFile?: string;
  readonly signerCmd?: string;
}

/** What commands of the site take. */
export interface SiteOptions extends CommonOptions {
  readonly state?: string;
  readonly prefix?: string;
}

/** What commands take that may ask. */
export interface QuestionOptions {
  readonly yes?: boolean;
  readonly reason?: string;
}

/** Lines that work as they stand, below a command's help. */
export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', ['', 'Examples:', ...examples.map((line) => `  $ ferry ${line}`)].join('\n'));
}

/** `--json`, on every command. */
export function withJSON(command: Command): Command {
  return command.option('--json', 'print JSON, one object a line; the last is the result or the error');
}

/** `--workspace`, and the two ways to a key. */
export function withOffice(command: Command): Command {
  return withKeys(withWorkspace(command));
}

/** `--workspace`. */
export function withWorkspace(command: Command): Command {
  return command.option('--workspace <dir>', 'the workspace (FERRY_WORKSPACE)');
}

/** `--passphrase-file` and `--signer-cmd`. */
export function withKeys(command: Command): Command {
  command.option('--passphrase-file <file>', 'read the passphrase of the keys from FILE');
  command.option('--signer-cmd <cmd>', 'sign with a program that holds the key');
  return command;
}

/** `--state`. */
export function withState(command: Command): Command {
  return command.option('--state <dir>', `the state of this site (FERRY_STATE, default ${DEFAULT_STATE})`);
}

/** `--prefix`. */
export function withPrefix(command: Command): Command {
  return command.option('--prefix <dir>', 'stands before every path that is installed (FERRY_PREFIX)');
}

/** `--reason`, with the overrides that it is the reason for. */
export function withReason(command: Command): Command {
  return command.option('--reason <text>', 'why, for the receipt and the audit trail');
}

/** `--yes`. */
export function withYes(command: Command): Command {
  return command.option('--yes', 'ask nothing');
}

/** An option that may be given again; the values are a list. */
export function repeated(flags: string, description: string): Option {
  return new Option(flags, `${description} (may be given again)`).argParser(
    (value: string, former: readonly string[] | undefined) => [...(former ?? []), value],
  );
}

/** A whole number of one and more. */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1) throw new InvalidArgumentError('expected a whole number, 1 or more');
  return value;
}

/** Days that something is valid. */
export function days(text: string): number {
  const value = wholeNumber(text);
  if (value > 36_500) throw new InvalidArgumentError('expected a hundred years at most');
  return value;
}

/** The roles that sign (FORMAT §2). */
export const ROLES = ['root', 'targets', 'snapshot', 'timestamp'] as const;

/** A role by its name. @throws {CliError} `USAGE` for another */
export function roleOf(text: string): (typeof ROLES)[number] {
  const role = ROLES.find((name) => name === text);
  if (role !== undefined) return role;
  throw new CliError(`role: expected ${ROLES.join(', ')}, got "${text}"`, { code: 'USAGE' });
}

/** The workspace's folder. @throws {CliError} `USAGE` when neither option nor environment names one */
export function workspaceOf(session: Session, options: OfficeOptions): string {
  const dir = options.workspace ?? session.io.env['FERRY_WORKSPACE'];
  if (dir) return session.path(dir);
  throw new CliError('find the workspace: none is named', {
    code: 'USAGE',
    hint: 'give --workspace DIR or set FERRY_WORKSPACE; `ferry init DIR` makes one',
  });
}

/** The state's folder. */
export function stateOf(session: Session, options: SiteOptions): string {
  return session.path(options.state || session.io.env['FERRY_STATE'] || DEFAULT_STATE);
}

/** What stands before every path that is installed: `/` for the machine itself. */
export function prefixOf(session: Session, options: SiteOptions): string {
  return session.path(options.prefix || session.io.env['FERRY_PREFIX'] || '/');
}

/** The same where somebody names it; where nobody does, a command goes by what the receipt says. */
export function findPrefix(session: Session, options: SiteOptions): string | undefined {
  return options.prefix || session.io.env['FERRY_PREFIX'] ? prefixOf(session, options) : undefined;
}

/** An override and its reason. @throws {CliError} `USAGE` when it comes without one */
export function overrideReason(flag: string, options: QuestionOptions): string {
  if (options.reason?.trim()) return options.reason.trim();
  throw new CliError(`${flag}: an override needs --reason TEXT`, { code: 'USAGE' });
}

/** Pairs `KEY=VALUE` of an option that repeats. @throws {CliError} `USAGE` when one has no `=` */
export function pairs(flag: string, values: readonly string[] = []): Map<string, string> {
  return new Map(
    values.map((text): [string, string] => {
      const at = text.indexOf('=');
      if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
      throw new CliError(`${flag}: expected KEY=VALUE, got "${text}"`, { code: 'USAGE' });
    }),
  );
}

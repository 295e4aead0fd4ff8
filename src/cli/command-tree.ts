/**
 * The commands as data, read from the definitions that parse them: what completion and the man page are made of. What a
 * value is, is told by its placeholder: `<dir>` is a folder, `<bundle>` a path, `<role>` one of a few words.
 */
import type { EventEmitter } from 'node:events';
import type { Argument, Command, Option } from 'commander';
import { ROLES } from './options.ts';

/** What can stand in a place: a path, a folder, one of these words, or something that nobody can guess. */
export type Value = 'path' | 'folder' | 'text' | readonly string[];

export interface OptionNode {
  /** `-h`, where there is one. */
  readonly short: string | undefined;
  readonly long: string;
  readonly description: string;
  /** As help shows it: `--out <dir>`. */
  readonly flags: string;
  /** Absent for a switch. */
  readonly value: Value | undefined;
  readonly isRepeated: boolean;
}

export interface ArgumentNode {
  /** As help shows it: `<bundle>`, `[answers...]`. */
  readonly shown: string;
  readonly name: string;
  readonly description: string;
  readonly value: Value;
  readonly isRepeated: boolean;
}

export interface CommandNode {
  /** From the top: `['ferry', 'keys', 'list']`. */
  readonly path: readonly string[];
  readonly aliases: readonly string[];
  /** All ways to type it, without the first word: `['catalogue list', 'catalog list']`; `['']` for the top. */
  readonly spellings: readonly string[];
  /** A few words, without a full stop. */
  readonly summary: string;
  /** Sentences. */
  readonly description: string;
  readonly options: readonly OptionNode[];
  readonly arguments: readonly ArgumentNode[];
  readonly commands: readonly CommandNode[];
  /** What stands below its help: examples and more. */
  readonly after: string;
}

const PATHS = ['answers', 'bundle', 'card', 'file', 'manifest', 'path', 'receipt', 'request', 'root'];
const FOLDERS = ['dir'];
const WORDS: Readonly<Record<string, readonly string[]>> = {
  role: ROLES,
  'os/arch': ['linux/amd64', 'linux/arm64'],
};

/** All commands below `program`, and itself. */
export function readCommands(program: Command): CommandNode {
  return readCommand(program);
}

/** A command and all below it, top first. */
export function allCommands(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)];
}

/** The same words as in help, where one command has several names. */
export function namesOf({ path, aliases }: CommandNode): readonly string[] {
  return [...path.slice(-1), ...aliases];
}

function readCommand(command: Command, above?: Pick<CommandNode, 'path' | 'spellings'>): CommandNode {
  const names = [command.name(), ...command.aliases()];
  const path = [...(above?.path ?? []), command.name()];
  const spellings = above?.spellings.flatMap((words) => names.map((name) => `${words} ${name}`.trim())) ?? [''];
  return {
    path,
    aliases: command.aliases(),
    spellings,
    summary: command.summary() || firstSentence(command.description()),
    description: command.description(),
    options: command.createHelp().visibleOptions(command).map(readOption),
    arguments: command.registeredArguments.map(readArgument),
    commands: command.commands.map((below) => readCommand(below, { path, spellings })),
    after: textAfter(command),
  };
}

function readOption({ short, long, description, flags, ...option }: Option): OptionNode {
  const [, placeholder] = /^[^<[]*[<[](.+?)(?:\.\.\.)?[>\]]$/.exec(flags) ?? [];
  return {
    short,
    long: long ?? '',
    description,
    flags,
    value: placeholder === undefined ? undefined : (option.argChoices ?? valueFor(placeholder)),
    isRepeated: option.variadic || description.endsWith('(may be given again)'),
  };
}

function readArgument(argument: Argument): ArgumentNode {
  const [open, close] = argument.required ? '<>' : '[]';
  return {
    shown: `${open}${argument.name()}${argument.variadic ? '...' : ''}${close}`,
    name: argument.name(),
    description: argument.description,
    value: argument.argChoices ?? valueFor(argument.name()),
    isRepeated: argument.variadic,
  };
}

function valueFor(placeholder: string): Value {
  if (PATHS.includes(placeholder)) return 'path';
  if (FOLDERS.includes(placeholder)) return 'folder';
  return WORDS[placeholder] ?? 'text';
}

function firstSentence(text: string): string {
  const [sentence = ''] = text.split(/\.(?:\s|$)/);
  return sentence.charAt(0).toLowerCase() + sentence.slice(1);
}

/** commander keeps what `addHelpText` was given as listeners, which write it. */
function textAfter(command: Command): string {
  let text = '';
  const write = (part: string) => {
    text += part;
  };
  (command as unknown as EventEmitter).emit('afterHelp', { error: false, command, write });
  return text.trim();
}

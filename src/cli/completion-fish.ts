/** Completion for fish: one line for each thing that may be typed, with the command at which it may. */
import { allCommands, type CommandNode, namesOf, type OptionNode, type Value } from './command-tree.ts';

/** The script. */
export function fishCompletion(tree: CommandNode): string {
  const commands = allCommands(tree);
  const known = commands.slice(1).flatMap(({ spellings }) => spellings);
  return `# fish completion for ferry; made by: ferry completion fish

function __ferry_command -d 'the words that name the command, as typed'
    set -l command
    for word in (commandline -opc)[2..-1]
        set -l longer (string join ' ' $command $word)
        contains -- $longer ${known.map(quote).join(' ')}
        or break
        set command $longer
    end
    echo $command
end

function __ferry_at -d 'whether the command is one of these'
    contains -- (__ferry_command) $argv
end

complete -c ferry -f
${commands.flatMap(linesOf).join('\n')}
`;
}

function linesOf(node: CommandNode): string[] {
  const at = `-n ${quote(['__ferry_at', ...node.spellings.map((words) => `"${words}"`)].join(' '))}`;
  const below = node.commands.flatMap((one) => namesOf(one).map((name) => `-a ${name} -d ${quote(one.summary)}`));
  const words = node.arguments.map(({ value }) => place(value)).filter((text) => text !== '');
  return [...below, ...node.options.map(option), ...new Set(words)].map((rest) => `complete -c ferry ${at} ${rest}`);
}

function option({ short, long, description, value }: OptionNode): string {
  const names = [...(short ? [`-s ${short.slice(1)}`] : []), `-l ${long.slice(2)}`];
  // `-x` is `-r` without files: the files of the command's own arguments would be offered too
  const taken = value === undefined ? [] : [value === 'path' ? '-r' : '-x', place(value)];
  return [...names, ...taken, `-d ${quote(description)}`].filter((part) => part !== '').join(' ');
}

function place(value: Value): string {
  if (value === 'path') return '-F';
  if (value === 'folder') return `-a '(__fish_complete_directories)'`;
  return value === 'text' ? '' : `-a ${quote(value.join(' '))}`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

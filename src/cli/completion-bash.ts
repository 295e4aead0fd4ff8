/**
 * Completion for bash, 4.0 and later. It needs nothing of the bash-completion package. bash cuts words at `=`, so
 * `--out=dir` comes as three.
 */
import { allCommands, type CommandNode, namesOf, type Value } from './command-tree.ts';

/** The script. */
export function bashCompletion(tree: CommandNode): string {
  const commands = allCommands(tree);
  return `# bash completion for ferry; made by: ferry completion bash

_ferry() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=ferry option='' position=0 word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then continue; fi
    if [[ -n $option ]]; then option=''; continue; fi
    case "$command $word" in
${indent(4, [...commands.flatMap(enterCase), ...optionCases(commands)])}
      *) if [[ $word != -* ]]; then position=$((position + 1)); fi ;;
    esac
  done
  if [[ $current == '=' ]]; then current=''; fi
  COMPREPLY=()
  if [[ -n $option ]]; then
    case "$command $option" in
${indent(6, commands.flatMap(optionValues))}
    esac
  elif [[ $current == -* ]]; then
    case $command in
${indent(6, commands.map(flagsCase))}
    esac
  else
    case "$command $position" in
${indent(6, commands.flatMap(wordCases))}
    esac
  fi
}

_ferry_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current"); }
_ferry_paths() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); }
_ferry_folders() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$current"); }

complete -F _ferry ferry
`;
}

function indent(spaces: number, lines: readonly string[]): string {
  return lines.map((line) => `${' '.repeat(spaces)}${line}`).join('\n');
}

/** The word that leads into a command, under each of its names. */
function enterCase(node: CommandNode): string[] {
  const above = node.path.slice(0, -1);
  if (above.length === 0) return [];
  const patterns = namesOf(node).map((name) => `'${[...above, name].join(' ')}'`);
  return [`${patterns.join(' | ')}) command='${node.path.join(' ')}' ;;`];
}

/** The options that take the next word. */
function optionCases(commands: readonly CommandNode[]): string[] {
  const patterns = commands.flatMap(({ path, options }) =>
    options.filter(({ value }) => value !== undefined).map(({ long }) => `'${path.join(' ')} ${long}'`),
  );
  return [`${patterns.join(' | \\\n      ')}) option=$word ;;`];
}

function optionValues({ path, options }: CommandNode): string[] {
  return options.flatMap(({ long, value }) => reply(`'${path.join(' ')} ${long}'`, value));
}

function flagsCase({ path, options }: CommandNode): string {
  const flags = options.flatMap(({ short, long }) => (short ? [short, long] : [long]));
  return `'${path.join(' ')}') _ferry_words '${flags.join(' ')}' ;;`;
}

function wordCases({ path, commands, arguments: places }: CommandNode): string[] {
  const command = path.join(' ');
  if (commands.length > 0) return reply(`'${command} 0'`, commands.flatMap(namesOf));
  return places.flatMap(({ value, isRepeated }, at) =>
    reply(isRepeated ? `'${command} '*` : `'${command} ${at}'`, value),
  );
}

function reply(pattern: string, value: Value | undefined): string[] {
  if (value === 'path') return [`${pattern}) _ferry_paths ;;`];
  if (value === 'folder') return [`${pattern}) _ferry_folders ;;`];
  return value === undefined || value === 'text' ? [] : [`${pattern}) _ferry_words '${value.join(' ')}' ;;`];
}

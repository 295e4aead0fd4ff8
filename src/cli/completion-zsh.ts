/** Completion for zsh: one function a command, each in the words of `_arguments`, which does the rest. */
import {
  type ArgumentNode,
  allCommands,
  type CommandNode,
  namesOf,
  type OptionNode,
  type Value,
} from './command-tree.ts';

/** The script. */
export function zshCompletion(tree: CommandNode): string {
  const functions = allCommands(tree).map((node) =>
    node.commands.length > 0 ? groupFunction(node) : leafFunction(node),
  );
  return `#compdef ferry
# zsh completion for ferry; made by: ferry completion zsh

${functions.join('\n\n')}

if [[ $funcstack[1] == _ferry ]]; then
  _ferry "$@"
else
  compdef _ferry ferry
fi
`;
}

const nameOf = ({ path }: CommandNode): string => `_${path.join('_')}`;

/** A command that has commands: the first word chooses. */
function groupFunction(node: CommandNode): string {
  const described = node.commands.flatMap((below) => namesOf(below).map((name) => quote(`${name}:${below.summary}`)));
  const chosen = node.commands.map((below) => `    ${namesOf(below).join('|')}) ${nameOf(below)} ;;`);
  return `${nameOf(node)}() {
  local curcontext=$curcontext state line
  local -a commands=(
${described.map((line) => `    ${line}`).join('\n')}
  )
  _arguments -C -S ${node.options.flatMap(optionSpecs).join(' ')} '1: :->command' '*:: :->rest'
  if [[ $state == command ]]; then
    _describe -t commands command commands
    return
  fi
  case $words[1] in
${chosen.join('\n')}
  esac
}`;
}

function leafFunction(node: CommandNode): string {
  const specs = [...node.options.flatMap(optionSpecs), ...node.arguments.map(argumentSpec)];
  return `${nameOf(node)}() {
  _arguments -S \\
    ${specs.join(' \\\n    ')}
}`;
}

function optionSpecs({ short, long, description, value, isRepeated }: OptionNode): string[] {
  const again = isRepeated ? '*' : '';
  const text = `[${escapeSpec(description)}]`;
  const taken = value === undefined ? '' : `:${long.slice(2)}:${action(value)}`;
  const equals = value === undefined ? '' : '=';
  return [...(short ? [short] : []), `${long}${equals}`].map((flag) => quote(`${again}${flag}${text}${taken}`));
}

function argumentSpec({ name, value, isRepeated }: ArgumentNode, at: number): string {
  return quote(`${isRepeated ? '*' : at + 1}:${name}:${action(value)}`);
}

function action(value: Value): string {
  if (value === 'path') return '_files';
  if (value === 'folder') return '_files -/';
  return value === 'text' ? ' ' : `(${value.join(' ')})`;
}

/** In a description `_arguments` reads brackets and colons. */
function escapeSpec(text: string): string {
  return text.replaceAll(/[[\]:\\]/g, '\\$&');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

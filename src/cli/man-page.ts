/** ferry(1) in the macros of man(7), which mandoc and groff both read. */
import { allCommands, type CommandNode } from './command-tree.ts';

export interface ManPageOptions {
  readonly version: string;
  readonly date: Date;
}

/** What a person sets for several commands. Those that only hold an option's value stand with the option. */
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ['FERRY_WORKSPACE', 'The workspace of the office, where --workspace is not given.'],
  ['FERRY_STATE', 'The state of this site, where --state is not given. The default is /var/lib/ferry.'],
  ['FERRY_PREFIX', 'Stands before every path that is installed, where --prefix is not given.'],
  ['DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH', "The engine, as Docker's own client reads them."],
  ['DOCKER_CONFIG, GHCR_TOKEN, GITHUB_TOKEN', 'Where credentials for registries are found.'],
  ['HTTPS_PROXY, HTTP_PROXY, NO_PROXY', 'The proxy of the office.'],
  ['SOURCE_DATE_EPOCH', 'The date that an export writes, so that two exports are one file.'],
];

const FILES: readonly (readonly [string, string])[] = [
  ['/var/lib/ferry', 'What this site trusts, has installed, and did. Nobody edits it.'],
  ['/var/lib/ferry/site.yaml', "The operator's policy: backup, restore, folders, health."],
];

/** The page. */
export function manPage(tree: CommandNode, { version, date }: ManPageOptions): string {
  const commands = allCommands(tree).slice(1);
  const [name = ''] = tree.path;
  const day = date.toISOString().slice(0, 10);
  return `${[
    `.TH ${name.toUpperCase()} 1 "${day}" "${name} ${text(version)}" "User commands"`,
    '.SH NAME',
    text(`${name} - ${tree.description.charAt(0).toLowerCase()}${tree.description.slice(1).replace(/\.$/, '')}`),
    '.SH SYNOPSIS',
    `.B ${name}`,
    '.I command',
    '[options] [arguments]',
    '.SH DESCRIPTION',
    text(tree.description),
    ...section('OPTIONS', optionLines(tree)),
    ...section('COMMANDS', commands.flatMap(commandLines)),
    ...section(
      'ENVIRONMENT',
      ENVIRONMENT.flatMap(([term, meaning]) => tagged(bold(term), meaning)),
    ),
    ...section(
      'FILES',
      FILES.flatMap(([term, meaning]) => tagged(`\\fI${text(term)}\\fR`, meaning)),
    ),
    ...section('EXIT STATUS', afterLines(tree.after.replace(/^Exit status:\n/, ''))),
  ].join('\n')}\n`;
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function commandLines(node: CommandNode): string[] {
  const places = node.arguments.map(({ shown }) => shown);
  const options = node.commands.length > 0 ? ['COMMAND'] : ['[options]', ...places];
  const aliases = node.aliases.map((alias) => [...node.path.slice(0, -1), alias].join(' '));
  return [
    `.SS ${text([...node.path, ...options].join(' '))}`,
    text(node.description),
    ...(aliases.length > 0 ? ['.PP', text(`The same as: ${aliases.join(', ')}`)] : []),
    ...node.arguments.flatMap(({ shown, description }) => tagged(bold(shown), description)),
    ...optionLines(node),
    ...(node.after === '' ? [] : ['.PP', ...afterLines(node.after)]),
  ];
}

function optionLines({ options }: CommandNode): string[] {
  return options
    .filter(({ long }) => long !== '--help')
    .flatMap(({ flags, description }) => tagged(bold(flags), description));
}

/** What stands below a command's help: indented lines as they are, others as paragraphs. */
function afterLines(after: string): string[] {
  const lines: string[] = [];
  let isLiteral = false;
  for (const line of after.split('\n')) {
    if (line === '') {
      if (isLiteral) lines.push('.fi');
      lines.push('.PP');
      isLiteral = false;
      continue;
    }
    if (line.startsWith('  ') !== isLiteral) lines.push(isLiteral ? '.fi' : '.nf');
    isLiteral = line.startsWith('  ');
    lines.push(text(line));
  }
  return isLiteral ? [...lines, '.fi'] : lines;
}

function tagged(term: string, meaning: string): string[] {
  return ['.TP', term, ...(meaning === '' ? [] : [text(meaning)])];
}

function bold(words: string): string {
  return `\\fB${text(words)}\\fR`;
}

/** Text in which nothing is a command: a hyphen is the one that is typed, and no line begins with a dot or a quote. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&')
    .replaceAll('`', '\\(ga')
    .replaceAll('…', '\\[u2026]');
}

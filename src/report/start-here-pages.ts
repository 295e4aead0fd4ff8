/** START-HERE for a terminal, 78 columns of ASCII, and for a browser. */
import { spellOut } from '../errors.ts';
import { GENERATOR, html, type Markup, pageHTML } from './html.ts';
import { type Block, type Section, type StartHereFacts, type Step, startHere } from './start-here.ts';

/** A page by its name on the stick. */
export interface StartHerePage {
  readonly name: string;
  readonly text: string;
  /** Stands near the beginning of every such page, whatever it speaks of. */
  readonly marker: string;
}

const WIDTH = 76;
const MARKER = 'START HERE: ';

/** Both pages. */
export function startHerePages(facts: StartHereFacts): readonly StartHerePage[] {
  return [
    { name: 'START-HERE.html', text: startHereHTML(facts), marker: GENERATOR },
    { name: 'START-HERE.txt', text: startHereText(facts), marker: MARKER },
  ];
}

/** The page for `cat` and `less`. */
export function startHereText(facts: StartHereFacts): string {
  const { title, sections } = startHere(facts);
  const head = spellOut(title);
  const blocks = sections.map(({ title: name, blocks: of }) => {
    return [name, '-'.repeat(name.length), ...of.flatMap((block, at) => [...gap(at), ...textBlock(block)])];
  });
  return [head, '='.repeat(Math.min(head.length, WIDTH)), ...blocks.flatMap((lines) => ['', ...lines]), ''].join('\n');
}

function gap(at: number): string[] {
  return at === 0 ? [] : [''];
}

function textBlock(block: Block): string[] {
  if (block.kind === 'text') return wrap(block.text, '');
  if (block.kind === 'rows') return block.rows.flatMap(([key, words]) => wrap(words, '      ', `  ${key.padEnd(4)}`));
  const lines = block.steps.flatMap(({ command, note }, at) => [
    `  ${at + 1}. ${spellOut(command)}`,
    ...wrap(note, '       '),
    '',
  ]);
  return lines.slice(0, -1);
}

/** Lines of at most {@link WIDTH} columns. */
function wrap(text: string, indent: string, first = indent): string[] {
  const lines: string[] = [];
  let line = first;
  for (const word of spellOut(text).split(' ')) {
    const next = line.trim() === '' || line === first ? `${line}${word}` : `${line} ${word}`;
    if (next.length <= WIDTH || line === first || line === indent) line = next;
    else {
      lines.push(line);
      line = `${indent}${word}`;
    }
  }
  return [...lines, line];
}

const STYLE = `
pre { font-size: 10.5pt; margin: 0; padding: 1.2mm 2.5mm; background: #eee; border-radius: 1mm; white-space: pre-wrap;
  overflow-wrap: anywhere; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
ol { margin: 0 0 2mm; padding-left: 6mm; }
li { margin-bottom: 2mm; break-inside: avoid; }
li p { margin: .8mm 0 0; }
td:first-child { width: 12mm; font-weight: bold; }
`;

/** The page for a browser, and for paper. */
export function startHereHTML(facts: StartHereFacts): string {
  const { title, sections } = startHere(facts);
  const body = html`<h1>${title}</h1>
${sections.map(section)}`;
  return pageHTML({ title, style: STYLE, body });
}

function section({ title, blocks }: Section): Markup {
  return html`<h2>${title}</h2>
${blocks.map(htmlBlock)}
`;
}

function htmlBlock(block: Block): Markup {
  if (block.kind === 'text') return html`<p>${block.text}</p>\n`;
  if (block.kind === 'steps') return html`<ol>\n${block.steps.map(step)}</ol>\n`;
  return html`<table>\n${block.rows.map(([key, words]) => html`<tr><td>${key}</td><td>${words}</td></tr>\n`)}</table>\n`;
}

function step({ command, note }: Step): Markup {
  return html`<li><pre>${command}</pre><p>${note}</p></li>\n`;
}

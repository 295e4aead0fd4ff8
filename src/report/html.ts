/**
 * Pages that print: one file, no script, nothing from elsewhere. Whatever comes in is text: the template spells it out,
 * so no name of an image can be markup, nor turn the line around.
 */
import { spellOut } from '../errors.ts';

/** Markup that is safe as it stands; made by {@link html} alone. */
export class Markup {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }
}

type Value = string | number | Markup | readonly Markup[];

/** A template whose values are text, unless they are markup. */
export function html(pieces: TemplateStringsArray, ...values: readonly Value[]): Markup {
  return new Markup(pieces.reduce((text, piece, at) => text + markup(values[at - 1] ?? '') + piece));
}

function markup(value: Value): string {
  if (value instanceof Markup) return value.toString();
  return Array.isArray(value) ? value.join('') : escapeHTML(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as it may stand in an element or an attribute. */
function escapeHTML(text: string): string {
  return spellOut(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string);
}

export interface Page {
  readonly title: string;
  /** Rules beside those of every page. */
  readonly style: string;
  readonly body: Markup;
}

/** No size: the printer's paper is the page, A4 or Letter. */
const STYLE = `
@page { margin: 12mm 14mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 182mm; padding: 6mm 0; color: #000; background: #fff;
  font: 10pt/1.4 "Liberation Sans", Arial, Helvetica, sans-serif; }
@media print { body { padding: 0; max-width: none; } }
h1 { font-size: 16pt; line-height: 1.2; margin: 0 0 2mm; }
h2 { font-size: 11pt; margin: 5mm 0 1.5mm; padding-top: 1.5mm; border-top: .6pt solid #000; break-after: avoid; }
p { margin: 0 0 1.5mm; }
code, pre, .mono { font-family: "Liberation Mono", "DejaVu Sans Mono", Consolas, monospace; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .6mm 3mm .6mm 0; font-weight: normal; }
`;

/** What tells a page that ferry made. */
export const GENERATOR = '<meta name="generator" content="ferry">';

/** The whole file. A browser may load nothing for it, should it ever come to ask for something. */
export function pageHTML({ title, style, body }: Page): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${GENERATOR}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
<title>${escapeHTML(title)}</title>
<style>${STYLE}${style}</style>
</head>
<body>
${body}
</body>
</html>
`;
}

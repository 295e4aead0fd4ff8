/**
 * The approval sheet: the page that goes another way than the stick, and that a person at the site compares with. One
 * page on A4 and on Letter, whatever is in the release: of many images the list is cut, and says so; the fingerprint and
 * the digests of executables never are.
 */
import { html, type Markup, pageHTML } from './html.ts';

/** What the sheet says. */
export interface SheetFacts {
  readonly product: string;
  readonly release: string;
  readonly sequence: number;
  /** RFC 3339. */
  readonly issued: string;
  readonly importableUntil: Date;
  /** Of the office's root.json. */
  readonly fingerprint: { readonly hex: string; readonly words: readonly string[] };
  readonly executables: readonly {
    readonly name: string;
    readonly version: string;
    readonly platform: string;
    /** 64 lower-case hex digits. */
    readonly sha256: string;
    readonly size: number;
  }[];
  readonly images: readonly {
    readonly name: string;
    /** `sha256:…` of each platform's config: the image ID. */
    readonly configs: readonly string[];
    /** Bytes of its blobs. */
    readonly size: number;
  }[];
  /** Bytes of the tar. */
  readonly size: number;
}

/** So many lines of lists fit on the page beside the rest. */
const LINES = 24;
/** More executables than these take one line each. */
const ROOMY = 4;
/** Longer names lose their middle, where it matters least: registry and tag stay. */
const NAME_LENGTH = 72;

const STYLE = `
body { font-size: 9pt; line-height: 1.3; }
h2 { font-size: 10pt; margin: 3.5mm 0 1mm; padding-top: 1mm; }
p { margin: 0 0 1mm; }
th, td { padding: .35mm 3mm .35mm 0; }
.facts th { width: 32mm; color: #444; }
.key { border: 1pt solid #000; padding: 2.5mm 3mm 1.5mm; margin-top: 2.5mm; break-inside: avoid; }
.key h2 { border: 0; margin: 0 0 1mm; padding: 0; }
.words { display: grid; grid-template-columns: repeat(4, 1fr); gap: .8mm 4mm; margin: 1.5mm 0 2mm; font-size: 12.5pt; }
.words span { white-space: nowrap; }
.words i { font: normal 7pt/1 sans-serif; color: #555; display: inline-block; width: 5mm; }
.hex { font-size: 9.5pt; white-space: nowrap; }
.hex b { font-weight: normal; margin-right: 1.6mm; }
.dense { display: flex; justify-content: space-between; font-size: 8pt; margin: 0; }
.dense .hex { font-size: 8pt; }
.small { font-size: 8pt; }
.list { table-layout: fixed; }
.list td { font-size: 8pt; white-space: nowrap; overflow: hidden; }
.list .n { text-align: right; padding-right: 0; width: 16mm; }
.list .id { width: 28mm; }
.sign { display: grid; grid-template-columns: 1fr 1fr 32mm; gap: 6mm; margin-top: 9mm; break-inside: avoid; }
.sign div { border-top: .6pt solid #000; padding-top: .8mm; font-size: 8pt; color: #444; }
`;

/** The sheet as one HTML file. */
export function sheetHTML(facts: SheetFacts): string {
  const { product, release, sequence } = facts;
  const title = `Approval sheet: ${product} ${release} (sequence ${sequence})`;
  const body = html`<h1>${title}</h1>
<p>Take this page to the site another way than the stick. What ferry asks for there is typed from here.</p>
${factTable(facts)}
${fingerprintBox(facts)}
${executableList(facts)}
${imageList(facts)}
<div class="sign"><div>Approved by (name)</div><div>Signature</div><div>Date</div></div>
`;
  return pageHTML({ title, style: STYLE, body });
}

function factTable({ product, release, sequence, issued, importableUntil, size, images }: SheetFacts): Markup {
  const rows = [
    ['product', product],
    ['release', `${release}, sequence ${sequence}, issued ${issued.slice(0, 10)}`],
    ['importable until', importableUntil.toISOString().slice(0, 10)],
    ['bundle', `${formatSize(size)}, ${images.length} ${images.length === 1 ? 'image' : 'images'}`],
  ] as const;
  return html`<table class="facts">${rows.map(([key, value]) => html`<tr><th>${key}</th><td>${value}</td></tr>`)}</table>`;
}

function fingerprintBox({ fingerprint: { hex, words } }: SheetFacts): Markup {
  return html`<div class="key"><h2>Fingerprint of the office: the 12 words, or the 64 digits</h2>
<div class="words mono">${words.map((word, at) => html`<span><i>${at + 1}</i>${word}</span> `)}</div>
<div class="hex mono">${grouped(hex)}</div>
</div>`;
}

function executableList({ executables }: SheetFacts): Markup {
  if (executables.length === 0) return html``;
  const show = executables.length > ROOMY ? denseExecutable : executable;
  return html`<h2>Programs on the stick: what "sha256sum" must print before one is installed</h2>
${executables.map(show)}`;
}

type Executable = SheetFacts['executables'][number];

function executable({ name, version, size, sha256 }: Executable): Markup {
  return html`<p><b>${name}</b> <span class="small">ferry ${version}, ${formatSize(size)}</span><br>
<span class="hex mono">${grouped(sha256)}</span></p>
`;
}

function denseExecutable({ name, sha256 }: Executable): Markup {
  return html`<p class="dense"><b>${name}</b> <span class="hex mono">${grouped(sha256)}</span></p>
`;
}

function imageList({ images, executables }: SheetFacts): Markup {
  const most = Math.max(0, LINES - linesOf(executables.length));
  const shown = images.length <= most ? images : images.slice(0, Math.max(0, most - 1));
  const more = images.length - shown.length;
  return html`<h2>Contents</h2>
<table class="list">${shown.map(
    ({
      name,
      configs,
      size,
    }) => html`<tr><td>${shorten(name)}</td><td class="id mono">${shortIDs(configs)}</td><td class="n">${formatSize(size)}</td></tr>
`,
  )}</table>
${more > 0 ? html`<p class="small">and ${more} more: <span class="mono">ferry inspect</span> shows all</p>` : html``}`;
}

/** What executables take of the lines for images; three are reckoned with. */
function linesOf(executables: number): number {
  return Math.max(0, executables > ROOMY ? executables - 5 : 3 * (executables - 3));
}

/** Eight digits and eight digits, with room between that is no character: what is copied are 64 digits. */
function grouped(hex: string): readonly Markup[] {
  return (hex.match(/.{1,8}/g) ?? []).map((part) => html`<b>${part}</b>`);
}

/** The first twelve digits of the first ID, and how many there are beside it. */
function shortIDs([first = '', ...others]: readonly string[]): string {
  const short = first.replace(/^sha256:/, '').slice(0, 12);
  return others.length === 0 ? short : `${short} +${others.length}`;
}

function shorten(name: string): string {
  const characters = Array.from(name);
  if (characters.length <= NAME_LENGTH) return name;
  const tail = Math.floor(NAME_LENGTH * 0.6);
  return `${characters.slice(0, NAME_LENGTH - tail - 1).join('')}…${characters.slice(-tail).join('')}`;
}

/** Powers of a thousand, one digit behind the point below ten. */
function formatSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

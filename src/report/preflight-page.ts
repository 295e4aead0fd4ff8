/**
 * The page of a preflight: what was asked, what answered, and below each row that failed what it means and what to do. For
 * whoever runs the firewall, who has no terminal here: printed, or sent as one file.
 */
import { html, type Markup, pageHTML } from './html.ts';

/** A row as it was found. */
export interface PreflightPageRow {
  readonly direction: 'inbound' | 'outbound' | 'internal' | 'host';
  readonly destination: string;
  /** The site's own address, where one was given. */
  readonly at?: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly purpose: string;
  readonly required: boolean;
  readonly when?: string;
  /** null: not checked. */
  readonly ok: boolean | null;
  readonly expected?: 'closed';
  readonly result: string;
  readonly ms: number;
  readonly impact: string;
  readonly remedy?: string;
}

/** What the page says. */
export interface PreflightPageFacts {
  /** Whose requirements these are. */
  readonly of: string;
  readonly made: Date;
  /** Of the ferry that asked. */
  readonly version: string;
  readonly airGapped: boolean;
  readonly ok: boolean;
  readonly counts: {
    readonly ok: number;
    readonly failed: number;
    readonly unchecked: number;
    readonly missing: number;
  };
  readonly rows: readonly PreflightPageRow[];
}

const STYLE = `
table { table-layout: fixed; font-size: 8.5pt; line-height: 1.3; }
td, th { overflow-wrap: anywhere; padding: .8mm 2.5mm .8mm 0; }
thead { display: table-header-group; }
thead th { font-size: 7.5pt; color: #444; border-bottom: .6pt solid #000; }
tbody { break-inside: avoid; }
tbody tr:last-child td { border-bottom: .4pt solid #bbb; }
.s { width: 22mm; } .d { width: 58mm; } .n { width: 17mm; } .t { width: 14mm; text-align: right; }
.s b { display: inline-block; padding: 0 1.2mm; border: .8pt solid #000; }
.s b.bad { background: #000; color: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.s i { font-style: normal; color: #444; }
.said p { margin: 0 0 .6mm; padding-left: 17mm; text-indent: -17mm; }
.said p b { display: inline-block; width: 17mm; text-indent: 0; font-weight: normal; color: #444; }
.sum { border: 1pt solid #000; padding: 2mm 3mm; margin: 2mm 0; }
`;

const TITLES: readonly (readonly [PreflightPageRow['direction'], string])[] = [
  ['inbound', 'Inbound: who reaches this host'],
  ['outbound', 'Outbound: whom this host reaches'],
  ['internal', 'Inside of the stack'],
  ['host', 'This host'],
];

/** The page as one HTML file. */
export function preflightHTML(facts: PreflightPageFacts): string {
  const { of, made, version, airGapped, rows } = facts;
  const title = `Preflight: requirements of ${of}`;
  const mode = airGapped ? 'Isolated site: outbound is expected closed.' : 'Connected site.';
  const body = html`<h1>${title}</h1>
<p>${mode} Asked on ${made.toISOString().slice(0, 16).replace('T', ' ')} UTC by ferry ${version}.</p>
<p class="sum">${summary(facts)}</p>
${TITLES.map(([direction, name]) =>
  group(
    name,
    rows.filter((row) => row.direction === direction),
  ),
)}`;
  return pageHTML({ title, style: STYLE, body });
}

function summary({ ok, counts }: PreflightPageFacts): Markup {
  const { ok: fine, missing, failed, unchecked } = counts;
  const words = ok ? 'Nothing that is required has failed.' : 'Something that is required has failed.';
  return html`<b>${words}</b> ${fine} as they should be, ${missing} required and failed, ${failed - missing} failed and not required, ${unchecked} not checked.`;
}

function group(name: string, rows: readonly PreflightPageRow[]): Markup {
  if (rows.length === 0) return html``;
  return html`<h2>${name}</h2>
<table><thead><tr><th class="s">Result</th><th class="d">Destination</th><th class="n">Port</th><th>Purpose</th><th class="t">Time</th></tr></thead>
${rows.map(rowMarkup)}</table>
`;
}

function rowMarkup(row: PreflightPageRow): Markup {
  const { destination, at, port, protocol, purpose, ms, ok } = row;
  const own = at === undefined ? html`` : html`<br>${at}`;
  const time = ok === null ? '' : ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
  return html`<tbody><tr><td class="s">${state(row)}</td><td class="d">${destination}${own}</td><td class="n">${port === undefined ? '' : `${port} ${protocol ?? ''}`}</td><td>${purpose}</td><td class="t">${time}</td></tr>
<tr class="said"><td></td><td colspan="4">${said(row).map(([label, text]) => html`<p><b>${label}</b>${text}</p>`)}</td></tr></tbody>
`;
}

function state({ ok, required, expected }: PreflightPageRow): Markup {
  if (ok === null) return html`<i>not checked</i>`;
  if (expected === 'closed') return ok ? html`<i>closed</i>` : html`<b>OPEN</b>`;
  if (ok) return html`<b>ok</b>`;
  return required ? html`<b class="bad">FAILED</b>` : html`<b>failed</b>`;
}

function said({ ok, required, when, result, impact, remedy }: PreflightPageRow): (readonly [string, string])[] {
  return [
    ['needed', required ? (when === undefined ? 'required' : `required here: ${when}`) : (when ?? 'not required')],
    ['result', result],
    ['if blocked', impact],
    ...(ok === false && remedy !== undefined ? [['do', remedy] as const] : []),
  ];
}

/** What an import did, for a person. */
import type { ImportResult } from '../install/index.ts';
import { alignColumns, formatBytes, formatUntil } from './format.ts';

/** The lines of the result. */
export function importLines(done: ImportResult, now: Date): string[] {
  return [
    headline(done),
    ...alignColumns(
      [
        ...done.images.map(({ name, action }) => [wordFor(done, action), name]),
        ...done.files.map(({ path, action }) => [wordFor(done, action), path]),
      ],
      '  ',
    ),
    ...alignColumns(factRows(done, now)),
    ...nextLines(done),
  ];
}

function headline({ kind, action, product, release, sequence }: ImportResult): string {
  const what = kind === 'release' ? `${product} ${release} (sequence ${sequence})` : KINDS[kind];
  return `${ACTIONS[action]} ${what}`;
}

const KINDS = { overlay: 'the files of this site', catalogue: 'the catalogue' } as const;
const ACTIONS = { installed: 'installed', present: 'nothing to do, present:', planned: 'would install' } as const;

/** What became of an image or a file; of a plan, what would become of it. */
function wordFor({ action: all }: ImportResult, one: keyof typeof PLANNED): string {
  return all === 'planned' ? PLANNED[one] : one;
}

const PLANNED = {
  loaded: 'to load',
  installed: 'to install',
  present: 'present',
  same: 'same',
  kept: 'kept as it is here',
} as const;

function factRows({ kind, bytesRead, bytesTotal, engine, receipt, composeOverride, ...done }: ImportResult, now: Date) {
  const rows: [string, string][] = [];
  const read = done.action === 'planned' ? 'layers to read' : 'layers read';
  if (kind === 'release') rows.push([read, `${formatBytes(bytesRead)} of ${formatBytes(bytesTotal)}`]);
  if (engine !== undefined)
    rows.push(['engine', `${engine.name} ${engine.version}, ${engine.store} store, ${engine.socket}`]);
  if (composeOverride !== undefined) rows.push(['override', composeOverride]);
  if (receipt !== undefined) rows.push(['receipt', receipt]);
  rows.push(['importable until', formatUntil(done.importableUntil, now)]);
  return rows;
}

/** The command is shown and not run: a bundle is data. */
function nextLines({ activate }: ImportResult): string[] {
  return activate === undefined ? [] : [`to run it: ${activate.join(' ')}`];
}

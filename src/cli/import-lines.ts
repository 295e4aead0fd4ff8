/** What an import did, for a person. */
import type { EngineFacts } from '../docker/index.ts';
import type { ImportResult } from '../install/index.ts';
import { certificateLines } from './certificate-lines.ts';
import { alignColumns, formatBytes, formatUntil, recreateLines } from './format.ts';
import { diffLines, ferryRow, planRows, spaceRows } from './plan-lines.ts';

/** The lines of the result. */
export function importLines(done: ImportResult, now: Date): string[] {
  const { plan } = done;
  return [
    ...recoveredLines(done),
    headline(done),
    ...(plan === undefined ? doneRows(done) : planRows(plan)),
    ...certificateLines(done.tls),
    ...alignColumns(factRows(done, now)),
    ...nextLines(done),
    ...(plan === undefined ? [] : diffLines(plan)),
  ];
}

/** What became of an earlier command that was cut off: it was seen to before anything else. */
function recoveredLines({ recovered }: ImportResult): string[] {
  return recovered ? [`${recovered} first: what an earlier command had left`] : [];
}

/** What became of each image and file. */
function doneRows({ images, files, ferry }: ImportResult): string[] {
  const names = [...images, ...files.map(({ path: name, action }) => ({ name, action }))];
  const rows = names.map(({ name, action }) => [action === 'kept' ? 'kept as it is here' : action, name]);
  return alignColumns([...rows, ...(ferry === undefined ? [] : [ferryRow(ferry, FERRY_DONE)])], '  ');
}

const FERRY_DONE = {
  installed: 'installed',
  same: 'same',
  'kept-newer': 'newer one kept',
  skipped: 'left out',
} as const;

function headline({ kind, action, product, release, sequence }: ImportResult): string {
  const what = kind === 'release' ? `${product} ${release} (sequence ${sequence})` : KINDS[kind];
  return `${ACTIONS[action]} ${what}`;
}

const KINDS = { overlay: 'the files of this site', catalogue: 'the catalogue' } as const;
const ACTIONS = { installed: 'installed', present: 'nothing to do, present:', planned: 'would install' } as const;

function factRows(
  { kind, bytesRead, bytesTotal, engine, receipt, receiptCopy, composeOverride, ...done }: ImportResult,
  now: Date,
) {
  const rows: [string, string][] = [];
  const read = done.action === 'planned' ? 'layers to read' : 'layers read';
  if (kind === 'release') rows.push([read, `${formatBytes(bytesRead)} of ${formatBytes(bytesTotal)}`]);
  if (done.plan !== undefined) rows.push(...spaceRows(done.plan));
  if (done.overlay !== undefined) rows.push(['overlay', done.overlay]);
  if (done.catalogue !== undefined) rows.push(['catalogue', done.catalogue]);
  if (engine !== undefined) rows.push(['engine', describeEngine(engine)]);
  if (composeOverride !== undefined) rows.push(['override', composeOverride]);
  if (receipt !== undefined) rows.push(['receipt', receipt]);
  if (receiptCopy?.path !== undefined) rows.push(['', receiptCopy.path]);
  if (done.cardCopy?.path !== undefined) rows.push(['card', done.cardCopy.path]);
  if (done.previous !== undefined) rows.push(['kept', `${wordsOf(done.previous)}: ferry rollback goes back to it`]);
  rows.push(['importable until', formatUntil(done.importableUntil, now)]);
  return rows;
}

function wordsOf({ release, sequence }: NonNullable<ImportResult['previous']>): string {
  return release === undefined ? 'what was here before' : `${release} (sequence ${sequence})`;
}

function describeEngine({ name, version, store, socket, apiVersion, platform, rootless }: EngineFacts): string {
  const { os, architecture, variant } = platform;
  const runs = [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
  const more = [`API ${apiVersion}`, runs, ...(rootless ? ['rootless'] : [])];
  return `${name} ${version}, ${store} store, ${socket} (${more.join(', ')})`;
}

/** Without --activate the command is shown and not run: a bundle is data, and it is the operator who has it run. */
function nextLines({ activate, activation, ...done }: ImportResult): string[] {
  const stale = recreateLines(done);
  if (activation === 'healthy') return [...stale, 'it runs: all its services are up'];
  return [...stale, ...(activate === undefined ? [] : [`to run it: ${activate.join(' ')}`])];
}

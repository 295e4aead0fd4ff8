/** What a preflight says to a person: a table in 80 columns, by direction, and below each row that failed what it means and what to do. */
import type { PreflightResult, PreflightRow } from '../preflight/index.ts';
import { formatDuration } from './format.ts';

const WIDTH = 79;
const INDENT = ' '.repeat(10);
const LABEL = 7;

const TITLES: readonly (readonly [PreflightRow['direction'], string])[] = [
  ['inbound', 'Inbound: who reaches this host'],
  ['outbound', 'Outbound: whom this host reaches'],
  ['internal', 'Inside of the stack'],
  ['host', 'This host'],
];

/** The lines of the result. */
export function preflightLines(result: PreflightResult): string[] {
  const groups = TITLES.flatMap(([direction, title]) => {
    const rows = result.rows.filter((row) => row.direction === direction);
    return rows.length === 0 ? [] : [title, ...rows.flatMap(rowLines), ''];
  });
  return [...groups, ...wrap(summary(result), '')];
}

function summary({ ok, counts, airGapped }: PreflightResult): string {
  const { ok: fine, missing, failed, unchecked } = counts;
  const parts = [
    `${fine} as ${airGapped ? 'an isolated site wants them' : 'they should be'}`,
    ...(missing > 0 ? [`${missing} required and failed`] : []),
    ...(failed > missing ? [`${failed - missing} failed and not required`] : []),
    ...(unchecked > 0 ? [`${unchecked} not checked`] : []),
  ];
  return `${ok ? 'nothing that is required has failed' : 'something that is required has failed'}: ${parts.join(', ')}`;
}

function rowLines(row: PreflightRow): string[] {
  const time = row.ok === null ? '' : formatDuration(row.ms / 1000);
  const where = `  ${stateOf(row).padEnd(6)}  ${whereOf(row)}`;
  const head =
    where.length + time.length + 2 > WIDTH
      ? [where, ...wrap(time, INDENT)]
      : [where.padEnd(WIDTH - time.length) + time];
  return [
    ...head.map((line) => line.trimEnd()).filter((line) => line !== ''),
    ...wrap(row.purpose, INDENT),
    ...details(row).flatMap(([label, text]) =>
      wrap(text, `${INDENT}${' '.repeat(LABEL)}`, INDENT + label.padEnd(LABEL)),
    ),
  ];
}

function stateOf({ ok, required, expected }: PreflightRow): string {
  if (ok === null) return '-';
  if (expected === 'closed') return ok ? 'closed' : 'OPEN';
  if (ok) return 'ok';
  return required ? 'FAILED' : 'failed';
}

/** As people name it: with its port where that is not in it. */
function whereOf({ direction, destination, at, port }: PreflightRow): string {
  if (at !== undefined) return at;
  if (direction === 'inbound') return `${port} from ${destination}`;
  const isHost = direction === 'outbound' && !/[\s/]/.test(destination) && !/:\d+$/.test(destination);
  return isHost ? `${destination}:${port}` : destination;
}

/** Of a destination that answers nothing more needs to be said. */
function details({ ok, direction, result, impact, remedy, when, expected }: PreflightRow): [string, string][] {
  if (ok === null) return [['why', result]];
  if (ok) return direction === 'outbound' ? [] : [['got', result]];
  return [
    ['got', result],
    ...(when === undefined ? [] : [['when', when] as [string, string]]),
    ...(expected === 'closed' ? [] : [['means', impact] as [string, string]]),
    ...(remedy === undefined ? [] : [['do', remedy] as [string, string]]),
  ];
}

/** Lines of at most {@link WIDTH} columns; a word that is longer stands alone. */
function wrap(text: string, indent: string, first = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(/\s+/)) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
      isEmpty = true;
    }
    line = isEmpty ? `${line}${word}` : `${line} ${word}`;
    isEmpty = false;
  }
  return [...lines, line.trimEnd()];
}

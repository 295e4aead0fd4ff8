/** What happened, as a Markdown table: the same on the terminal and in docs/reliability.md. */
import type { Row } from './part.ts';

const HEAD = ['what', 'points', 'kills', 'ended old', 'ended new', 'wrong', 'note'];

export function formatTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => [
    row.what,
    row.of === undefined || row.of === row.points ? String(row.points) : `${row.points} of ${row.of}`,
    shown(row.kills),
    shown(row.old),
    shown(row.new),
    row.wrong === 0 ? '0' : `**${row.wrong}**`,
    row.note ?? '',
  ]);
  return [HEAD, HEAD.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** How often something ended as it must not. */
export function countWrong(rows: readonly Row[]): number {
  return rows.reduce((sum, { wrong }) => sum + wrong, 0);
}

const shown = (count: number | undefined): string => (count === undefined ? '' : String(count));

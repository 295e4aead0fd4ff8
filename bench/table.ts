/** What was measured, beside what was asked for: a Markdown table, the same on the terminal and in docs/performance.md. */

export interface Row {
  readonly what: string;
  readonly ours: number;
  /** Compared with, where the figure is a ratio. */
  readonly theirs?: number;
  readonly unit: 's' | 'MiB';
  /** The bound on ours/theirs, or on ours where there is nothing to compare with; none where nobody asked for one. */
  readonly target?: number;
  /** Added to `theirs × target`: "that and half a second". */
  readonly allowance?: number;
  readonly note?: string;
}

export function isMet({ ours, theirs, target, allowance = 0 }: Row): boolean {
  if (target === undefined) return true;
  return theirs === undefined ? ours <= target : ours <= theirs * target + allowance;
}

export function formatTable(rows: readonly Row[]): string {
  const head = ['what', 'ferry', 'compared with', 'ratio', 'target', 'met'];
  const lines = rows.map((row) => [
    row.note === undefined ? row.what : `${row.what} (${row.note})`,
    `${number(row.ours)} ${row.unit}`,
    row.theirs === undefined ? '' : `${number(row.theirs)} ${row.unit}`,
    row.theirs === undefined ? '' : number(row.ours / row.theirs),
    bound(row),
    row.target === undefined ? '' : isMet(row) ? 'yes' : 'NO',
  ]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function bound({ target, theirs, unit, allowance }: Row): string {
  if (target === undefined) return '';
  if (theirs === undefined) return `≤ ${target} ${unit}`;
  return allowance === undefined ? `≤ ${target} ×` : `≤ ${target} × + ${allowance} ${unit}`;
}

const number = (value: number): string => value.toFixed(value >= 100 ? 0 : 2);

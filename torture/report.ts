/** Puts the table of a whole run into docs/reliability.md, between its two marks, with what it was made on. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Row } from './part.ts';
import { formatTable } from './table.ts';

const PAGE = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));
const [BEGIN, END] = ['<!-- torture: begin -->', '<!-- torture: end -->'];

/** Replaces what stands between the marks. @throws when the page has no marks */
export async function writeReport(rows: readonly Row[], seed: number): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  await writeFile(PAGE, placeTable(page, `${setting(seed)}\n\n${formatTable(rows)}`));
}

/** The page with another text between its marks. */
export function placeTable(page: string, text: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/reliability.md: expected ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n${text}\n${page.slice(end)}`;
}

function setting(seed: number): string {
  const engine = execFileSync('/usr/sbin/dockerd', ['--version'], { encoding: 'utf8' });
  const version = /version ([^, ]+)/.exec(engine)?.[1] ?? 'unknown';
  const date = new Date().toISOString().slice(0, 10);
  return `${date}, Docker Engine ${version}, Node.js ${process.versions.node}, ${cpus().length} cores, seed ${seed}.`;
}

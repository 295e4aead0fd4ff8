/** Puts the table of runs into docs/reliability.md, between its two marks, with what it was made on. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Row } from './part.ts';
import { formatTable } from './table.ts';

const PAGE = fileURLToPath(new URL('../docs/reliability.md', import.meta.url));
const [BEGIN, END] = ['<!-- torture: begin -->', '<!-- torture: end -->'];

/** What a run has found, as `--save` keeps it. */
export interface Run {
  readonly seed: number;
  readonly rows: readonly Row[];
}

/** Keeps a run for `--write`. */
export async function saveRun(path: string, run: Run): Promise<void> {
  await writeFile(path, `${JSON.stringify(run, null, 2)}\n`);
}

/** Runs that were saved, in this order. */
export async function readRuns(paths: readonly string[]): Promise<Run[]> {
  return Promise.all(paths.map(async (path) => JSON.parse(await readFile(path, 'utf8')) as Run));
}

/** Replaces what stands between the marks by what these runs have found. @throws when the page has no marks */
export async function writeReport(runs: readonly Run[]): Promise<void> {
  const page = await readFile(PAGE, 'utf8');
  const rows = runs.flatMap((run) => run.rows);
  const seeds = [...new Set(runs.map(({ seed }) => seed))];
  await writeFile(PAGE, placeTable(page, `${setting(seeds)}\n\n${formatTable(rows)}`));
}

/** The page with another text between its marks. */
export function placeTable(page: string, text: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`docs/reliability.md: expected ${BEGIN} and ${END}`);
  return `${page.slice(0, begin)}${BEGIN}\n${text}\n${page.slice(end)}`;
}

function setting(seeds: readonly number[]): string {
  const engine = execFileSync('/usr/sbin/dockerd', ['--version'], { encoding: 'utf8' });
  const version = /version ([^, ]+)/.exec(engine)?.[1] ?? 'unknown';
  const date = new Date().toISOString().slice(0, 10);
  const word = seeds.length === 1 ? 'seed' : 'seeds';
  return `${date}, Docker Engine ${version}, Node.js ${process.versions.node}, ${cpus().length} cores, ${word} ${seeds.join(', ')}.`;
}

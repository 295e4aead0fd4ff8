/**
 * `npm run torture`: harm of every kind, done to real processes and engines, and the table of docs/reliability.md. It
 * ends with 1 when anything was wrong. `--only crashes,random` runs some parts; `--sample N` does at most N points of
 * each row, and the table says of how many; `--seed N` makes the choices of an earlier run. `--write` puts the table of
 * all parts into docs/reliability.md; `--save FILE` keeps what some have found, `--from FILE` (again and again) writes it.
 */
import { parseArgs } from 'node:util';
import type { Part, Row } from './part.ts';
import { PARTS } from './parts.ts';
import { readRuns, saveRun, writeReport } from './report.ts';
import { countWrong, formatTable } from './table.ts';
import { tidyUp } from './tidy.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    write: { type: 'boolean' },
    save: { type: 'string' },
    from: { type: 'string', multiple: true },
  },
});
const seed = wholeNumber('seed', values.seed) ?? Date.now() % 2 ** 31;
const sample = wholeNumber('sample', values.sample);
const parts = chosen(values.only);
if (values.write && values.only !== undefined) throw new RangeError('--write: all parts make the table');
if (values.from !== undefined) {
  await writeReport(await readRuns(values.from));
  process.exit();
}

const log = (line: string): void => console.error(line);
console.log(`seed ${seed}${sample === undefined ? '' : `, at most ${sample} points a row`}`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void tidyUp().finally(() => process.exit(130)));
}
const rows: Row[] = [];
try {
  for (const part of parts) {
    log(`${part.name}: ${part.title}`);
    const started = performance.now();
    rows.push(...(await part.run({ sample, seed, log })));
    log(`${part.name}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
  }
} finally {
  await tidyUp();
}
console.log(formatTable(rows));
if (values.save !== undefined) await saveRun(values.save, { seed, rows });
if (values.write) await writeReport([{ seed, rows }]);
if (countWrong(rows) > 0) process.exitCode = 1;

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`--${name}: expected a whole number, got "${text}"`);
  return Number(text);
}

function chosen(only: string | undefined): readonly Part[] {
  if (only === undefined) return PARTS;
  return only.split(',').map((name) => {
    const part = PARTS.find((known) => known.name === name);
    if (part === undefined)
      throw new RangeError(`--only: expected ${PARTS.map((p) => p.name).join(', ')}, got "${name}"`);
    return part;
  });
}

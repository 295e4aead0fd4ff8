/**
 * `npm run bench`: the figures of docs/performance.md, all from one run on this machine. `--large` adds exports of 5 and
 * 20 GB; `--only export,verify,import,fleet,growth` runs some parts; `--ferry PATH` measures another ferry, the executable say.
 */

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { benchExport } from './export.ts';
import { benchFleet } from './fleet.ts';
import { benchGrowth } from './growth.ts';
import { benchImport } from './import.ts';
import { FERRY, startSetting } from './setting.ts';
import { formatTable, isMet, type Row } from './table.ts';
import { benchVerify } from './verify.ts';

const { values } = parseArgs({
  options: { large: { type: 'boolean' }, only: { type: 'string' }, ferry: { type: 'string' } },
});
const wants = (part: string): boolean => values.only === undefined || values.only.split(',').includes(part);

const sha = / sha_ni /.test(readFileSync('/proc/cpuinfo', 'utf8')) ? 'with SHA extensions' : 'without SHA extensions';
console.log(`${cpus().length} × ${cpus()[0]?.model}, ${sha}; medians of 5, in turn, in one run\n`);

const setting = await startSetting(values.ferry === undefined ? FERRY : resolve(values.ferry));
try {
  const rows: Row[] = [];
  if (wants('export')) rows.push(...(await benchExport(setting)));
  if (wants('verify')) rows.push(...(await benchVerify(setting)));
  if (wants('import')) rows.push(...(await benchImport(setting)));
  if (wants('fleet')) rows.push(...(await benchFleet(setting)));
  console.log(formatTable(rows));
  if (wants('growth')) {
    const growth = await benchGrowth(setting, values.large ? [1, 5, 20] : [1, 5]);
    console.log('\n| export of | seconds | per unit | peak memory |\n| --- | --- | --- | --- |');
    for (const { what, units, seconds, peakMiB } of growth) {
      console.log(`| ${what} | ${seconds.toFixed(2)} | ${(seconds / units).toFixed(4)} | ${peakMiB.toFixed(0)} MiB |`);
    }
  }
  if (!rows.every(isMet)) console.log('\nNot every target is met: docs/performance.md says where the time goes.');
} finally {
  await setting.stop();
}

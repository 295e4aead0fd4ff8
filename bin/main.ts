// Where `bin/ferry` begins.
import { runProcess } from '../src/cli/index.ts';

await runProcess();

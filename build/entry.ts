// Where the executable begins: a CommonJS file, which cannot wait at its top.
import { runProcess } from '../src/cli/index.ts';

void runProcess({ program: process.execPath });

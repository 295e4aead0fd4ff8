/** The command line. Nothing here is worth importing, but by `bin/` and by tests. */
export type { Io, QuestionOptions } from './io.ts';
export { main } from './main.ts';
export { runProcess } from './process.ts';

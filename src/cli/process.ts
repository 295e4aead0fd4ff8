/**
 * The one place that touches `process`: streams, environment, signals, exit status. The first Ctrl-C asks the work to
 * stop and clean up, the second ends at once. A reader of stdout that goes away (`ferry … | head`) is no error.
 */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError } from './error.ts';
import type { Io, QuestionOptions } from './io.ts';
import { main } from './main.ts';
import { systemLogger } from './system-log.ts';

export interface ProcessOptions {
  /** Path of what was started: the `ferry` of a checkout, or the executable; where it lies, whatever link led there. */
  readonly program: string;
}

/** Runs the command line of this process and ends it with the status of FORMAT §8. */
export async function runProcess({ program }: ProcessOptions): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => stopOrExit(stopping));
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
  process.exitCode = await main(process.argv.slice(2), processIo(program, stopping.signal));
  // Everything is closed by now; what a library left open (an idle socket) must not hold the shell up.
  process.stdout.write('', () => process.exit());
}

function stopOrExit(stopping: AbortController): void {
  if (stopping.signal.aborted) process.exit(130);
  process.stderr.write('\nferry: stopping, Ctrl-C again ends at once\n');
  stopping.abort();
}

function processIo(program: string, signal: AbortSignal): Io {
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    env: process.env,
    cwd: process.cwd(),
    program,
    now: new Date(),
    signal,
    ask:
      process.stdin.isTTY && process.stderr.isTTY ? (question, options) => ask(question, options, signal) : undefined,
    systemLog: systemLogger(),
    terminal: canDraw(process.stderr) ? process.stderr : undefined,
  };
}

/** Not on a dumb terminal, nor on one that says that it has no columns: ora would divide by them, and draw for ever. */
function canDraw(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && stream.columns > 0 && process.env['TERM'] !== 'dumb';
}

/** Reads one line from the terminal; with `hidden`, what is typed stays off the screen (readline's own echo is swallowed). */
async function ask(question: string, { hidden }: QuestionOptions, signal: AbortSignal): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: hidden ? nowhere : process.stderr, terminal: true });
  // readline holds the terminal in raw mode, so Ctrl-C is a key here and no signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    if (hidden) process.stderr.write(question);
    return await lines.question(hidden ? '' : question, { signal });
  } catch (error) {
    if (signal.aborted || (error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error;
    if (!hidden) process.stderr.write('\n');
    throw new CliError(`${question.replace(/[:\s]+$/, '')}: the terminal was closed`, {
      code: 'QUESTION_UNANSWERED',
      cause: error,
    });
  } finally {
    lines.close();
    if (hidden) process.stderr.write('\n');
  }
}

/**
 * A program of the system, run with an end: its time is bounded, of what it says the last lines are kept, and it never
 * outlives us. A recovery may start the same program again, so one that a killed ferry left running would be two at
 * once. Nothing is read from it and no shell sees its words.
 */
import { type ChildProcess, spawn } from 'node:child_process';

export interface ProgramOptions {
  /** All that it sees of an environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds, then it is ended. */
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** How much of its output is kept, in characters, the last of it. @default 16_384 */
  readonly keep?: number;
}

/** How a program ended. */
export interface ProgramEnd {
  /** Its exit status; as a shell has it: 126 for one that may not be run, 127 for one that is not there. */
  readonly status: number;
  /** Why it was ended before it was done. */
  readonly ended?: 'timeout' | 'stopped';
  /** The last of stdout, or of stdout and stderr as they came. */
  readonly stdout: string;
  readonly output: string;
}

const KEPT = 16 * 1024;
const GRACE_MS = 10_000;
const LATE_MS = 1000;
/** Terminal sequences: escape, `[`, parameters, a letter. */
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[\\d;?]*[A-Za-z]`, 'g');

/**
 * The shell holds a pipe of ours on descriptor 3. When we are gone, however that came, it ends the whole process group.
 * The words are its arguments and are never parsed.
 */
const LEASH = `exec 3<&0 </dev/null
"$@" 3<&- &
program=$!
{ read -r _ <&3; kill -KILL 0; } >/dev/null 2>&1 &
leash=$!
wait "$program"
status=$?
kill -KILL "$leash"
exit "$status"`;

/** Runs a program to its end. @param words the program, and its arguments */
export function runProgram(words: readonly string[], options: ProgramOptions): Promise<ProgramEnd> {
  const child = spawn('/bin/sh', ['-c', LEASH, 'sh', ...words], {
    env: options.env,
    cwd: '/',
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true, // a group of its own, to be ended as one
  });
  return watch(child, options);
}

function watch(child: ChildProcess, { timeoutMs, signal, keep: kept = KEPT }: ProgramOptions): Promise<ProgramEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<ProgramEnd>();
  let ended: ProgramEnd['ended'];
  let [stdout, output] = ['', ''];
  const timers: NodeJS.Timeout[] = [];
  const later = (ms: number, act: () => void) => timers.push(setTimeout(act, ms));
  const end = (why: 'timeout' | 'stopped') => {
    ended ??= why;
    killGroup(child, 'SIGTERM');
    later(GRACE_MS, () => killGroup(child, 'SIGKILL'));
  };
  const stop = () => end('stopped');
  const keep = (text: string) => {
    output = (output + text).slice(-kept);
  };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-kept);
    keep(text);
  });
  child.stderr?.setEncoding('utf8').on('data', keep);
  child.stdin?.on('error', () => {}); // the pipe only says that we are here
  child.on('error', reject);
  // what the program left in the background may hold its output open for ever
  child.on('exit', () =>
    later(LATE_MS, () => [child.stdout, child.stderr].forEach((stream) => void stream?.destroy())),
  );
  child.on('close', (status) => {
    for (const timer of timers) clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    child.stdin?.destroy();
    resolve({ status: status ?? 128, ...(ended !== undefined && { ended }), stdout, output });
  });
  later(timeoutMs, () => end('timeout'));
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return promise;
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // it ended in this very moment
  }
}

/** The last words of a program as one short line: they come from outside. */
export function lastWords({ output }: Pick<ProgramEnd, 'output'>): string {
  const lines = output
    .replaceAll(COLOURS, '')
    .split(/[\r\n]+/)
    .map((line) => line.replaceAll(/\p{Cc}+/gu, ' ').trim())
    .filter((line) => line !== '');
  return JSON.stringify(lines.slice(-4).join(' / ').slice(-500));
}

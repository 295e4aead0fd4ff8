/**
 * `bin/ferry` as a process that is killed: with all that it started, when a test says so, or by `strace` just before the
 * k-th call of some name. libuv's threads do the file calls and strace counts by thread, so it gets one thread.
 */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { FERRY, type Ran } from './cli.ts';

/** A call that changes what a disk holds, or makes it hold: where to kill. */
export interface FileCall {
  /** As strace has it: `rename`. */
  readonly name: string;
  /** Which call of that name, counted from 1. */
  readonly at: number;
  /** The line of the trace, for people. */
  readonly line: string;
}

export interface KilledRun extends Ran {
  readonly isKilled: boolean;
}

export interface FerryGroup {
  /** Ends ferry and all that it started, at once. */
  kill(): void;
  readonly ended: Promise<KilledRun>;
}

interface GroupOptions {
  readonly env: Readonly<Record<string, string>>;
  /** A program that runs it. */
  readonly wrapper?: readonly string[];
}

/** Starts ferry as the head of a process group of its own, which `kill` ends with SIGKILL. */
export function startFerryGroup(args: readonly string[], { env, wrapper = [] }: GroupOptions): FerryGroup {
  const [program = FERRY, ...rest] = [...wrapper, FERRY, ...args];
  const child = spawn(program, rest, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  process.once('exit', kill);
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<KilledRun>((resolve, reject) => {
    child.once('error', reject);
    // strace ends as what it traced; what ferry had started goes with it
    child.once('exit', kill);
    child.once('close', (status, signal) => {
      process.removeListener('exit', kill);
      resolve({ status, stdout, stderr, isKilled: signal === 'SIGKILL' || status === 137 });
    });
  });
  return { kill, ended };
}

/** Every name under which a disk is changed; strace skips those that a processor does not have. */
const CALLS = [
  ...['rename', 'renameat', 'renameat2', 'link', 'linkat', 'symlink', 'symlinkat', 'mkdir', 'mkdirat'],
  ...['unlink', 'unlinkat', 'rmdir', 'ftruncate', 'fsync', 'fdatasync'],
];

const STRACE = ['strace', '-f', '-qq'];

/** Runs ferry once and lists the calls that did something. @param log a path for the trace */
export async function traceFileCalls(
  args: readonly string[],
  { env, log }: { readonly env: Readonly<Record<string, string>>; readonly log: string },
): Promise<{ readonly ran: KilledRun; readonly calls: readonly FileCall[] }> {
  const wrapper = [
    ...STRACE,
    '--seccomp-bpf',
    '-y',
    '-s',
    '300',
    '-o',
    log,
    '-e',
    `trace=${CALLS.map((name) => `?${name}`)}`,
  ];
  const ran = await startFerryGroup(args, { env: oneThread(env), wrapper }).ended;
  return { ran, calls: readTrace(await readFile(log, 'utf8')) };
}

/** Starts ferry, to be killed just before a call. Not with `--seccomp-bpf`: strace 6.1 then kills at a thread's first call only. */
export function startKilledAt(
  { name, at }: Pick<FileCall, 'name' | 'at'>,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): FerryGroup {
  const inject = ['-e', `trace=${name}`, '-e', `inject=${name}:signal=SIGKILL:when=${at}`];
  return startFerryGroup(args, { env: oneThread(env), wrapper: [...STRACE, '-o', '/dev/null', ...inject] });
}

const oneThread = (env: Readonly<Record<string, string>>) => ({ ...env, UV_THREADPOOL_SIZE: '1' });

/**
 * `123 rename("/a", "/b") = 0`; a call that another thread's cut in two begins in one line and ends in a later one. A
 * folder's fsync is left out: whoever is killed there leaves what the next call finds.
 */
export function readTrace(text: string): FileCall[] {
  const counts = new Map<string, number>();
  const begun = new Map<string, FileCall>();
  const calls: FileCall[] = [];
  for (const line of text.split('\n')) {
    const [, pid = '', resumed, name = ''] = /^(\d+) +(<\.\.\. )?([a-z]\w+)(?:\(| resumed>)/.exec(line) ?? [];
    if (name === '') continue;
    const key = `${pid} ${name}`;
    const at = resumed ? 0 : (counts.get(key) ?? 0) + 1;
    if (!resumed) counts.set(key, at);
    const call = (resumed && begun.get(key)) || { name, at, line: line.replace(/^\d+ +/, '') };
    if (line.endsWith('<unfinished ...>')) begun.set(key, call);
    // a call that failed changed nothing; Node.js keeps compiled code of its own
    else if (/ = 0$/.test(line) && !call.line.includes('/node_modules/.cache/')) calls.push(call);
  }
  const folders = new Set(calls.flatMap(({ line }) => pathsOf(line).map((path) => path.replace(/\/[^/]*$/, ''))));
  return calls.filter(({ name, line }) => name !== 'fsync' || !pathsOf(line).some((path) => folders.has(path)));
}

/** The absolute paths in a line, quoted or behind a descriptor. */
const pathsOf = (line: string): string[] => [...line.matchAll(/["<](\/[^">]*)[">]/g)].map(([, path]) => path ?? '');

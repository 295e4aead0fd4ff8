/**
 * The command line in a test: `main` with a world of its own, or `bin/ferry` as a real process. Nothing of the machine's
 * environment leaks in: no proxy, no credentials, no engine of the user; and no secret comes out (`secrets.ts`).
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Io } from '../../src/cli/index.ts';
import { main } from '../../src/cli/index.ts';
import { withoutSecrets } from './secrets.ts';

export const FERRY = fileURLToPath(new URL('../../bin/ferry', import.meta.url));

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface MainOptions extends RunOptions {
  /** What a person at the terminal types, answer by answer; absent: there is no terminal. */
  readonly answers?: readonly string[];
  readonly signal?: AbortSignal;
  readonly systemLog?: (line: string) => Promise<void>;
  /** @default 2026-11-23T12:00:00Z */
  readonly now?: Date;
}

/** What a run left on its streams. */
export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `main` did, with the questions it asked. */
export interface RanMain extends Ran {
  readonly status: number;
  readonly questions: readonly string[];
}

/** Calls `main`. */
export async function runMain(argv: readonly string[], options: MainOptions = {}): Promise<RanMain> {
  let stdout = '';
  let stderr = '';
  const questions: string[] = [];
  const answers = [...(options.answers ?? [])];
  const io: Io = {
    out: (text) => {
      stdout += `${text}\n`;
    },
    err: (text) => {
      stderr += `${text}\n`;
    },
    env: options.env ?? {},
    cwd: options.cwd ?? '/nowhere',
    now: options.now ?? new Date('2026-11-23T12:00:00Z'),
    systemLog: options.systemLog,
    signal: options.signal ?? new AbortController().signal,
    ask:
      options.answers &&
      (async (question) => {
        questions.push(question);
        const answer = answers.shift();
        if (answer === undefined) throw new Error(`nobody expected the question "${question}"`);
        return answer;
      }),
  };
  const status = await main(argv, io);
  return withoutSecrets({ status, stdout, stderr, questions });
}

/** The objects of a run with `--json`; the last is the result or the error. */
export function jsonLines({ stdout }: Ran): Record<string, unknown>[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The last object of a run with `--json`. */
export function jsonResult(ran: Ran): Record<string, unknown> {
  return jsonLines(ran).at(-1) ?? {};
}

/** A running `bin/ferry`. */
export interface FerryProcess {
  readonly pid: number;
  /** Sends it a signal, as Ctrl-C does to the processes of a terminal. */
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ran>;
}

/** Starts `bin/ferry` as a process with no terminal. */
export function startFerry(args: readonly string[], { cwd, env }: RunOptions = {}): FerryProcess {
  const child = spawn(FERRY, args, {
    cwd,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ran>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  }).then(withoutSecrets);
  return { pid: child.pid ?? 0, kill: (signal) => void child.kill(signal), ended };
}

/** Runs `bin/ferry` to its end. */
export function runFerry(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return startFerry(args, options).ended;
}

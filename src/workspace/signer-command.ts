/**
 * Runs `--signer-cmd`: the exact bytes on stdin, the JSON of trust's protocol as last argument and in
 * `FERRY_SIGN_REQUEST`, its answer on stdout. It has a time limit, a bound on its output, and its stderr goes to the
 * person: a token's program may want to say something. What it answers is proven in trust.
 */
import { spawn } from 'node:child_process';
import { isErrno } from '../content/index.ts';
import type { SignerCall, SignerResult } from '../trust/index.ts';
import { TrustError } from '../trust/index.ts';

export interface SignerCommand {
  /** As a shell would read it: `prog args`. */
  readonly command: string;
  /** @default an empty environment but for PATH */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** @default 120_000 */
  readonly timeoutMs?: number | undefined;
}

const MAX_ANSWER = 64 * 1024;

/** A `run` for trust's command signer. @throws {TrustError} `SIGNER_FAILED` when it can't be run or takes too long */
export function runSigner({ command, env, timeoutMs = 120_000 }: SignerCommand) {
  return ({ argument, input }: SignerCall): Promise<SignerResult> =>
    new Promise((resolve, reject) => {
      const child = spawn('/bin/sh', ['-c', `${command} "$@"`, 'ferry-signer', argument], {
        env: { PATH: '/usr/local/bin:/usr/bin:/bin', ...env, FERRY_SIGN_REQUEST: argument },
        stdio: ['pipe', 'pipe', 'inherit'],
        detached: true, // a group of its own, so that the time limit ends what the shell started too
      });
      let overrun: string | undefined;
      const end = (why: string) => {
        overrun ??= why;
        endGroup(child.pid);
      };
      const timer = setTimeout(() => end(`no answer within ${timeoutMs / 1000} seconds`), timeoutMs);
      const chunks: Buffer[] = [];
      let size = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_ANSWER) end(`more than ${MAX_ANSWER} bytes`);
        else chunks.push(chunk);
      });
      child.stdin.on('error', () => {}); // a program that does not read its input is judged by its answer
      child.stdin.end(input);
      child.on('error', (cause) => reject(failed(command, 'it did not start', cause)));
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (overrun !== undefined) reject(failed(command, overrun));
        else if (code === null) reject(failed(command, `signal ${signal}`));
        else resolve({ status: code, stdout: Buffer.concat(chunks) });
      });
    });
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error; // it ended by itself
  }
}

/** Only the program's name: its arguments may hold a PIN. */
function failed(command: string, got: string, cause?: unknown): TrustError {
  const program = command.trim().split(/\s+/)[0] ?? '';
  return new TrustError(`sign with command ${program}: expected a signature, got ${got}`, {
    code: 'SIGNER_FAILED',
    cause,
  });
}

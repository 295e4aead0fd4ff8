/**
 * The journal of the system as a second place for each line of the audit log: through util-linux's `logger`, which knows
 * where this host wants it (`journalctl -t ferry`, or a syslog). A host without the program or without a log gets none,
 * without a word: the line is in the audit log already.
 */
import { spawn } from 'node:child_process';

/** By its own path, since root's PATH may be anybody's. */
const LOGGER = '/usr/bin/logger';
/** Milliseconds that it may take. */
const LIMIT_MS = 1000;
/** Bytes of a line; the rest is cut into lines of its own. */
const MAX_LINE = 32 * 1024;

export interface SystemLogOptions {
  /** @default '/usr/bin/logger' */
  readonly program?: string;
  /** The unix socket of the log. @default the system's */
  readonly socket?: string;
}

/** Answers what hands one line over; it never fails and takes a second at most. */
export function systemLogger({ program = LOGGER, socket }: SystemLogOptions = {}): (line: string) => Promise<void> {
  const args = ['-t', 'ferry', '-S', String(MAX_LINE), ...(socket === undefined ? [] : ['-u', socket])];
  return (line) =>
    new Promise((resolve) => {
      const child = spawn(program, args, {
        stdio: ['pipe', 'ignore', 'ignore'],
        env: {},
        timeout: LIMIT_MS,
        killSignal: 'SIGKILL',
      });
      child.on('error', () => resolve()).on('close', () => resolve());
      child.stdin.on('error', () => {}); // it may end before it has read
      child.stdin.end(`${line}\n`);
    });
}

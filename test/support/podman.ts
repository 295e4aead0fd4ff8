/** A private podman service for tests, `podman system service` on a socket of its own with storage of its own. Needs root. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answersPing } from './engine.ts';

const PODMAN = '/usr/bin/podman';
const run = promisify(execFile);

export interface TestPodman {
  readonly host: string;
  /** Runs podman's own client on the same storage. */
  podman(...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** Starts the service and waits until it answers. @throws when podman is not installed, with the command that does it */
export async function startPodman(): Promise<TestPodman> {
  if (!existsSync(PODMAN)) throw new Error(`no ${PODMAN} here; run: apt-get install -y --no-install-recommends podman`);
  const root = await mkdtemp('/tmp/fp-');
  const at = (name: string) => join(root, name);
  const storage = ['--root', at('r'), '--runroot', at('rr'), '--tmpdir', at('t'), '--storage-driver', 'vfs'];
  const options = [...storage, '--events-backend', 'none'];
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'TERM', PODMAN, ...options, 'system', 'service', '-t', '0', `unix://${at('s')}`],
    { stdio: 'ignore' },
  );
  const closed = once(child, 'close');
  const stop = async () => {
    child.kill('SIGTERM');
    await closed;
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[4] ?? '');
    for (const point of points.filter((one) => one.startsWith(`${root}/`)).toReversed())
      execFileSync('umount', ['-l', point]);
    await rm(root, { recursive: true, force: true });
  };
  if (!(await answersPing(at('s'), { timeoutMs: 30_000, alive: () => child.exitCode === null }))) {
    await stop();
    throw new Error('podman system service did not start');
  }
  const podman = async (...args: string[]) => (await run(PODMAN, [...options, ...args])).stdout.trim();
  return { host: `unix://${at('s')}`, podman, stop };
}

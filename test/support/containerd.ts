/**
 * A private containerd for tests: its own root, state and socket in one short-named folder under /tmp, ended by its
 * pid. Needs root and Debian's containerd, which comes with docker.io.
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface TestContainerd {
  /** Runs `ctr` against it, in a namespace of its own. Answers stdout. @throws with stderr when it fails */
  ctr(...args: string[]): string;
  stop(): Promise<void>;
}

export async function startContainerd(): Promise<TestContainerd> {
  const root = mkdtempSync('/tmp/fc-');
  const socket = join(root, 's');
  const config = [
    'version = 2',
    `root = "${join(root, 'root')}"`,
    `state = "${join(root, 'state')}"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri"]',
    `[grpc]\n  address = "${socket}"`,
  ];
  writeFileSync(join(root, 'config.toml'), `${config.join('\n')}\n`);
  const child = spawn('containerd', ['--config', join(root, 'config.toml')], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ctr = (...args: string[]) =>
    execFileSync('ctr', ['--address', socket, '--namespace', 'ferry-test', ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
    rmSync(root, { recursive: true, force: true });
  };
  for (let tries = 0; !isUp(socket, ctr); tries++) {
    if (tries < 200) await delay(100);
    else {
      await stop();
      throw new Error('containerd did not start: it needs root and the package containerd');
    }
  }
  return { ctr, stop };
}

function isUp(socket: string, ctr: (...args: string[]) => string): boolean {
  try {
    return existsSync(socket) && ctr('version').includes('Server');
  } catch {
    return false;
  }
}

/** A real OpenSSH server on loopback for tests, with keys of its own, and a client configuration that knows it (or not). */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from './port.ts';

const SSHD = '/usr/sbin/sshd';
const run = promisify(execFile);

export interface TestSSHD {
  readonly port: number;
  /** PATH whose `ssh` is OpenSSH's own, told of nothing but this test's configuration: where this server's key is known. */
  readonly path: string;
  /** The same, but no host key is known. */
  readonly strangerPath: string;
  stop(): Promise<void>;
}

/** Starts it. Sessions get `PATH=/usr/bin:/bin` and DOCKER_HOST as given. @throws when openssh-server is not installed */
export async function startSSHD(options: { readonly dockerHost: string }): Promise<TestSSHD> {
  if (!existsSync(SSHD))
    throw new Error(`no ${SSHD} here; run: apt-get install -y --no-install-recommends openssh-server`);
  const root = await mkdtemp('/tmp/fh-');
  const at = (name: string) => join(root, name);
  const port = await freePort();
  for (const key of ['host', 'user']) await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', at(key)]);
  await writeFile(at('authorized'), await readFile(at('user.pub')), { mode: 0o600 });
  await writeFile(at('known'), `[127.0.0.1]:${port} ${await readFile(at('host.pub'), 'utf8')}`);
  await writeFile(at('sshd_config'), serverConfig(at, port, options.dockerHost));
  await mkdir('/run/sshd', { recursive: true });
  const child = spawn(SSHD, ['-D', '-e', '-f', at('sshd_config')], { stdio: 'ignore' });
  const closed = once(child, 'close');
  await untilListening(port);
  const stop = async () => {
    child.kill('SIGTERM');
    await closed;
    await rm(root, { recursive: true, force: true });
  };
  const path = await wrapper(at, 'known', port);
  return { port, path, strangerPath: await wrapper(at, 'nobody', port), stop };
}

function serverConfig(at: (name: string) => string, port: number, dockerHost: string): string {
  return [
    ...[`Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${at('host')}`, `AuthorizedKeysFile ${at('authorized')}`],
    ...[`PidFile ${at('sshd.pid')}`, 'UsePAM no', 'StrictModes no', 'PermitRootLogin yes', 'PasswordAuthentication no'],
    `SetEnv PATH=/usr/bin:/bin DOCKER_HOST=${dockerHost} HOME=${at('home')}`,
  ].join('\n');
}

/** The client reads ~/.ssh of the real user whatever HOME says, so its configuration must come by option. */
async function wrapper(at: (name: string) => string, known: string, port: number): Promise<string> {
  const folder = at(`bin-${known}`);
  await mkdir(folder);
  const options = [
    `UserKnownHostsFile=${at(known)}`,
    'GlobalKnownHostsFile=/dev/null',
    'StrictHostKeyChecking=yes',
    'BatchMode=yes',
  ];
  const all = [...options, `IdentityFile=${at('user')}`, 'IdentitiesOnly=yes', `Port=${port}`];
  const script = `#!/bin/sh\nexec /usr/bin/ssh -F /dev/null ${all.map((one) => `-o ${one}`).join(' ')} "$@"\n`;
  await writeFile(join(folder, 'ssh'), script);
  await chmod(join(folder, 'ssh'), 0o755);
  return `${folder}:/usr/bin:/bin`;
}

async function untilListening(port: number): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const socket = connect(port, '127.0.0.1');
    const opened = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (opened) return;
    await delay(50);
  }
  throw new Error('sshd did not start');
}

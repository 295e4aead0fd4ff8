/**
 * Debian's squid in front of the tests: a forward proxy with names of its own (the tests' names are known to nobody
 * else), which passes CONNECT and WebSocket upgrades, or refuses them. In the foreground, ended by its pid.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './port.ts';

export interface TestSquid {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  stop(): Promise<void>;
}

export interface StartSquidOptions {
  /** Names that lead to 127.0.0.1, for squid alone. */
  readonly names: readonly string[];
  /** CONNECT and upgrades pass; else both are refused. */
  readonly allow: boolean;
}

export async function startSquid({ names, allow }: StartSquidOptions): Promise<TestSquid> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-test-squid-'));
  // It reads its files as the user `proxy`.
  await chmod(dir, 0o755);
  const port = await freePort();
  await writeFile(join(dir, 'hosts'), `127.0.0.1 ${names.join(' ')}\n`);
  await writeFile(join(dir, 'squid.conf'), settings({ dir, port, allow }));
  const child = spawn('/usr/sbin/squid', ['-N', '-f', join(dir, 'squid.conf')], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  while (!(await isListening(port))) {
    if (child.exitCode !== null) {
      const log = await readFile(join(dir, 'cache.log'), 'utf8').catch(() => '');
      await stop();
      throw new Error(`squid ended with ${child.exitCode}: ${log}`);
    }
  }
  return { url: `http://127.0.0.1:${port}`, stop };
}

function settings({ dir, port, allow }: { dir: string; port: number; allow: boolean }): string {
  return `http_port 127.0.0.1:${port}
pid_filename none
hosts_file ${join(dir, 'hosts')}
dns_nameservers 127.0.0.1
dns_timeout 1 second
visible_hostname squid.test
access_log none
cache_log /dev/null
netdb_filename none
pinger_enable off
cache deny all
cache_mem 1 MB
max_filedescriptors 256
http_upgrade_request_protocols websocket ${allow ? 'allow' : 'deny'} all
acl CONNECT method CONNECT
${allow ? '' : 'http_access deny CONNECT'}
http_access allow all
`;
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => end(true));
    // Asked again on the next turn of the loop, with a moment for the one who is starting.
    socket.once('error', () => setTimeout(end, 20, false));
  });
}

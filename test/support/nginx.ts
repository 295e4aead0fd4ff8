/**
 * A real nginx (Debian's) on a free port of loopback, in front of a folder with `fullchain.pem` and `privkey.pem`. It
 * never leaves its own folder, stays in the foreground and is ended by its pid. Also its configuration alone, for one
 * that runs elsewhere.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { untilListening } from './listening.ts';
import { freePort } from './port.ts';

const NGINX = '/usr/sbin/nginx';

export interface TestNginx {
  readonly port: number;
  /** Of the master. */
  readonly pid: number;
  /** A shell's line: its own reload, which refuses what it cannot use. */
  readonly reload: string;
  /** A shell's line: the same signal, sent by hand; nobody hears of a refusal. */
  readonly hangUp: string;
  /** Its error log so far. */
  log(): Promise<string>;
  /** Whether it still runs. */
  isThere(): boolean;
  stop(): Promise<void>;
}

/** Starts one and waits until it listens. @param tls the folder of the two files. @throws when it ends before */
export async function startNginx(tls: string): Promise<TestNginx> {
  if (!existsSync(NGINX)) throw new Error(`no ${NGINX} here; run: apt-get install -y --no-install-recommends nginx`);
  const root = await mkdtemp('/tmp/fn-');
  const port = await freePort();
  const config = join(root, 'nginx.conf');
  await writeFile(config, nginxConfig({ tls, listen: `127.0.0.1:${port}`, root }));
  const child = spawnNginx(root, config);
  const stop = async () => {
    await end(child);
    await rm(root, { recursive: true, force: true });
  };
  const log = () => readFile(join(root, 'error.log'), 'utf8');
  const isThere = () => child.exitCode === null && child.signalCode === null;
  if (!(await untilListening({ port }, isThere))) {
    const said = await log();
    await stop();
    throw new Error(`nginx did not start: ${said}`);
  }
  const pid = child.pid ?? 0;
  return { port, pid, reload: `${NGINX} -c ${config} -s reload`, hangUp: `kill -HUP ${pid}`, log, isThere, stop };
}

/** What nginx is told: one server, TLS alone, everything that it writes below `root`. */
export function nginxConfig({
  tls,
  listen,
  root,
}: {
  readonly tls: string;
  readonly listen: string;
  readonly root: string;
}) {
  const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    'user root;',
    'worker_processes 1;',
    'daemon off;',
    `pid ${root}/nginx.pid;`,
    `error_log ${root}/error.log notice;`,
    'events {}',
    'http {',
    '  access_log off;',
    ...kept.map((name) => `  ${name}_temp_path ${root}/${name};`),
    '  server {',
    `    listen ${listen} ssl;`,
    `    ssl_certificate ${tls}/fullchain.pem;`,
    `    ssl_certificate_key ${tls}/privkey.pem;`,
    '    return 204;',
    '  }',
    '}',
    '',
  ].join('\n');
}

function spawnNginx(root: string, config: string): ChildProcess {
  const output = openSync(join(root, 'error.log'), 'a');
  const args = ['--pdeathsig', 'TERM', NGINX, '-c', config];
  const child = spawn('setpriv', args, { stdio: ['ignore', output, output], env: { PATH: '/usr/sbin:/usr/bin' } });
  closeSync(output);
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

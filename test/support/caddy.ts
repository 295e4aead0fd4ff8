/**
 * A real caddy (Debian's) on a free port of loopback, in front of a folder with `fullchain.pem` and `privkey.pem`, with
 * its administration on a socket of its own. It asks no authority for anything, writes below its own folder alone and
 * is ended by its pid.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { untilListening } from './listening.ts';
import { freePort } from './port.ts';

const CADDY = '/usr/bin/caddy';

export interface TestCaddy {
  readonly port: number;
  /** A shell's line: its own reload, which reads the files anew although its configuration is the same. */
  readonly reload: string;
  /** The same without `--force`: it sees the same configuration and does nothing. */
  readonly idleReload: string;
  stop(): Promise<void>;
}

/** Starts one for a host name and waits until it listens. @throws when it ends before */
export async function startCaddy(tls: string, name: string): Promise<TestCaddy> {
  if (!existsSync(CADDY)) throw new Error(`no ${CADDY} here; run: apt-get install -y --no-install-recommends caddy`);
  const root = await mkdtemp('/tmp/fc-');
  const port = await freePort();
  const config = join(root, 'Caddyfile');
  const admin = `unix/${root}/admin`;
  await writeFile(config, caddyfile({ tls, name, port, root, admin }));
  const output = openSync(join(root, 'log'), 'a');
  const args = ['--pdeathsig', 'TERM', CADDY, 'run', '--config', config, '--adapter', 'caddyfile'];
  const env = { PATH: '/usr/bin', HOME: root, XDG_DATA_HOME: root, XDG_CONFIG_HOME: root };
  const child = spawn('setpriv', args, { stdio: ['ignore', output, output], env });
  closeSync(output);
  const isThere = () => child.exitCode === null && child.signalCode === null;
  const stop = async () => {
    const ended = isThere() && once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
    await rm(root, { recursive: true, force: true });
  };
  if (!(await untilListening({ port }, isThere))) {
    const said = await readFile(join(root, 'log'), 'utf8');
    await stop();
    throw new Error(`caddy did not start: ${said}`);
  }
  const idleReload = `${CADDY} reload --config ${config} --adapter caddyfile --address ${admin}`;
  return { port, reload: `${idleReload} --force`, idleReload, stop };
}

interface Settings {
  readonly tls: string;
  readonly name: string;
  readonly port: number;
  readonly root: string;
  readonly admin: string;
}

function caddyfile({ tls, name, port, root, admin }: Settings): string {
  return [
    '{',
    `  admin ${admin}`,
    '  auto_https off',
    `  storage file_system ${root}/data`,
    '}',
    `https://${name}:${port} {`,
    '  bind 127.0.0.1',
    `  tls ${tls}/fullchain.pem ${tls}/privkey.pem`,
    '  respond 204',
    '}',
    '',
  ].join('\n');
}

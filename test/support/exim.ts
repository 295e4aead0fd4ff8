/**
 * Debian's Exim on loopback, one of it with a port for each certificate: STARTTLS offered, not offered, or TLS from the
 * start. Configuration, spool, log and pid file are in a folder of its own; in the foreground, ended by its pid. It takes
 * no mail, for it has no rule that says from whom.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { untilListening } from './listening.ts';
import { freePort } from './port.ts';

const EXIM = '/usr/sbin/exim4';

export interface MailPort {
  /** PEM: the chain, leaf first, and its key; without it nothing offers TLS. */
  readonly served?: { readonly certPEM: string; readonly keyPEM: string };
  /** TLS from the start, as on 465. @default false: STARTTLS */
  readonly isTLSFirst?: boolean;
}

export interface TestExim<Name extends string> {
  readonly ports: Readonly<Record<Name, number>>;
  stop(): Promise<void>;
}

/** Starts one and waits until it listens. @param wanted by names of the test's own @throws when it ends before */
export async function startExim<Name extends string>(wanted: Record<Name, MailPort>): Promise<TestExim<Name>> {
  if (!existsSync(EXIM)) throw new Error(`no ${EXIM} here; run: npm run setup -- --system`);
  const dir = await mkdtemp(join(tmpdir(), 'ferry-test-exim-'));
  const ports: Record<string, number> = {};
  const first: number[] = [];
  for (const [name, { served, isTLSFirst }] of Object.entries<MailPort>(wanted)) {
    const port = await freePort();
    ports[name] = port;
    if (isTLSFirst) first.push(port);
    if (served) await writeFile(join(dir, `${port}.pem`), served.certPEM + served.keyPEM, { mode: 0o600 });
  }
  await writeFile(join(dir, 'exim.conf'), settings(dir, { all: Object.values(ports), first }));
  // The pid namespace ends those of its processes that still wait for a client.
  const words = ['--pid', '--fork', '--kill-child=KILL', EXIM, '-C', join(dir, 'exim.conf'), '-bdf'];
  const child = spawn('unshare', words, { stdio: 'ignore' });
  const isThere = () => child.exitCode === null && child.signalCode === null;
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
    // One of its processes may be writing a last line into its log.
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const port of Object.values(ports)) {
    if (await untilListening({ port }, isThere)) continue;
    const log = await readFile(join(dir, 'main.log'), 'utf8').catch(() => '');
    await stop();
    throw new Error(`exim did not start: ${log}`);
  }
  return { ports: ports as Record<Name, number>, stop };
}

function settings(dir: string, { all, first }: { readonly all: readonly number[]; readonly first: readonly number[] }) {
  const own = `${dir}/$received_port.pem`;
  return `primary_hostname = mail.test
exim_user = root
exim_group = root
keep_environment =
spool_directory = ${dir}/spool
log_file_path = ${dir}/%s.log
pid_file_path = ${dir}/exim.pid
daemon_startup_retries = 0
local_interfaces = <; ${all.map((port) => `[127.0.0.1]:${port}`).join(' ; ')}
tls_on_connect_ports = ${first.join(' : ')}
tls_advertise_hosts = \${if exists{${own}}{*}}
tls_certificate = ${own}
`;
}

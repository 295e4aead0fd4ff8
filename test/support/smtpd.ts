/**
 * Debian's OpenSMTPD on loopback: one port that offers STARTTLS, one without. Its spool and socket have fixed places, so it
 * runs in a mount namespace with empty folders there; the system's stay untouched. In the foreground, ended by its pid.
 * It takes no mail. Debian 12's (6.8 with OpenSSL 3) fails in every handshake: `mailFront` does the TLS before it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './port.ts';

export interface TestSMTPD {
  readonly startTLS: number;
  readonly plain: number;
  stop(): Promise<void>;
}

/** @param served PEM of the chain, and its key */
export async function startSMTPD(served: { readonly certPEM: string; readonly keyPEM: string }): Promise<TestSMTPD> {
  const dir = await mkdtemp(join(tmpdir(), 'ferry-test-smtpd-'));
  const ports = { startTLS: await freePort(), plain: await freePort() };
  await writeFile(join(dir, 'cert.pem'), served.certPEM, { mode: 0o600 });
  await writeFile(join(dir, 'key.pem'), served.keyPEM, { mode: 0o600 });
  await writeFile(join(dir, 'smtpd.conf'), settings(dir, ports));
  // The pid namespace ends all of its processes with the first of them.
  const script = `mount -t tmpfs -o mode=711 none /var/spool && mount -t tmpfs none /run && exec smtpd -d -f ${join(dir, 'smtpd.conf')}`;
  const words = ['--mount', '--pid', '--fork', '--kill-child=KILL', '--propagation=private', 'sh', '-c', script];
  const child = spawn('unshare', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log = (log + text).slice(-4000);
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const stop = async () => {
    process.off('exit', kill);
    kill();
    await exited;
    await rm(dir, { recursive: true, force: true });
  };
  for (const port of Object.values(ports)) {
    while (!(await isListening(port))) {
      if (child.exitCode === null) continue;
      await stop();
      throw new Error(`smtpd ended with ${child.exitCode}: ${log}`);
    }
  }
  return { ...ports, stop };
}

function settings(dir: string, ports: { startTLS: number; plain: number }): string {
  return `pki mail.test cert "${join(dir, 'cert.pem')}"
pki mail.test key "${join(dir, 'key.pem')}"
listen on 127.0.0.1 port ${ports.startTLS} tls pki mail.test hostname mail.test
listen on 127.0.0.1 port ${ports.plain} hostname mail.test
action "out" relay
match from local for domain nobody.test action "out"
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
    socket.once('error', () => setTimeout(end, 20, false));
  });
}

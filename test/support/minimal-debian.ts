/**
 * A host with nothing on it: a minimal Debian in a folder, as debootstrap makes it, with no Node.js and no npm. Commands
 * run in it by chroot; `/proc` is mounted for each of them alone. Needs root.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Ran } from './cli.ts';
import { withoutSecrets } from './secrets.ts';

/** Where `bin/setup.cjs --system` puts it. */
const TAR = '/var/cache/ferry-tests/minimal-debian.tar';
/** As sudo gives it to root on Red Hat's and Debian's systems. */
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Mounts in a name space that ends with the command. */
const ENTER = 'root=$1; shift; mount -t proc proc "$root/proc" && exec chroot "$root" "$@"';

export interface MinimalDebian {
  /** Its root folder, from outside. */
  readonly root: string;
  /** Runs a program in it as root, with hardly an environment. */
  run(program: string, ...args: string[]): Promise<Ran>;
  remove(): Promise<void>;
}

/** Unpacks one, 200 MB. @throws {Error} when there is none, with the command that makes it */
export async function minimalDebian(): Promise<MinimalDebian> {
  if (!existsSync(TAR)) throw new Error(`no ${TAR} here; run as root: node bin/setup.cjs --system`);
  const root = await mkdtemp('/tmp/ferry-debian-');
  const remove = () => rm(root, { recursive: true, force: true });
  const unpacked = await ended('tar', ['-xpf', TAR, '-C', root]);
  if (unpacked.status !== 0) {
    await remove();
    throw new Error(`tar: status ${unpacked.status}: ${unpacked.stderr}`);
  }
  const run = async (program: string, ...words: string[]) =>
    withoutSecrets(
      await ended('unshare', ['--mount', '--propagation=private', 'sh', '-c', ENTER, 'sh', root, program, ...words]),
    );
  return { root, run, remove };
}

async function ended(program: string, args: readonly string[]): Promise<Ran> {
  const child = spawn(program, args, { env: { PATH, HOME: '/root' }, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { status, ...said };
}

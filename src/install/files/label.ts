/**
 * SELinux labels of files that are written: that of the predecessor, else what the policy says for the place. Both are
 * left to the system's own programs, which are told of the file through our descriptor, so that they and we mean the
 * same one. Where SELinux is off nothing is run.
 */

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';

/** Gives a new file its label. */
export type Label = (file: LabelledFile) => Promise<void>;

export interface LabelledFile {
  /** Path of the file, through a descriptor of this process. */
  readonly path: string;
  /** Path of its predecessor. */
  readonly predecessor: string | undefined;
}

export interface LabelOptions {
  /** Whether SELinux is on. @default whether /sys/fs/selinux/enforce is there */
  readonly isOn?: () => Promise<boolean>;
  /** Runs a program to its end; throws when it fails. @default execFile */
  readonly run?: (program: string, args: readonly string[]) => Promise<void>;
}

/** The way to label files on this host. Throws what the program said when it fails. */
export function labelWith({ isOn = isSELinuxOn, run = runProgram }: LabelOptions = {}): Label {
  return async ({ path, predecessor }) => {
    if (!(await isOn())) return;
    if (predecessor === undefined) await run('restorecon', [fromOutside(path)]);
    else await run('chcon', [`--reference=${fromOutside(predecessor)}`, fromOutside(path)]);
  };
}

/** Our descriptors as another process reaches them. */
function fromOutside(path: string): string {
  return path.replace(/^\/proc\/self\//, `/proc/${process.pid}/`);
}

async function isSELinuxOn(): Promise<boolean> {
  return access('/sys/fs/selinux/enforce').then(
    () => true,
    () => false,
  );
}

function runProgram(program: string, args: readonly string[]): Promise<void> {
  const env = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { env, timeout: 30_000 }, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else reject(new Error(`${program}: ${stderr.trim().split('\n')[0] || error.message}`, { cause: error }));
    });
  });
}

/**
 * Whether a package of the system owns a folder: what Debian's or Red Hat's package manager believes to be its own is
 * not a place for a release (FORMAT §3). Both are only asked, never told.
 */

import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';

interface Manager {
  readonly program: string;
  /** The arguments that ask for the owner of a path. */
  readonly ask: (path: string) => readonly string[];
  /** The owner in its answer. */
  readonly owner: (answer: string) => string | undefined;
}

const MANAGERS: readonly Manager[] = [
  {
    program: '/usr/bin/dpkg-query',
    // its argument is a pattern: what would be a wild card is taken as it stands
    ask: (path) => ['--search', path.replaceAll(/[*?[\]\\]/g, '\\$&')],
    owner: (answer) => /^([^:\n]+): \//m.exec(answer)?.[1],
  },
  {
    program: '/usr/bin/rpm',
    ask: (path) => ['--query', '--file', '--queryformat', '%{NAME}\n', path],
    owner: (answer) => answer.split('\n')[0],
  },
];

/** The package that owns a path, or `undefined` when none does or no package manager is here. */
export async function findPackageOwner(path: string): Promise<string | undefined> {
  for (const manager of MANAGERS) {
    const owner = await askOwner(manager, path);
    if (owner !== undefined) return owner;
  }
  return undefined;
}

async function askOwner({ program, ask, owner }: Manager, path: string): Promise<string | undefined> {
  if (!(await isThere(program))) return undefined;
  return new Promise((resolve) => {
    // both answer "no package" with a failure, and so do they when their database is unreadable: then nobody owns it
    execFile(program, [...ask(path)], { env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } }, (error, stdout) => {
      resolve(error === null ? owner(stdout) : undefined);
    });
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

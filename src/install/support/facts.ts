/** What a support folder tells of the host: the names in the state, the disks, the engine, the system. No file's content. */

import { lstat, readdir, readFile, statfs } from 'node:fs/promises';
import { arch, release, totalmem, type } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { version as node } from 'node:process';
import { isErrno } from '../../content/index.ts';
import { COMPOSE_LABELS, type Engine, PIN_LABEL } from '../../docker/index.ts';

const MAX_NAMES = 5000;

/** A name below the state's folder. */
export interface StateName {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  /** Octal. */
  readonly mode: string;
  readonly uid: number;
  readonly size: number;
  /** ISO 8601. */
  readonly changed: string;
}

/** Every name below a folder, as it is, links not followed; the first some thousand. */
export async function listNames(dir: string): Promise<readonly StateName[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const paths = entries.map((entry) => join(entry.parentPath, entry.name)).toSorted();
  const names: StateName[] = [];
  for (const path of [dir, ...paths].slice(0, MAX_NAMES)) {
    const name = await describe(path, relative(dir, path) || '.');
    if (name !== undefined) names.push(name);
  }
  return names;
}

async function describe(path: string, shown: string): Promise<StateName | undefined> {
  try {
    const stats = await lstat(path);
    const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other';
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
    return { path: shown, kind, mode, uid: stats.uid, size: stats.size, changed: stats.mtime.toISOString() };
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined; // gone since it was listed
    throw error;
  }
}

/** The room where something is to be written. */
export interface DiskFacts {
  readonly path: string;
  readonly free: number;
  readonly total: number;
  /** The file system's magic number, hex: statfs(2). */
  readonly type: string;
  readonly freeNames: number;
}

/** Asks for each path, or for what there is above it. */
export async function readDisks(paths: readonly string[]): Promise<readonly DiskFacts[]> {
  const disks: DiskFacts[] = [];
  for (const path of new Set(paths)) disks.push(await diskOf(path));
  return disks;
}

async function diskOf(path: string): Promise<DiskFacts> {
  try {
    const { bavail, blocks, bsize, type: magic, ffree } = await statfs(path);
    return { path, free: bavail * bsize, total: blocks * bsize, type: `0x${magic.toString(16)}`, freeNames: ffree };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES') && path !== '/') return diskOf(dirname(path));
    throw error;
  }
}

/** What an engine says of itself and of the containers of ferry and of the product; none of their settings. */
export async function readEngine(engine: Engine, project: string | undefined): Promise<unknown> {
  const { images } = await engine.inventory();
  const containers = (await engine.containers()).filter(
    ({ labels }) =>
      labels[PIN_LABEL] !== undefined || (project !== undefined && labels[COMPOSE_LABELS.project] === project),
  );
  return {
    ...engine.facts,
    images: images.map(({ id, tags }) => ({ id, tags })),
    containers: containers.map(({ name, image, imageID, state, health, exitCode, labels }) => ({
      ...{ name, image, imageID, state, health },
      ...(exitCode !== undefined && { exitCode }),
      ...(labels[PIN_LABEL] !== undefined && { pin: labels[PIN_LABEL] }),
    })),
  };
}

/** The system below. */
export async function readSystem(): Promise<Readonly<Record<string, unknown>>> {
  return {
    node,
    system: `${type()} ${release()} ${arch()}`,
    distribution: await findDistribution(),
    memory: totalmem(),
    selinux: await isThere('/sys/fs/selinux/enforce'),
    systemd: await isThere('/run/systemd/system'),
  };
}

async function findDistribution(): Promise<string> {
  try {
    const text = await readFile('/etc/os-release', 'utf8');
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1] ?? '';
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return '';
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

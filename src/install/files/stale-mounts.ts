/**
 * Containers that still see an old file: one that mounts a single file holds that very inode, whatever its name is
 * given to afterwards. Looked for through the container's own root, where the engine is on this host. What cannot be
 * looked at is named too: to make a container again once too often costs less than to run on an old certificate.
 */

import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isErrno } from '../../content/index.ts';
import type { EngineContainer } from '../../docker/index.ts';
import type { Digest } from '../../oci/index.ts';
import type { Site } from '../steps/step.ts';
import { hostPath } from './host-path.ts';
import { digestOfOpen } from './standing.ts';

/** A file that was switched. */
export interface ChangedFile {
  /** Absolute, without the prefix. */
  readonly path: string;
  /** As it is now; `null`: nothing is there any more. */
  readonly digest: Digest | null;
}

/** A container that has to be made again, and the file on this host because of which. */
export interface StaleMount {
  /** The container's name. */
  readonly container: string;
  readonly path: string;
}

/** The running containers that mount one of these files by itself and see other bytes. @throws {DockerError} */
export async function findStaleMounts(
  { engine, prefix }: Pick<Site, 'engine' | 'prefix'>,
  files: readonly ChangedFile[],
): Promise<readonly StaleMount[]> {
  if (engine === undefined || !engine.facts.local || files.length === 0) return [];
  const shown = await Promise.all(files.map((file) => shownAs(file, prefix)));
  const stale: StaleMount[] = [];
  for (const { name, pid, mounts } of await engine.containers()) {
    if (pid === undefined) continue;
    for (const mount of mounts) {
      if (mount.type !== 'bind') continue;
      const given = await namesOf(mount.source);
      const file = shown.find(({ names }) => given.some((other) => names.includes(other)));
      if (file === undefined) continue;
      if ((await findSeen(pid, mount)) !== file.digest) stale.push({ container: name, path: file.path });
    }
  }
  return stale;
}

async function shownAs({ path, digest }: ChangedFile, prefix: string) {
  const own = hostPath(prefix, path);
  return { path: own, digest, names: await namesOf(own) };
}

/** A path, the same with no link on the way, and where it leads: a container may have been given any of them. */
async function namesOf(path: string): Promise<readonly string[]> {
  const folder = await findReal(dirname(path));
  const real = await findReal(path);
  return [path, ...(folder === undefined ? [] : [join(folder, basename(path))]), ...(real === undefined ? [] : [real])];
}

async function findReal(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return undefined;
    throw error;
  }
}

/** What a process sees at its mount; `undefined` when we cannot tell. */
async function findSeen(pid: number, { destination }: EngineContainer['mounts'][number]): Promise<Digest | undefined> {
  const handle = await findInRoot(pid, destination);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    return stats.isFile() ? await digestOfOpen(handle, stats.size) : undefined;
  } finally {
    await handle.close();
  }
}

/** Goes down one component at a time and over no link: a link in a container would lead out of it, to our own root. */
async function findInRoot(pid: number, path: string): Promise<FileHandle | undefined> {
  const names = path.split('/').filter((name) => name !== '');
  let folder: FileHandle | undefined;
  try {
    folder = await open(`/proc/${pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
    for (const name of names.slice(0, -1)) {
      const inner: FileHandle = await open(at(folder, name), SAFELY | constants.O_DIRECTORY);
      await folder.close();
      folder = inner;
    }
    return await open(at(folder, names.at(-1) ?? '.'), SAFELY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'EACCES', 'EPERM', 'ENXIO', 'ESRCH')) return undefined;
    throw error;
  } finally {
    await folder?.close();
  }
}

const SAFELY = constants.O_RDONLY | constants.O_NOFOLLOW;

function at(folder: FileHandle, name: string): string {
  return `/proc/self/fd/${folder.fd}/${name}`;
}

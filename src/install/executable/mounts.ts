/** Where the kernel runs no program: the mount that a path is on, as /proc/self/mountinfo tells it (proc(5)). */

import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno } from '../../content/index.ts';

/** The mount point of the file system that a path is or will be on, if that is mounted noexec. */
export async function findNoexec(path: string): Promise<string | undefined> {
  return noexecMount(await readFile('/proc/self/mountinfo', 'utf8'), await nearest(path));
}

/** The same of a mount table. Pure. @param path absolute and without links */
export function noexecMount(table: string, path: string): string | undefined {
  const mounts = table.split('\n').flatMap((line) => {
    // 36 35 98:0 /root /point options - …: the options of this mount, and not of its file system
    const [, , , , point, options] = line.split(' ');
    return point === undefined || options === undefined ? [] : [{ point: plain(point), options: options.split(',') }];
  });
  const over = mounts.filter(({ point }) => point === '/' || path === point || path.startsWith(`${point}/`));
  // of two on one point the later one is seen
  const mount = over.reduce<(typeof over)[number] | undefined>(
    (best, next) => (best !== undefined && best.point.length > next.point.length ? best : next),
    undefined,
  );
  return mount?.options.includes('noexec') ? mount.point : undefined;
}

/** Blanks and their like stand in the table as octal numbers. */
function plain(point: string): string {
  return point.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The path, or what is there of the way to it. */
async function nearest(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR') && dirname(path) !== path) return nearest(dirname(path));
    throw error;
  }
}

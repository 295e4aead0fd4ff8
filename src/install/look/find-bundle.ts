/**
 * From what a person named to the one tar that is meant: a file, or a folder that holds exactly one bundle. Several are
 * listed and none guessed. DESIGN "Command line".
 */

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../content/index.ts';
import { InstallError } from '../error.ts';

/** How every tar of ours ends. */
export const SUFFIX = '.ferry.tar';

/**
 * The path of the bundle.
 * @throws {InstallError} `MEDIUM_ABSENT`, `NO_BUNDLE_HERE`, `BUNDLE_AMBIGUOUS` listing what is there.
 */
export async function findBundle(path: string): Promise<string> {
  if (!(await isFolder(path))) return path;
  const names = (await readdir(path)).filter((name) => name.endsWith(SUFFIX) && !name.startsWith('.')).toSorted();
  const releases = names.filter(isRelease);
  const [first, ...others] = releases.length > 0 ? releases : names;
  if (first === undefined) throw notFound(path);
  if (others.length > 0) throw ambiguous(path, [first, ...others]);
  return join(path, first);
}

/** `<product>-<release>-<sequence>-<catalogue>`; overlays and catalogues lie beside the bundle that is meant. */
function isRelease(name: string): boolean {
  return !/-(?:catalogue|any|[0-9a-f]{16})-\d+\.ferry\.tar$/.test(name);
}

/** Whether a folder was named. @throws {InstallError} `MEDIUM_ABSENT` */
export async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    if (!isErrno(cause, 'ENOENT', 'ENOTDIR', 'ENODEV', 'ENOMEDIUM', 'ENXIO')) throw cause;
    throw new InstallError(`read bundle: ${path}: expected a bundle or a folder with one, got nothing`, {
      code: 'MEDIUM_ABSENT',
      cause,
      facts: { path },
    });
  }
}

/** The error for a folder without a bundle. */
export function notFound(path: string): InstallError {
  return new InstallError(`read bundle: ${path}: expected a file that ends in ${SUFFIX}, got none`, {
    code: 'NO_BUNDLE_HERE',
    facts: { path },
  });
}

/** The error for a folder in which several could be meant. */
export function ambiguous(path: string, names: readonly string[]): InstallError {
  const shown = names.map((name) => JSON.stringify(name)).join(', ');
  return new InstallError(`read bundle: ${path}: expected one bundle, got ${names.length}: ${shown}`, {
    code: 'BUNDLE_AMBIGUOUS',
    hint: 'name the one that is meant instead of its folder',
    facts: { path, names },
  });
}

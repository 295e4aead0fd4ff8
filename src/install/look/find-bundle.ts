/**
 * From what a person named to the one tar that is meant: a file, or a folder that holds exactly one bundle. Several are
 * listed and none guessed. DESIGN "Command line".
 */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../../content/index.ts';
import { InstallError } from '../error.ts';
import { isReleaseName, SUFFIX, tarNames } from './tar-name.ts';

/** A stick may be full of them. */
const MAX_SHOWN = 10;

/**
 * The path of the bundle.
 * @throws {InstallError} `MEDIUM_ABSENT`, `NO_BUNDLE_HERE`, `BUNDLE_AMBIGUOUS` listing what is there.
 */
export async function findBundle(path: string): Promise<string> {
  if (!(await isFolder(path))) return path;
  const names = await tarNames(path);
  const releases = names.filter(isReleaseName); // overlays and catalogues lie beside the bundle that is meant
  const [first, ...others] = releases.length > 0 ? releases : names;
  if (first === undefined) throw notFound(path);
  if (others.length > 0) throw ambiguous(path, [first, ...others]);
  return join(path, first);
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
  const shown = names.slice(0, MAX_SHOWN).map((name) => JSON.stringify(name));
  const all = [...shown, ...(names.length > MAX_SHOWN ? ['…'] : [])].join(', ');
  return new InstallError(`read bundle: ${path}: expected one bundle, got ${names.length}: ${all}`, {
    code: 'BUNDLE_AMBIGUOUS',
    hint: 'name the one that is meant instead of its folder',
    facts: { path, names },
  });
}

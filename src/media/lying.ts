/** What lies on a medium already: the tars of ferry, and those that only look like one. Others' files are not looked at. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { nameTaken } from './folder.ts';
import { isTarName, readTar, type Tar } from './tars.ts';

/** The tars in a folder, not below it. */
export interface Lying {
  readonly tars: readonly Tar[];
  /** By their names: damaged, or nothing of ferry's. */
  readonly broken: readonly { readonly name: string; readonly error: unknown }[];
}

/** Looks at a folder. Throws nothing for what a tar says. */
export async function readLying(dir: string): Promise<Lying> {
  const tars: Tar[] = [];
  const broken: { name: string; error: unknown }[] = [];
  for (const name of (await readdir(dir)).filter(isTarName).toSorted()) {
    try {
      tars.push(await readFile(join(dir, name)));
    } catch (error) {
      broken.push({ name, error });
    }
  }
  return { tars, broken };
}

/** A link is no file of a kit: it would lead nowhere at the site. @throws {ContentError} `NAME_TAKEN`; as {@link readTar} */
async function readFile(path: string): Promise<Tar> {
  if ((await lstat(path)).isFile()) return readTar(path);
  throw nameTaken(path, 'something that is no file');
}

/** The tars that a person named; one that lies in the folder is the very one that was found there. */
export async function readGiven(paths: readonly string[], dir: string, { tars }: Lying): Promise<Tar[]> {
  const folder = await realpath(dir);
  const given: Tar[] = [];
  for (const path of paths) {
    const real = await realpath(path).catch(() => path); // that it is not there is for readTar to say
    const found = dirname(real) === folder ? tars.find((tar) => basename(tar.path) === basename(real)) : undefined;
    given.push(found ?? (await readTar(path)));
  }
  return given;
}

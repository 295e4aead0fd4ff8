/** `older/`: where the tars of former kits go, which a folder import does not look into. Nothing there is overwritten. */
import { access, lstat, mkdir, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { chunkListPath } from '../bundle/index.ts';
import { asWriteError, isErrno, syncDirectory } from '../content/index.ts';
import { nameTaken } from './folder.ts';
import { readBack } from './read-back.ts';

/** The folder's name. */
const OLDER = 'older';

/** Makes sure that each may go there. @throws {ContentError} `NAME_TAKEN` when other bytes have its name */
export async function checkOlder(dir: string, names: readonly string[]): Promise<void> {
  if (names.length > 0) await checkFolder(join(dir, OLDER));
  for (const name of names) {
    const [from, to] = [join(dir, name), join(dir, OLDER, name)];
    if (!(await isThere(to))) continue;
    const [here, there] = [await readBack(from), await readBack(to)];
    if (here.sha256 !== there.sha256) throw nameTaken(to, 'other bytes under it');
  }
}

/** Through a link they would go off the medium. */
async function checkFolder(older: string): Promise<void> {
  const found = await lstat(older).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT')) throw error;
  });
  if (found !== undefined && !found.isDirectory()) throw nameTaken(older, 'something that is no folder');
}

/** Moves tars, and what lies beside each. Answers the names of the tars. */
export async function moveToOlder(dir: string, names: readonly string[]): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const older = join(dir, OLDER);
  try {
    await mkdir(older).catch((error: unknown) => {
      if (!isErrno(error, 'EEXIST')) throw error;
    });
    for (const name of names) {
      const list = chunkListPath(name);
      if (list !== undefined && (await isThere(join(dir, list)))) await rename(join(dir, list), join(older, list));
      await rename(join(dir, name), join(older, name));
    }
  } catch (error) {
    throw isErrno(error, 'ENOTDIR') ? nameTaken(older, 'a file under it') : asWriteError(error, older);
  }
  await syncDirectory(older);
  await syncDirectory(dir);
  return names.map((name) => basename(name));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}

/** No release writes into a folder that a package of the system owns. FORMAT §3. */

import { dirname } from 'node:path';
import { InstallError } from '../error.ts';
import { findPackageOwner } from './package-owner.ts';

export interface OwnedFolderOptions {
  /** The folders of the product: these and what is below are asked about. */
  readonly folders: readonly string[];
  /** @default the system's package managers */
  readonly findOwner?: ((path: string) => Promise<string | undefined>) | undefined;
}

/** Asks for each folder on the way to these files. @throws {InstallError} `FOLDER_OWNED` */
export async function refuseOwned(
  paths: readonly string[],
  { folders, findOwner = findPackageOwner }: OwnedFolderOptions,
): Promise<void> {
  for (const folder of new Set(paths.flatMap((path) => foldersOf(path, folders)))) {
    const owner = await findOwner(folder);
    if (owner !== undefined) throw owned(folder, owner);
  }
}

/** From the product's folder down to the file's own. */
function foldersOf(path: string, folders: readonly string[]): readonly string[] {
  const above: string[] = [];
  for (let folder = dirname(path); folders.some((root) => isIn(folder, root)); folder = dirname(folder)) {
    above.push(folder);
  }
  return above;
}

function isIn(folder: string, root: string): boolean {
  return folder === root || folder.startsWith(`${root}/`);
}

function owned(folder: string, owner: string): InstallError {
  return new InstallError(
    `install into ${folder}: expected a folder of no package, got one of ${JSON.stringify(owner)}`,
    {
      code: 'FOLDER_OWNED',
      facts: { folder, owner },
    },
  );
}

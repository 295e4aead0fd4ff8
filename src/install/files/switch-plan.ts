/**
 * From the files that are to stand somewhere to what is changed in which folder, and what stood there before: the data
 * of the steps that stage and switch files. With it and a look at the disk both can be undone by another process.
 */

import { lstat, readdir } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Digest } from '../../oci/index.ts';
import { InstallError } from '../error.ts';
import type { FolderTree, OpenFolder } from './folder.ts';
import { type Form, findVersion, formOf, isOurLink, openVersion } from './our-link.ts';
import { type FoundFile, findStanding } from './standing.ts';

/** What is to stand at a path. */
export interface WantedFile {
  /** Absolute, without the prefix. */
  readonly path: string;
  /** As it is called in its signed document. */
  readonly name: string;
  /** `null`: nothing is to stand there. */
  readonly digest: Digest | null;
  readonly size: number;
  /** Permission bits; what is beyond 0777 is never set. */
  readonly mode: number;
  /** @default that of the predecessor, else ours */
  readonly uid?: number;
  /** @default that of the predecessor, else ours */
  readonly gid?: number;
  /** An entry of the tar, or a path below the state's folder; `null` where nothing is to stand. */
  readonly source: { readonly entry: string } | { readonly stored: string } | null;
  /** Stands there as a plain file once all is settled, as it did before ferry came. @default false */
  readonly isPlain?: boolean;
  /** Must be a link of ours, also where a plain file has the same bytes: it is switched together with another one. @default false */
  readonly isLinked?: boolean;
}

/** What the steps that stage and switch files know. */
export interface SwitchData {
  /** The folders that are not there before, outermost first. */
  readonly made: readonly string[];
  readonly folders: readonly FolderSwitch[];
}

/** What changes in one folder, all at once. */
export interface FolderSwitch {
  /** Absolute, without the prefix. */
  readonly folder: string;
  /** The version that `..data` leads to before; `null` when there is no `..data`. */
  readonly before: string | null;
  /** Names of installed files that stay as they are. */
  readonly carried: readonly string[];
  /**
   * Whether another version stands in for the former one until the switch: a plain file is taken over, or the former one
   * has bytes under a name that somebody took away, which a link would show again.
   */
  readonly hasStandIn: boolean;
  readonly files: readonly FileSwitch[];
}

/** What changes under one name. */
export interface FileSwitch {
  /** In its folder. */
  readonly name: string;
  /** What `lstat` says of it before. */
  readonly was: Form;
  /** Its bytes before; `null` when there are none. */
  readonly found: Digest | null;
  readonly digest: Digest | null;
  readonly size: number;
  readonly mode: number;
  /** `null`: the predecessor's, else ours. */
  readonly uid: number | null;
  readonly gid: number | null;
  readonly source: { readonly entry: string } | { readonly stored: string } | null;
  readonly isPlain: boolean;
}

/**
 * Looks at what is to be changed; `undefined` when all stands as it is wanted.
 * @throws {InstallError} `DESTINATION_UNSAFE`
 */
export async function planSwitch(wanted: readonly WantedFile[], tree: FolderTree): Promise<SwitchData | undefined> {
  const folders: FolderSwitch[] = [];
  const made = new Set<string>();
  for (const [path, files] of Map.groupBy(wanted, (file) => dirname(file.path))) {
    const folder = await planFolder(path, files, tree);
    if (folder === undefined) continue;
    folders.push(folder);
    for (const missing of await tree.missing(path)) made.add(missing);
  }
  return folders.length === 0 ? undefined : { made: [...made], folders };
}

async function planFolder(
  path: string,
  wanted: readonly WantedFile[],
  tree: FolderTree,
): Promise<FolderSwitch | undefined> {
  const folder = await tree.find(path);
  const files: FileSwitch[] = [];
  for (const file of wanted) {
    const was = folder === undefined ? 'absent' : await formOf(folder, basename(file.path), file.path);
    const found = await findStanding(tree, file.path);
    if (!isStanding(file, was, found)) files.push(fileSwitch(file, was, found));
  }
  if (files.length === 0) return undefined;
  const before = folder && (await findVersion(folder, path));
  const { names, shown } = folder === undefined ? { names: [], shown: [] } : await installedNames(folder, path);
  const carried = shown.filter((name) => !files.some((file) => file.name === name));
  const hasStandIn = files.some(({ was, name }) => was === 'file' || (was === 'absent' && names.includes(name)));
  return { folder: path, before: before ?? null, carried, hasStandIn, files };
}

function isStanding(wanted: WantedFile, was: Form, found: FoundFile | undefined): boolean {
  const { digest, mode, uid, gid, isPlain, isLinked } = wanted;
  if (digest === null) return was === 'absent';
  if (isLinked === true && was !== 'link') return false;
  if (found === undefined || found.digest !== digest) return false;
  if (found.mode !== mode && found.mode !== (mode & 0o777)) return false;
  const isOwned = (uid === undefined || uid === found.uid) && (gid === undefined || gid === found.gid);
  return isOwned && (isPlain !== true || was === 'file');
}

function fileSwitch(file: WantedFile, was: Form, found: FoundFile | undefined): FileSwitch {
  const { path, digest, size, mode, source, uid = null, gid = null, isPlain = false } = file;
  const name = basename(path);
  return { name, was, found: found?.digest ?? null, digest, size, mode: mode & 0o777, uid, gid, source, isPlain };
}

/** The files of a folder's version, and those that are shown by links of ours: one without is nobody's any more. */
async function installedNames(folder: OpenFolder, path: string) {
  const [names, shown]: [string[], string[]] = [[], []];
  const version = await openVersion(folder, path);
  if (version === undefined) return { names, shown };
  try {
    for (const name of (await readdir(version.at('.'))).toSorted()) {
      if (!(await lstat(version.at(name))).isFile()) continue;
      names.push(name);
      if (await isOurLink(folder, name)) shown.push(name);
    }
    return { names, shown };
  } finally {
    await version.close();
  }
}

/** The error for a file that is not what was planned for: somebody else is at it. */
export function changedMeanwhile(path: string, expected: string): InstallError {
  return new InstallError(`install ${path}: expected ${expected}, got something else meanwhile`, {
    code: 'FILE_CHANGED',
    facts: { path },
  });
}

/** The files that a plan changes, as they are to be. */
export function changedFiles({
  folders,
}: SwitchData): readonly { readonly path: string; readonly digest: Digest | null }[] {
  return folders.flatMap(({ folder, files }) =>
    files.map(({ name, digest }) => ({ path: `${folder}/${name}`, digest })),
  );
}

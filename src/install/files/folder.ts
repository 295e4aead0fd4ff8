/**
 * The way to a file's destination, opened one component at a time below the prefix: each one a real folder, none a link,
 * none that somebody else may write. Names below an open folder are reached through its descriptor
 * (`/proc/self/fd/N/name`, as openat(2) would), so that nobody can swap a component between the look and the write.
 * FORMAT §3 "Where it may write".
 */

import type { Stats } from 'node:fs';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { asWriteError, isErrno } from '../../content/index.ts';
import { InstallError } from '../error.ts';

const FOLDER_MODE = 0o755;

/** An open folder of a {@link FolderTree}, which closes it. */
export interface OpenFolder {
  /** A path to a name inside, through the descriptor. */
  at(name: string): string;
  /** Makes the names in it survive a power cut. */
  sync(): Promise<void>;
}

/** A folder in an open folder; whoever opened it closes it. */
export interface InnerFolder extends OpenFolder {
  close(): Promise<void>;
}

/** All folders that a transaction has opened, each once. */
export class FolderTree {
  readonly #prefix: string;
  readonly #open = new Map<string, FileHandle>();

  /** Begins at `prefix`, `/` on a real site: what stands above it is the operator's own affair. */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Opens a folder by its absolute path below the prefix; `undefined` when it is not there.
   * @throws {InstallError} `DESTINATION_UNSAFE` naming the component that is a link, no folder, or open to others.
   */
  async find(path: string): Promise<OpenFolder | undefined> {
    let folder = await this.#root();
    for (const { name, reached } of componentsOf(path)) {
      if (folder === undefined) return undefined;
      folder = await this.#child(folder, name, reached);
    }
    return folder;
  }

  /** The same, and makes what is missing, 0755. @throws {ContentError} `READ_ONLY`, `NOT_WRITABLE`, `NO_SPACE` also */
  async make(path: string): Promise<OpenFolder> {
    await makeFolder(this.#prefix, { shown: this.#prefix, recursive: true });
    let folder = (await this.#root()) as OpenFolder;
    for (const { name, reached } of componentsOf(path)) {
      folder = (await this.#child(folder, name, reached)) ?? (await this.#makeChild(folder, name, reached));
    }
    return folder;
  }

  /** The folders on the way that are not there, outermost first. @throws {InstallError} `DESTINATION_UNSAFE` */
  async missing(path: string): Promise<readonly string[]> {
    const absent: string[] = [];
    for (const { reached } of componentsOf(path)) {
      if (absent.length > 0 || (await this.find(reached)) === undefined) absent.push(reached);
    }
    return absent;
  }

  async close(): Promise<void> {
    const handles = [...this.#open.values()];
    this.#open.clear();
    for (const handle of handles) await handle.close();
  }

  async #root(): Promise<OpenFolder | undefined> {
    const handle = this.#open.get('') ?? (await findHandle(this.#prefix, constants.O_DIRECTORY));
    return handle === undefined ? undefined : this.#keep('', handle);
  }

  async #child(parent: OpenFolder, name: string, path: string): Promise<OpenFolder | undefined> {
    const known = this.#open.get(path);
    if (known !== undefined) return folderOf(known, path);
    const found = await openChild(parent, name, path);
    return found && this.#keep(path, found);
  }

  async #makeChild(parent: OpenFolder, name: string, path: string): Promise<OpenFolder> {
    await makeFolder(parent.at(name), { shown: path, recursive: false });
    await parent.sync();
    const child = await this.#child(parent, name, path);
    if (child === undefined) throw unsafe(path, 'expected the folder that was just made, got none');
    return child;
  }

  #keep(path: string, handle: FileHandle): OpenFolder {
    this.#open.set(path, handle);
    return folderOf(handle, path);
  }
}

/**
 * Opens a folder that stands in an open one, as carefully; `undefined` when it is not there.
 * @param path its absolute path, for the error.
 * @throws {InstallError} `DESTINATION_UNSAFE`
 */
export async function openInner(folder: OpenFolder, name: string, path: string): Promise<InnerFolder | undefined> {
  const found = await openChild(folder, name, path);
  return found && { ...folderOf(found, path), close: () => found.close() };
}

async function openChild(parent: OpenFolder, name: string, path: string): Promise<FileHandle | undefined> {
  const found = await findChild(parent, name, path);
  if (found === undefined) return undefined;
  const problem = writableByOthers(await found.stat());
  if (problem === undefined) return found;
  await found.close();
  throw unsafe(path, `expected a folder that only root or we may write, got ${problem}`);
}

/** Who else may write it, in words; `undefined` when nobody. */
function writableByOthers(stats: Pick<Stats, 'mode' | 'uid' | 'gid'>): string | undefined {
  const us = userInfo();
  if (stats.uid !== 0 && stats.uid !== us.uid) return `one that belongs to user ${stats.uid}`;
  if ((stats.mode & 0o002) !== 0) return 'one that everybody may write';
  if ((stats.mode & 0o020) !== 0 && stats.gid !== 0 && stats.gid !== us.gid) {
    return `one that group ${stats.gid} may write`;
  }
  return undefined;
}

/** The error for a destination that this host makes unsafe. */
export function unsafe(path: string, why: string, cause?: unknown): InstallError {
  return new InstallError(`install ${path}: ${why}`, { code: 'DESTINATION_UNSAFE', cause, facts: { path } });
}

function componentsOf(path: string): readonly { readonly name: string; readonly reached: string }[] {
  const names = path.split('/').filter((part) => part !== '');
  return names.map((name, at) => ({ name, reached: `/${names.slice(0, at + 1).join('/')}` }));
}

async function findChild(parent: OpenFolder, name: string, path: string): Promise<FileHandle | undefined> {
  try {
    return await findHandle(parent.at(name), constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isErrno(error, 'ELOOP', 'ENOTDIR')) throw unsafe(path, 'expected a folder, got a link or a file', error);
    throw error;
  }
}

/** @param options.shown the path for the error: the one that is used may lead through a descriptor */
async function makeFolder(path: string, options: { readonly shown: string; readonly recursive: boolean }) {
  try {
    await mkdir(path, { recursive: options.recursive, mode: FOLDER_MODE });
  } catch (error) {
    throw asWriteError(error, options.shown);
  }
}

async function findHandle(path: string, flags: number): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** @param path for the error, below the prefix */
function folderOf(handle: FileHandle, path: string): OpenFolder {
  return {
    at: (name) => `/proc/self/fd/${handle.fd}/${name}`,
    sync: () =>
      handle.sync().catch((error: unknown) => {
        throw asWriteError(error, path || '/');
      }),
  };
}

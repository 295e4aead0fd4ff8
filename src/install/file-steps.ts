/**
 * The files of a release or an overlay as steps: written beside their destinations first, switched when the images are
 * in. What is there already, byte for byte and with its mode, is left alone. FORMAT §3, DESIGN decision 4.
 */

import { dirname } from 'node:path';
import type { InstallFile } from './destination.ts';
import { InstallError } from './error.ts';
import { FolderTree } from './folder.ts';
import { findPackageOwner } from './package-owner.ts';
import {
  type FoundFile,
  findFile,
  forget,
  type StagedFile,
  stage,
  switchBack,
  switchFile,
  writeDraft,
} from './place.ts';
import type { Step } from './step.ts';

/** A file and what is to be done about it. */
export interface PlannedFile {
  readonly file: InstallFile;
  readonly found: FoundFile | undefined;
  readonly action: 'installed' | 'same';
}

/** All files, and the open folders that lead to them. */
export interface FilePlan {
  readonly files: readonly PlannedFile[];
  readonly tree: FolderTree;
}

export interface PlanFilesOptions {
  /** What stands before every path. */
  readonly prefix: string;
  /** The folders of the product: these and what is below may belong to no package. */
  readonly folders: readonly string[];
  /** Who owns a folder; only asked on a real site, without a prefix. */
  readonly findOwner?: (path: string) => Promise<string | undefined>;
}

/**
 * Looks at every destination and changes nothing. Whoever plans closes the plan's tree.
 * @throws {InstallError} `DESTINATION_UNSAFE`, `FOLDER_OWNED`.
 */
export async function planFiles(files: readonly InstallFile[], options: PlanFilesOptions): Promise<FilePlan> {
  const tree = new FolderTree(options.prefix);
  try {
    const planned: PlannedFile[] = [];
    for (const file of files) planned.push(await planFile(file, tree));
    if (options.prefix === '/') await refuseOwned(planned, options);
    return { files: planned, tree };
  } catch (error) {
    await tree.close();
    throw error;
  }
}

async function planFile(file: InstallFile, tree: FolderTree): Promise<PlannedFile> {
  const folder = await tree.find(dirname(file.path));
  const found = folder === undefined ? undefined : await findFile(folder, file);
  return { file, found, action: found?.isSame ? 'same' : 'installed' };
}

async function refuseOwned(planned: readonly PlannedFile[], options: PlanFilesOptions): Promise<void> {
  const findOwner = options.findOwner ?? findPackageOwner;
  const changed = planned.filter(({ action }) => action === 'installed');
  const folders = new Set(changed.flatMap(({ file }) => foldersOf(file.path, options.folders)));
  for (const folder of folders) {
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

/**
 * The steps that write and switch the planned files.
 * @param read the bytes of a file, proven as they flow.
 */
export function fileSteps(
  plan: FilePlan,
  read: (file: InstallFile) => AsyncIterable<Uint8Array>,
): { readonly stage: Step; readonly switch: Step } | undefined {
  const changed = plan.files.filter(({ action }) => action === 'installed');
  if (changed.length === 0) return undefined;
  const staged: StagedFile[] = [];
  const begun = new Set<StagedFile>();
  return {
    stage: {
      name: 'write files beside their destinations',
      apply: async () => {
        for (const planned of changed) {
          const file = stage(await plan.tree.make(dirname(planned.file.path)), planned.file);
          staged.push(file);
          await writeDraft(file, { source: read(planned.file), found: planned.found });
        }
      },
      undo: async () => {
        for (const file of staged) await switchBack(file, { isBegun: begun.has(file) });
        begun.clear();
        await plan.tree.removeMade();
      },
      settle: async () => {
        for (const file of staged) await forget(file);
      },
    },
    switch: {
      name: 'switch files',
      apply: async () => {
        for (const file of staged) {
          begun.add(file);
          await switchFile(file);
        }
      },
      // the stage step's undo puts back and takes away in one go: it comes after this one
      undo: async () => {},
    },
  };
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

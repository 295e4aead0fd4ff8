/**
 * What is to be done about each file of an import, by what stands at its place: nothing, write it, or leave an edit of
 * the operator alone. Looks and changes nothing. FORMAT §3; the steps are `steps/stage.ts` and `steps/switch.ts`.
 */

import { basename, dirname } from 'node:path';
import { InstallError } from '../error.ts';
import type { Installed, InstalledFile } from '../kept/installed.ts';
import { type InstallFile, isOfPair } from './destination.ts';
import { FolderTree } from './folder.ts';
import { findVersion, isOurLink } from './our-link.ts';
import { refuseOwned } from './owned-folder.ts';
import { type FoundFile, findStanding } from './standing.ts';

/** A file and what is to be done about it. */
export interface PlannedFile {
  readonly file: InstallFile;
  readonly found: FoundFile | undefined;
  /** `kept`: the operator's edit stays. */
  readonly action: 'installed' | 'same' | 'kept';
}

/** A file that is neither as it was last installed nor the new one, and nobody said what to do about it. */
export interface LocalEdit {
  readonly file: InstallFile;
  readonly found: FoundFile;
  /** As it was last installed; none when it is not ours. */
  readonly last: InstalledFile | undefined;
}

/** All files, and the open folders that lead to them. */
export interface FilePlan {
  /** An edit is among them as `installed`: whoever goes on in spite of `edits` replaces it. */
  readonly files: readonly PlannedFile[];
  readonly tree: FolderTree;
  readonly edits: readonly LocalEdit[];
  /** The same, but `replace` named them: they go, which is written down. */
  readonly replaced: readonly LocalEdit[];
  /** What is replaced though ferry did not install it: on a first import, in words. */
  readonly warnings: readonly string[];
}

export interface PlanFilesOptions {
  /** What stands before every path. */
  readonly prefix: string;
  /** The folders of the product: these and what is below may belong to no package. */
  readonly folders: readonly string[];
  /** Who owns a folder; only asked on a real site, without a prefix. */
  readonly findOwner?: ((path: string) => Promise<string | undefined>) | undefined;
  /** What was installed last; none on a first import, which replaces what it finds. */
  readonly last?: Pick<Installed, 'files'> | undefined;
  /** Document names or paths of files whose edits stay. */
  readonly keepLocal?: readonly string[] | undefined;
  /** Document names or paths of files whose edits go. */
  readonly replace?: readonly string[] | undefined;
  /** Told why a file may not stand at its place: it is left out, and the others are looked at. @default thrown */
  readonly onRefusal?: ((error: unknown) => void) | undefined;
}

/**
 * Looks at every destination. Whoever plans closes the plan's tree.
 * @throws {InstallError} `NO_SUCH_FILE` for a name that no file has; `DESTINATION_UNSAFE`, `FOLDER_OWNED`.
 */
export async function planFiles(files: readonly InstallFile[], options: PlanFilesOptions): Promise<FilePlan> {
  refuseUnknown(files, options);
  const tree = new FolderTree(options.prefix);
  try {
    const planned: PlannedFile[] = [];
    for (const file of files) {
      await refusing(async () => void planned.push(await planFile(file, tree, options)), options);
    }
    const changed = planned.filter(({ action }) => action === 'installed').map(({ file }) => file.path);
    await refusing(() => refuseForeignVersions(changed, tree), options);
    if (options.prefix === '/') await refusing(() => refuseOwned(changed, options), options);
    return { files: planned, tree, ...editsOf(planned, options), warnings: warningsOf(planned, options) };
  } catch (error) {
    await tree.close();
    throw error;
  }
}

async function refusing(look: () => Promise<void>, { onRefusal }: PlanFilesOptions): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (onRefusal === undefined) throw error;
    onRefusal(error);
  }
}

async function planFile(file: InstallFile, tree: FolderTree, { keepLocal = [] }: PlanFilesOptions) {
  const found = await findStanding(tree, file.path);
  if (found === undefined) return { file, found, action: 'installed' as const };
  const isPlaced = !isOfPair(file.role) || (await isLinkedAt(tree, file.path));
  if (isPlaced && isSame(found, file)) return { file, found, action: 'same' as const };
  return { file, found, action: isNamed(file, keepLocal) ? ('kept' as const) : ('installed' as const) };
}

/** Whose it is does not count: the operator may have given it to the user that a container runs as. */
function isSame(found: FoundFile, file: InstallFile): boolean {
  return found.digest === file.digest && found.mode === file.mode;
}

async function isLinkedAt(tree: FolderTree, path: string): Promise<boolean> {
  const folder = await tree.find(dirname(path));
  return folder !== undefined && (await isOurLink(folder, basename(path)));
}

/** What others keep under our name must be told before anything is changed. */
async function refuseForeignVersions(paths: readonly string[], tree: FolderTree): Promise<void> {
  for (const path of new Set(paths.map((changed) => dirname(changed)))) {
    const folder = await tree.find(path);
    if (folder !== undefined) await findVersion(folder, path);
  }
}

function editsOf(
  planned: readonly PlannedFile[],
  { last, replace = [] }: PlanFilesOptions,
): Pick<FilePlan, 'edits' | 'replaced'> {
  const all = last === undefined ? [] : planned.flatMap((one) => findEdit(one, last));
  const isReplaced = ({ file }: LocalEdit) => isNamed(file, replace);
  return { edits: all.filter((edit) => !isReplaced(edit)), replaced: all.filter(isReplaced) };
}

/** A file that is gone is no edit: nothing is lost when it is written again. */
function findEdit({ file, found, action }: PlannedFile, last: Pick<Installed, 'files'>): readonly LocalEdit[] {
  if (action !== 'installed' || found === undefined || found.digest === file.digest) return [];
  const former = last.files.find(({ path }) => path === file.path);
  // what --keep-local kept is asked about again: it was for one import; and what was found, nobody has installed
  const isOurs = former?.from === 'release' || former?.from === 'site';
  const isAsInstalled = isOurs && former.digest === found.digest;
  return isAsInstalled ? [] : [{ file, found, last: former }];
}

function warningsOf(planned: readonly PlannedFile[], { last }: PlanFilesOptions): readonly string[] {
  if (last !== undefined) return [];
  return planned
    .filter(({ action, found }) => action === 'installed' && found !== undefined)
    .map(({ file }) => `${file.path} was here before ferry and is replaced; \`ferry rollback\` brings it back`);
}

function isNamed({ name, path }: InstallFile, names: readonly string[]): boolean {
  return names.includes(name) || names.includes(path);
}

function refuseUnknown(files: readonly InstallFile[], { keepLocal = [], replace = [] }: PlanFilesOptions): void {
  for (const [flag, names] of [
    ['--keep-local', keepLocal],
    ['--replace', replace],
  ] as const) {
    const unknown = names.find((name) => !files.some((file) => isNamed(file, [name])));
    if (unknown !== undefined) throw noSuchFile(flag, unknown, files);
  }
}

function noSuchFile(flag: string, name: string, files: readonly InstallFile[]): InstallError {
  const names = files.map((file) => file.name);
  const why = names.length === 0 ? 'a file of this bundle, which installs none' : `one of ${names.join(', ')}`;
  return new InstallError(`install files: ${flag}: expected ${why}, got ${JSON.stringify(name)}`, {
    code: 'NO_SUCH_FILE',
    facts: { flag, name, names },
  });
}

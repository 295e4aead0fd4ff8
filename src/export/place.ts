/**
 * Where a bundle and its partial are. FORMAT §6 keeps partials in the workspace, and a bundle appears by rename: both
 * hold while the two are on one file system. Else the partial is a hidden file beside its target, on the medium. A
 * rename that is tried out says which, and tells before the first byte when the medium takes nothing.
 */
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asWriteError, checkRoom, isErrno, mediumOf } from '../content/index.ts';
import { ExportError } from './error.ts';

/** Makes sure that the folder is there. @throws {ExportError} `OUT_MISSING` when what holds it is not */
export async function openOut(outDir: string): Promise<void> {
  try {
    await mkdir(outDir);
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return;
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw asWriteError(error, outDir);
    throw new ExportError(`export to ${outDir}: expected a folder, got none`, {
      code: 'OUT_MISSING',
      cause: error,
      facts: { path: outDir },
    });
  }
}

/** The partial's path: in `exports` when a rename from there to the target works, else hidden beside the target. @throws as {@link canRename} */
export async function partialPath(
  exports: string,
  { outDir, stem, name }: { readonly outDir: string; readonly stem: string; readonly name: string },
): Promise<string> {
  const isRenamed = await canRename(exports, { outDir, stem });
  return isRenamed ? join(exports, `${stem}.partial`) : join(outDir, `.${name}.partial`);
}

/**
 * Whether a rename from `exports` to the target works: it is tried.
 * @throws {ContentError} `READ_ONLY`, `NOT_WRITABLE`, `NO_SPACE`
 */
export async function canRename(
  exports: string,
  { outDir, stem }: { readonly outDir: string; readonly stem: string },
): Promise<boolean> {
  const [from, to] = [join(exports, `${stem}.probe`), join(outDir, `.${stem}.probe`)];
  try {
    await writeFile(from, '');
    await rename(from, to);
    return true;
  } catch (error) {
    if (isErrno(error, 'EXDEV')) return false;
    throw asWriteError(error, outDir);
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}

/**
 * Refuses a bundle that can't fit before its first byte; what a partial already holds counts as room.
 * @throws {ContentError} `NO_SPACE` with both numbers, `FAT_LIMIT`
 */
export async function checkPlace(
  { outDir, partial }: { readonly outDir: string; readonly partial: string },
  { path, size }: { readonly path: string; readonly size: number },
): Promise<void> {
  const { kind, free } = await mediumOf(outDir);
  checkRoom({ kind, free: free + (await allocated(partial)) }, { path, size });
}

/** Bytes on the disk, which are fewer than the length of a file that has holes. */
async function allocated(path: string): Promise<number> {
  try {
    return (await stat(path)).blocks * 512;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return 0;
    throw error;
  }
}

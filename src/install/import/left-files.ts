/**
 * Files that the installed release has brought and the next one has no more: nobody told ferry to take them away, and a
 * program may still read them, so they stay, and a person is told.
 */

import { parseReleaseDocument, type ReleaseDocument } from '../../manifest/index.ts';
import type { StoredRelease } from '../../state/index.ts';
import { InstallError } from '../error.ts';
import type { FilePlan } from '../files/file-plan.ts';
import { findStanding } from '../files/standing.ts';
import type { Installed } from '../kept/installed.ts';

export interface LeftFilesOptions {
  readonly release: Pick<ReleaseDocument, 'release'>;
  /** The release that is left. */
  readonly current: StoredRelease | undefined;
  /** What it is on this host. */
  readonly last: Pick<Installed, 'files'> | undefined;
}

/** A line for each. Looks and changes nothing. */
export async function leftLines(
  { files, tree }: Pick<FilePlan, 'files' | 'tree'>,
  { release, current, last }: LeftFilesOptions,
): Promise<readonly string[]> {
  if (current === undefined) return [];
  const { release: former } = parseReleaseDocument(current.document);
  const lines: string[] = [];
  for (const { path, from, digest } of last?.files ?? []) {
    if (from !== 'release' || digest === null || files.some(({ file }) => file.path === path)) continue;
    if ((await findStanding(tree, path).catch(unlessUnsafe)) === undefined) continue;
    lines.push(`${path} was installed by ${former} and is no part of ${release.release}: left in place`);
  }
  return lines;
}

/** What is not ours any more is nothing to tell of. */
function unlessUnsafe(error: unknown): undefined {
  if (!(error instanceof InstallError) || error.code !== 'DESTINATION_UNSAFE') throw error;
}

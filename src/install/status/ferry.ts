/** Which ferry is used on this host, and whether the installed release carries a newer one. */

import { arch } from 'node:os';
import { isNewer } from '../../manifest/index.ts';
import { InstallError } from '../error.ts';
import { ferryFiles, ferryFor, machineOf } from '../executable/choose.ts';
import { findLinked, type Linked } from '../executable/linked.ts';
import { executablePath, LINK, versionOfTarget } from '../executable/places.ts';
import { FolderTree } from '../files/folder.ts';
import { hostPath } from '../files/host-path.ts';
import { prefixIn } from './files.ts';
import type { InstalledRelease } from './release.ts';

export interface StatusFerry {
  readonly version: string;
  /** Where the executable stands that /usr/bin/ferry leads to, on this host. */
  readonly path: string;
}

/** Looks at the link. @param prefix what stands before every path; where none is given, what the receipt says */
export async function lookAtFerry(
  release: InstalledRelease | undefined,
  prefix: string | undefined,
): Promise<{ readonly ferry?: StatusFerry; readonly lines: readonly string[] }> {
  const before = prefix ?? prefixOf(release);
  const linked = await findSafely(before);
  if (linked?.kind !== 'version' || !linked.isThere) {
    return { lines: linked?.kind === 'absent' ? ferryLines(undefined, release, before) : [] };
  }
  const { version } = linked;
  const ferry = { version, path: hostPath(before, executablePath(version)) };
  return { ferry, lines: ferryLines(version, release, before) };
}

/** A way there that is not safe is told by the import that would go it. */
async function findSafely(prefix: string): Promise<Linked | undefined> {
  const tree = new FolderTree(prefix);
  try {
    return await findLinked(tree);
  } catch (error) {
    if (error instanceof InstallError && error.code === 'DESTINATION_UNSAFE') return undefined;
    throw error;
  } finally {
    await tree.close();
  }
}

function ferryLines(
  used: string | undefined,
  release: InstalledRelease | undefined,
  prefix: string,
): readonly string[] {
  const carried = ferryFor(ferryFiles(release?.document?.files ?? []), machineOf(arch()))?.ferry.version;
  if (carried === undefined || (used !== undefined && !isNewer(carried, used))) return [];
  const what = used === undefined ? 'nothing' : `ferry ${used}`;
  return [`${hostPath(prefix, LINK)} is ${what}, and the installed release carries ${carried}: import it again`];
}

/** The receipt has the paths as they are on this host. */
function prefixOf(release: InstalledRelease | undefined): string {
  const files = release?.receipt?.files ?? [];
  for (const { path } of files) {
    const at = path.lastIndexOf('/usr/local/');
    if (at >= 0 && versionOfTarget(path.slice(at)) !== undefined) return path.slice(0, at) || '/';
  }
  return prefixIn(files, release?.installed?.files ?? []);
}

/** The files of the installed release as they are against as they were installed. */

import { lookAtFiles } from '../files/drift.ts';
import { hostPath } from '../files/host-path.ts';
import type { Installed } from '../kept/installed.ts';
import type { InstalledRelease } from './release.ts';

/** A file of the installed release. */
export interface StatusFile {
  /** On this host. */
  readonly path: string;
  readonly name: string;
  readonly ok: boolean;
  readonly found: 'present' | 'missing' | 'changed';
}

/** Looks at each. @param prefix what stands before every path; where none is given, what the receipt says */
export async function lookAtReleaseFiles(
  release: InstalledRelease | undefined,
  prefix: string | undefined,
): Promise<readonly StatusFile[]> {
  if (release?.installed === undefined || release.sequence === 0) return [];
  // what the release did not bring is the operator's own, though it was seen
  const files = release.installed.files.filter(({ from, digest }) => from !== 'found' && digest !== null);
  const before = prefix ?? prefixIn(release.receipt?.files ?? [], files);
  const looked = await lookAtFiles({ files }, before);
  return looked.map((file) => ({ ...file, path: hostPath(before, file.path) }));
}

/** The lines for a person. */
export function fileLines(files: readonly StatusFile[]): readonly string[] {
  return files.flatMap(({ path, name, found, ok }) => {
    if (ok) return [];
    return found === 'missing'
      ? [`${path} is missing: import the release again`]
      : [
          `${path} is not as it was installed: import the release again with --replace ${name} or --keep-local ${name}, and --reason TEXT`,
        ];
  });
}

/** What stands before every path: a receipt has the paths as they are on this host, the state has them without. */
export function prefixIn(onHost: readonly { readonly path: string }[], files: Installed['files']): string {
  for (const { path } of onHost) {
    const file = files.find((one) => path.endsWith(one.path));
    if (file !== undefined) return path.slice(0, -file.path.length) || '/';
  }
  return '/';
}

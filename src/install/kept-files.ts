/** Which files of a release its folder keeps for a later rollback. */

import type { ReleaseDocument, ReleaseFile } from '../manifest/index.ts';

/** All files of the release but ferry's own executables, which are large and no release's. */
export function keptFiles(release: ReleaseDocument): readonly ReleaseFile[] {
  return release.files.filter((file) => file.ferry === undefined);
}

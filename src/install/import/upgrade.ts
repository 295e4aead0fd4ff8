/**
 * Whether a release goes onto the one that is installed: `upgradeFrom` of the release manifest. Where no release is
 * recorded, or its name is no version, that is said and nothing is refused. Pure.
 */

import { parseReleaseDocument, type ReleaseDocument, satisfiesRange } from '../../manifest/index.ts';
import type { StoredRelease } from '../../state/index.ts';
import type { AcceptedRelease } from '../../trust/index.ts';
import { InstallError } from '../error.ts';

export interface UpgradeOptions {
  /** The one that is to be installed. */
  readonly release: ReleaseDocument;
  readonly listed: Pick<AcceptedRelease, 'isDowngrade'>;
  /** The one that is. */
  readonly current: StoredRelease | undefined;
}

/** Answers lines for what was not judged. @throws {InstallError} `UPGRADE_FROM` with both */
export function judgeUpgrade({ release, listed, current }: UpgradeOptions): readonly string[] {
  const { upgradeFrom: range } = release;
  if (range === undefined || current?.sequence === release.sequence) return [];
  const goesOnto = `${release.release} goes onto ${range}`;
  if (current === undefined) return [`${goesOnto}, and no release is recorded here: not judged`];
  const { release: from } = parseReleaseDocument(current.document);
  // whoever goes back on purpose is asked for a reason, and no release knows from which later one that may be
  if (listed.isDowngrade) return [`${goesOnto}, and this is a step back from ${from}: not judged`];
  const isRight = satisfiesRange(from, range);
  if (isRight === undefined) return [`${goesOnto}, and ${from}, which is installed, is no version: not judged`];
  if (isRight) return [];
  throw new InstallError(
    `judge release: ${release.release} goes onto ${JSON.stringify(range)}, got ${from} installed`,
    {
      code: 'UPGRADE_FROM',
      hint: `install a release of ${range} first, then this one`,
      facts: { release: release.release, upgradeFrom: range, installed: from },
    },
  );
}

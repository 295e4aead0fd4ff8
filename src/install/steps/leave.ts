/**
 * Before a release is left for another: what it is on this host is written down whole, with all that the other one is
 * about to touch as it stands now, edits included. That is what a rollback brings back. Of release 0, what was here
 * before the first import, this is all there is.
 */

import { verified } from '../../content/index.ts';
import type { Digest } from '../../oci/index.ts';
import { readStanding } from '../files/standing.ts';
import { INSTALLED, type Installed, keptName, restoreInstalled } from '../kept/installed.ts';
import type { Step, StepKind } from './step.ts';

export interface LeaveData {
  readonly sequence: number;
  /** What stood in its folder; `null` where there was none, as for release 0. */
  readonly before: Installed | null;
  readonly after: Installed;
  /** Files whose bytes are not kept in the folder yet. */
  readonly keep: readonly { readonly path: string; readonly digest: Digest; readonly size: number }[];
}

/** The step that completes what is known of a release. */
export function leave(data: LeaveData): Step<LeaveData> {
  const what = data.sequence === 0 ? 'what is here' : `release ${data.sequence} as it is`;
  return { kind: 'leave', name: `write down ${what}`, data };
}

export const leaveStep: StepKind<LeaveData> = {
  isResumable: false,
  apply: async ({ sequence, after, keep }, { state, tree }) => {
    for (const { path, ...expected } of keep) {
      const name = keptName(expected.digest);
      await state.putReleaseFile({ sequence, name }, verified(readStanding(tree, path), expected));
    }
    await state.putReleaseDocument({ sequence, name: INSTALLED }, { ...after });
  },
  undo: async ({ sequence, before, keep }, { state }) => {
    await restoreInstalled(state, sequence, before);
    for (const { digest } of keep) await state.removeReleaseFile(sequence, keptName(digest));
  },
};

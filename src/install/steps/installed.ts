/** What an overlay has changed belongs to the installed release from then on: its `installed.json` says so. */

import { INSTALLED, type Installed, restoreInstalled } from '../kept/installed.ts';
import type { Step, StepKind } from './step.ts';

export interface InstalledData {
  readonly sequence: number;
  /** `null` where there was no such document. */
  readonly before: Installed | null;
  readonly after: Installed;
}

/** The step that writes down what an overlay has changed. */
export function installed(data: InstalledData): Step<InstalledData> {
  return { kind: 'installed', name: 'write down the files of this site', data };
}

export const installedStep: StepKind<InstalledData> = {
  isResumable: true,
  apply: ({ sequence, after }, { state }) => state.putReleaseDocument({ sequence, name: INSTALLED }, { ...after }),
  undo: ({ sequence, before }, { state }) => restoreInstalled(state, sequence, before),
};

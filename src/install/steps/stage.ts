/**
 * Files of a release as a step: written beside their places, whole and synced, before anything that counts is changed.
 * It reads the medium or the state, so it cannot be made again from the journal alone: it is undone.
 */

import { type Label, labelWith } from '../files/label.ts';
import { placeLinks } from '../files/place-links.ts';
import { writeVersion } from '../files/stage-version.ts';
import { findStanding } from '../files/standing.ts';
import { changedMeanwhile, type SwitchData } from '../files/switch-plan.ts';
import { removeFolders, settleFiles, unstage } from '../files/unstage-files.ts';
import type { Site, Step, StepKind } from './step.ts';

/** The step that writes what a plan changes; none where it changes nothing. */
export function stageFiles(data: SwitchData | undefined): Step<SwitchData> | undefined {
  return data && { kind: 'stage', name: 'write files beside their places', data };
}

/** @param label gives a new file its SELinux label. */
export function stageKind(label: Label): StepKind<SwitchData> {
  return {
    isResumable: false,
    check: refuseChanged,
    apply: async ({ folders }, site) => {
      for (const change of folders) await writeVersion(change, site, label);
      for (const change of folders) await placeLinks(change, site);
    },
    undo: async ({ folders, made }, site) => {
      const errors: unknown[] = [];
      for (const change of folders.toReversed()) await unstage(change, site).catch((error) => errors.push(error));
      if (errors.length > 0) throw errors[0];
      await removeFolders(made, site);
    },
    settle: async ({ folders }, site) => {
      for (const change of folders) await settleFiles(change, site);
    },
  };
}

export const stageStep: StepKind<SwitchData> = stageKind(labelWith());

/** What was looked at is what will be replaced: an edit that came since would be lost. */
async function refuseChanged({ folders }: SwitchData, { tree }: Site): Promise<void> {
  for (const { folder, files } of folders) {
    for (const { name, found } of files) {
      const path = `${folder}/${name}`;
      const now = (await findStanding(tree, path))?.digest ?? null;
      if (now !== found) throw changedMeanwhile(path, 'the file that was looked at');
    }
  }
}

/**
 * The files of a release or an overlay as steps: written beside their destinations first, switched when the images are
 * in. What is there already, byte for byte and with its mode, is left alone. FORMAT §3, DESIGN decision 4.
 */

import { dirname } from 'node:path';
import type { InstallFile } from './destination.ts';
import type { FilePlan } from './file-plan.ts';
import { forget, type StagedFile, stage, switchBack, switchFile, writeDraft } from './place.ts';
import type { Step } from './step.ts';

export { type FilePlan, planFiles } from './file-plan.ts';

/**
 * The steps that write and switch the planned files.
 * @param read the bytes of a file, proven as they flow.
 */
export function fileSteps(
  plan: FilePlan,
  read: (file: InstallFile) => AsyncIterable<Uint8Array>,
): { readonly stage: Step; readonly switch: Step } | undefined {
  const changed = plan.files.filter(({ action }) => action === 'installed');
  if (changed.length === 0) return undefined;
  const staged: StagedFile[] = [];
  const begun = new Set<StagedFile>();
  return {
    stage: {
      name: 'write files beside their destinations',
      apply: async () => {
        for (const planned of changed) {
          const file = stage(await plan.tree.make(dirname(planned.file.path)), planned.file);
          staged.push(file);
          await writeDraft(file, { source: read(planned.file), found: planned.found });
        }
      },
      undo: async () => {
        for (const file of staged) await switchBack(file, { isBegun: begun.has(file) });
        begun.clear();
        await plan.tree.removeMade();
      },
      settle: async () => {
        for (const file of staged) await forget(file);
      },
    },
    switch: {
      name: 'switch files',
      apply: async () => {
        for (const file of staged) {
          begun.add(file);
          await switchFile(file);
        }
      },
      // the stage step's undo puts back and takes away in one go: it comes after this one
      undo: async () => {},
    },
  };
}

/**
 * The steps that change files of this site under the release that is installed: an overlay's, a renewed licence's. What
 * stands there before is kept with the release, `releases/<n>/kept/<hex>`, for no rollback goes back over these.
 */

import type { SiteState } from '../../state/index.ts';
import type { FilePlan } from '../files/file-plan.ts';
import { planSwitch } from '../files/switch-plan.ts';
import { findInstalled, keptName } from '../kept/installed.ts';
import { installed } from '../steps/installed.ts';
import { type LeaveData, leave } from '../steps/leave.ts';
import { stageFiles } from '../steps/stage.ts';
import type { Step } from '../steps/step.ts';
import { switchFiles } from '../steps/switch.ts';
import { filesAfter, wantedFiles } from './becoming.ts';

/** The steps; `undefined` where all stands as it is planned. Looks and changes nothing. */
export async function siteFileSteps(
  state: SiteState,
  plan: Pick<FilePlan, 'files' | 'tree'>,
): Promise<readonly Step[] | undefined> {
  const change = await planSwitch(wantedFiles(plan), plan.tree);
  if (change === undefined) return undefined;
  const sequence = (await state.findCurrentSequence()) ?? 0;
  const before = await findInstalled(state, sequence);
  const left = before ?? { sequence, tags: [], files: [] };
  const after = { ...left, sequence, files: filesAfter(plan, left.files) };
  const steps = [
    await keepReplaced(state, sequence, plan),
    stageFiles(change),
    switchFiles(change),
    installed({ sequence, before: before ?? null, after }),
  ];
  return steps.filter((step) => step !== undefined);
}

/** The step that keeps the files of this site that go, with the release that stays; none where none goes. */
export async function keepReplaced(
  state: SiteState,
  sequence: number,
  plan: Pick<FilePlan, 'files'>,
): Promise<Step<LeaveData> | undefined> {
  const keep = await replacedFiles(state, sequence, plan);
  if (keep.length === 0) return undefined;
  const before = await findInstalled(state, sequence);
  return leave({ sequence, before: before ?? null, after: before ?? { sequence, tags: [], files: [] }, keep });
}

/** Files that go, and whose bytes the release's folder has not. */
async function replacedFiles(
  state: SiteState,
  sequence: number,
  { files }: Pick<FilePlan, 'files'>,
): Promise<LeaveData['keep']> {
  const keep: LeaveData['keep'][number][] = [];
  for (const { action, file, found } of files) {
    if (file.role === undefined || action !== 'installed' || found === undefined || found.digest === file.digest)
      continue;
    const { digest, size } = found;
    if (!(await state.hasReleaseFile(sequence, keptName(digest)))) keep.push({ path: file.path, digest, size });
  }
  return keep;
}

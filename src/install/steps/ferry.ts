/**
 * The last step of an import: the ferry that was placed becomes the one that is used, and the unit that recovers at boot
 * is put beside it. Renames alone, so it is made from the journal and finds room on a full disk. What somebody else put
 * there meanwhile is theirs, and no reason to take a release back. FORMAT §3.
 */

import { lastWords, type ProgramEnd, runProgram } from '../../content/index.ts';
import { type FerryChange, swapsOf } from '../executable/change.ts';
import { dropFormerVersions } from '../executable/former-versions.ts';
import { UNIT } from '../executable/places.ts';
import { isOn, type Swap, swapBack, swapOn } from '../executable/swap.ts';
import { BARE_ENV, type RunProgram } from '../executable/trial.ts';
import { hostPath } from '../files/host-path.ts';
import type { Site, Step, StepKind } from './step.ts';

/** The step that links what was placed; none where it is linked already. */
export function linkFerry(data: FerryChange | undefined): Step<FerryChange> | undefined {
  return data && { kind: 'ferry', name: `link ferry ${data.version}`, data };
}

/** The kind. @param run runs systemctl, on a host itself and never below a prefix */
export function ferryKind(run: RunProgram): StepKind<FerryChange> {
  return {
    isResumable: true,
    apply: async (data, site) => {
      const { executable, link, unit } = swapsOf(data);
      // one that somebody else put in its place was never proven
      if (executable !== undefined && !(await swapOrSay(executable, site))) return;
      if (link !== undefined) await swapOrSay(link, site);
      if (unit === undefined || !(await swapOrSay(unit, site))) return;
      await systemctl(['daemon-reload'], site, run);
      // an operator who disabled it has a reason
      if (data.stood.unit === null) await systemctl(['enable', UNIT], site, run);
    },
    undo: async (data, site) => {
      const { executable, link, unit } = swapsOf(data);
      if (link !== undefined) await swapBack(link, site);
      if (executable !== undefined && data.executable === 'other') await swapBack(executable, site);
      if (unit !== undefined) await takeUnitBack(unit, site, run);
    },
    settle: dropFormerVersions,
  };
}

export const ferryStep = ferryKind(runProgram);

async function swapOrSay(swap: Swap, site: Site): Promise<boolean> {
  const isDone = await swapOn(swap, site);
  if (!isDone) {
    const path = hostPath(site.prefix, `${swap.folder}/${swap.name}`);
    site.warn(`${path} is not what it was when this began: left as somebody made it meanwhile`);
  }
  return isDone;
}

/** Disabled first: systemd reads in the unit itself what that means. */
async function takeUnitBack(unit: Swap, site: Site, run: RunProgram): Promise<void> {
  if (!(await isOn(unit, site))) return;
  if (unit.was === null) await systemctl(['disable', UNIT], site, run);
  await swapBack(unit, site);
  await systemctl(['daemon-reload'], site, run);
}

const SYSTEMCTL_MS = 60_000;

/** That the unit is in its place is what counts; a systemd that is in trouble is told of. */
async function systemctl(words: readonly string[], site: Site, run: RunProgram): Promise<void> {
  if (site.prefix !== '/') return;
  const command = ['systemctl', ...words];
  const end: ProgramEnd = await run(command, { env: BARE_ENV, timeoutMs: SYSTEMCTL_MS });
  if (end.status !== 0) site.warn(`${command.join(' ')}: status ${end.status}, ${lastWords(end)}`);
}
